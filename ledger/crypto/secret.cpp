#include "ledger/crypto/secret.h"

#include <stdexcept>

#include <openssl/crypto.h>
#include <sodium.h>

namespace witan {

void init_crypto() {
  // 1 means that it was started before.
  if (sodium_init() < 0) throw std::runtime_error("libsodium could not be started");
  // Reads its configuration now, while files can be opened.
  OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr);
}

bool equal_secret(BytesView a, BytesView b) {
  // The length of a secret is public, its bytes are not.
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(Bytes& bytes) {
  sodium_memzero(bytes.data(), bytes.size());
  bytes.clear();
}

void wipe(std::string& text) {
  sodium_memzero(text.data(), text.size());
  text.clear();
}

void fill_random(std::span<std::uint8_t> out) {
  randombytes_buf(out.data(), out.size());
}

}  // namespace witan
