#pragma once
// Attestation evidence of any kind that this program knows, recognised by its content and judged
// offline.

#include <cstdint>
#include <optional>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "node/cli/cli.h"
#include "witness/verify.h"

namespace witan::cli {

struct AttestationInput {
  Bytes evidence;
  std::vector<Bytes> endorsements;  // certificates, PEM or DER
  VerifyTrust trust;                // log keys, origin and lowest grade
  std::optional<Bytes> nonce;       // what it must be over; nullopt: not compared
  std::int64_t time_s = 0;          // at which certificates must be valid, since 1970
};

// What was verified, for people to read. Takes: evidence of a Witan enclave, signed by one of the
// log keys; AMD SEV-SNP reports, with the certificates of the chip, its product line and AMD's root
// as endorsements. kUnsupported for other kinds, kUsage when a kind needs what was not given, and
// the errors of verify_evidence, verify_snp and check_snp_policy.
[[nodiscard]] Result<Facts> verify_attestation(const AttestationInput& input);

}  // namespace witan::cli
