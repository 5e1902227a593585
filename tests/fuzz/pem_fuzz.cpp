// Keys that are accepted from PEM or DER are the same keys after they are written and read again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/crypto/private_key.h"
#include "ledger/crypto/public_key.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_public(const witan::PublicKey& key) {
  require(witan::PublicKey::from_spki(key.spki()).value() == key);
  require(witan::PublicKey::from_pem(key.pem()).value() == key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = witan::PublicKey::from_pem(text)) check_public(*key);
  if (const auto key = witan::PublicKey::from_spki({data, size})) check_public(*key);
  if (const auto key = witan::PrivateKey::from_pem(text)) {
    check_public(key->public_key());
    require(witan::PrivateKey::from_pem(key->to_pem())->public_key() == key->public_key());
  }
  return 0;
}
