#pragma once
// Signatures as security hardware makes them, where COSE's pairing of key and digest does not hold:
// ECDSA on any NIST curve with any SHA-2, RSASSA-PKCS1-v1_5, and PSS with whatever salt the
// hardware took (TPM 2.0 part 1, annex B.7: as long as fits).

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/digest.h"
#include "ledger/crypto/public_key.h"

namespace witan {

enum class HardwareScheme {
  kEcdsa,     // r || s, each as long as the curve's numbers
  kRsaPkcs1,  // as long as the modulus
  kRsaPss,
};

// Succeeds when `signature` over digest(hash, message) verifies under `key`. kUnsupported when the
// scheme does not fit the kind of key, else kBadSignature.
[[nodiscard]] Result<void> verify_hardware_signature(const PublicKey& key, HardwareScheme scheme,
                                                     HashFunction hash, BytesView message,
                                                     BytesView signature);

}  // namespace witan
