#include "ledger/crypto/digest.h"

#include <openssl/evp.h>

#include "ledger/crypto/detail/openssl.h"

namespace witan {

const EVP_MD* detail::message_digest(HashFunction hash) {
  switch (hash) {
    case HashFunction::kSha384:
      return EVP_sha384();
    case HashFunction::kSha512:
      return EVP_sha512();
    case HashFunction::kSha256:
      break;
  }
  return EVP_sha256();
}

std::size_t digest_bytes(HashFunction hash) {
  return static_cast<std::size_t>(EVP_MD_get_size(detail::message_digest(hash)));
}

std::string_view to_string(HashFunction hash) {
  switch (hash) {
    case HashFunction::kSha384:
      return "SHA-384";
    case HashFunction::kSha512:
      return "SHA-512";
    case HashFunction::kSha256:
      break;
  }
  return "SHA-256";
}

Bytes digest(HashFunction hash, BytesView data) {
  Bytes out(digest_bytes(hash));
  detail::require(EVP_Digest(data.data(), data.size(), out.data(), nullptr,
                             detail::message_digest(hash), nullptr) == 1,
                  "digest");
  return out;
}

}  // namespace witan
