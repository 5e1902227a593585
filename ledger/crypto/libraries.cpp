#include "ledger/crypto/libraries.h"

#include <openssl/opensslv.h>
#include <sodium.h>

namespace witan {

std::string openssl_version() {
  return OPENSSL_VERSION_STR;
}

std::string libsodium_version() {
  return SODIUM_VERSION_STRING;
}

}  // namespace witan
