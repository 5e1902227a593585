#pragma once
// Endorsements of a utility VM: a cloud provider signs which launch measurement its image has, so
// that a policy can name the image by provider, feed and version instead of by measurement.
// Source: what Microsoft's attested containers carry (CCF documentation, "UVM endorsements"): a
// tagged COSE_Sign1 with a protected x5chain, the text labels `iss` (a did:x509) and `feed`, and a
// JSON payload with "x-ms-sevsnpvm-launchmeasurement" and "x-ms-sevsnpvm-guestsvn".

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

inline constexpr std::size_t kUvmEndorsementBytesMax = 64u << 10;

struct UvmEndorsement {
  std::string issuer;  // did:x509
  std::string feed;
  std::uint64_t svn = 0;
  std::array<std::uint8_t, 48> launch_measurement{};
};

// Verifies the signature (PS384) under the leaf of the chain that the issuer's DID resolves to.
// The unprotected header, where a time stamp travels, is not signed and not looked at. `time_s`:
// seconds since 1970 at which all certificates must be valid, nullopt for any. kMalformed,
// kTooLarge, kUnsupported (algorithm, critical headers), kBadIdentity (chain, DID), kBadSignature.
[[nodiscard]] Result<UvmEndorsement> verify_uvm_endorsement(BytesView cose_sign1,
                                                            std::optional<std::int64_t> time_s);

}  // namespace witan
