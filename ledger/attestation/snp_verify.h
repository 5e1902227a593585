#pragma once
// Verification of AMD SEV-SNP evidence, offline: a report, the certificates that came with it, a
// time. What the report says is then judged by a policy.
// Sources: AMD SEV-SNP Firmware ABI Specification (56860); AMD Versioned Chip Endorsement Key
// Certificate and KDS Interface Specification (57230), section 3 for the extensions.
//
// Revocation lists are not looked at: a log must be able to repeat its decisions from its own data.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "config/result.h"
#include "ledger/attestation/amd_roots.h"
#include "ledger/attestation/snp_report.h"
#include "ledger/bytes.h"
#include "ledger/crypto/x509.h"

namespace witan {

// What was verified: AMD hardware of that product line signed exactly this.
struct SnpVerified {
  SnpProduct product = SnpProduct::kMilan;
  SnpTcb tcb;        // reported_tcb, which the signing key was derived for
  SnpReport report;  // all else, among it: measurement, host_data, report_data, chip_id, vmpl,
                     // policy.debug, guest_svn, signing_key
};

// Verifies the report's signature under the one VCEK or VLEK certificate among `certificates` (see
// read_certificates), that certificate up to one of `roots`, and that both name the same product
// line, patch levels and (VCEK) chip. `time_s`: seconds since 1970 at which every certificate must
// be valid, nullopt for any time. The errors of SnpReport::parse; kBadIdentity (no chain, another
// chip, product or patch level), kBadSignature, kMalformed (extensions of the certificate).
[[nodiscard]] Result<SnpVerified> verify_snp(BytesView report,
                                             std::span<const Certificate> certificates,
                                             std::optional<std::int64_t> time_s,
                                             std::span<const AmdRoot> roots = amd_roots());

// What somebody accepts. As it stands: any measurement on any production platform.
struct SnpPolicy {
  bool allow_debug = false;
  bool allow_migration = false;
  std::uint32_t vmpl_max = 0;  // 0 to 3; higher levels are less privileged
  std::uint32_t guest_svn_min = 0;
  // Least patch levels, each component for itself. With any given, other products are refused.
  std::vector<std::pair<SnpProduct, SnpTcb>> minimum_tcb = {};
  // Allowed values; an empty list allows all.
  std::vector<std::array<std::uint8_t, 48>> measurements = {};
  std::vector<Hash32> host_data = {};
};

// kRefused, naming the field with what was found and expected.
[[nodiscard]] Result<void> check_snp_policy(const SnpVerified& verified, const SnpPolicy& policy);

}  // namespace witan
