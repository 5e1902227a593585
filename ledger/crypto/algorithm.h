#pragma once
// Signature algorithms by their COSE numbers (RFC 9053, IANA "COSE Algorithms"), each bound to one
// kind of key: ES512 on a P-256 key is refused, not tried.

#include <cstdint>
#include <optional>
#include <string_view>

#include "config/result.h"

namespace witan {

enum class Algorithm : std::int64_t {
  kEs256 = -7,   // ECDSA P-256, SHA-256, signature r||s of 64 bytes
  kEdDsa = -8,   // Ed25519 (Ed448 for verification only)
  kEs384 = -35,  // ECDSA P-384, SHA-384, 96 bytes
  kEs512 = -36,  // ECDSA P-521, SHA-512, 132 bytes
  kPs256 = -37,  // RSASSA-PSS, salt as long as the hash
  kPs384 = -38,
  kPs512 = -39,
};

enum class KeyKind { kEd25519, kEd448, kP256, kP384, kP521, kRsa };

// kUnsupported with the number in the message when it is none of the above.
[[nodiscard]] Result<Algorithm> algorithm_from_cose(std::int64_t number);
// By name as policies and the command line write it: "ES256", "EdDSA", ... Case-sensitive.
[[nodiscard]] Result<Algorithm> algorithm_from_name(std::string_view name);
[[nodiscard]] std::string_view to_string(Algorithm algorithm);
[[nodiscard]] std::string_view to_string(KeyKind kind);
// Whether a key of that kind may verify signatures of that algorithm.
[[nodiscard]] bool accepts(Algorithm algorithm, KeyKind kind);
// The algorithm Witan signs with when it has a key of that kind (EdDSA, ES256, ES384, ES512,
// PS256).
[[nodiscard]] Algorithm default_algorithm(KeyKind kind);

}  // namespace witan
