#pragma once
// The inside of PublicKey, for crypto/ only.

#include <array>

#include "ledger/crypto/detail/openssl.h"
#include "ledger/crypto/public_key.h"

namespace witan {

struct PublicKey::Impl {
  KeyKind kind;
  // Ed25519 only: libsodium verifies, and OpenSSL's object is made when somebody wants SPKI.
  std::array<std::uint8_t, 32> ed25519{};
  // The others.
  detail::PkeyPtr pkey;
};

namespace detail {

// Takes any public or private key of OpenSSL's and gives its public half, with points encoded
// uncompressed from here on. Errors as kind_of.
[[nodiscard]] Result<PublicKey> public_key_from_pkey(PkeyPtr pkey);

}  // namespace detail
}  // namespace witan
