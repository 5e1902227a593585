#pragma once
// ML-DSA-44 verification, where OpenSSL has it (3.5 and later).
// Source: FIPS 204 (pure ML-DSA, empty context).

#include <cstddef>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

inline constexpr std::size_t kMlDsa44KeyBytes = 1'312;
inline constexpr std::size_t kMlDsa44SignatureBytes = 2'420;

// Whether this build can verify ML-DSA-44 at all.
[[nodiscard]] bool ml_dsa_available();

// kUnsupported where ml_dsa_available() is false, kMalformed for a key of another length,
// kBadSignature when the signature is not one of that key over the message.
[[nodiscard]] Result<void> ml_dsa_44_verify(BytesView key, BytesView message, BytesView signature);

}  // namespace witan
