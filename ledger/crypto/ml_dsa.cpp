#include "ledger/crypto/ml_dsa.h"

#include <memory>
#include <string>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>

#include "ledger/crypto/detail/openssl.h"

namespace witan {

#if OPENSSL_VERSION_NUMBER >= 0x30500000L

namespace {

using AlgorithmPtr = std::unique_ptr<EVP_SIGNATURE, detail::Free<EVP_SIGNATURE_free>>;

// Fetched once; null where the library was built or configured without the algorithm.
EVP_SIGNATURE* algorithm() {
  static const AlgorithmPtr fetched(EVP_SIGNATURE_fetch(nullptr, "ML-DSA-44", nullptr));
  return fetched.get();
}

}  // namespace

bool ml_dsa_available() {
  return algorithm() != nullptr;
}

Result<void> ml_dsa_44_verify(BytesView key, BytesView message, BytesView signature) {
  if (!ml_dsa_available()) {
    return fail(ErrorCode::kUnsupported, "ML-DSA-44: this OpenSSL was built without it");
  }
  if (key.size() != kMlDsa44KeyBytes) {
    return fail(ErrorCode::kMalformed,
                "ML-DSA-44 key: expected 1312 bytes, found " + std::to_string(key.size()));
  }
  const detail::PkeyPtr parsed(
      EVP_PKEY_new_raw_public_key_ex(nullptr, "ML-DSA-44", nullptr, key.data(), key.size()));
  if (parsed == nullptr) {
    ERR_clear_error();
    return fail(ErrorCode::kMalformed, "ML-DSA-44 key: refused by OpenSSL");
  }
  const detail::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, parsed.get(), nullptr));
  if (context == nullptr ||
      EVP_PKEY_verify_message_init(context.get(), algorithm(), nullptr) != 1 ||
      EVP_PKEY_verify(context.get(), signature.data(), signature.size(), message.data(),
                      message.size()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kBadSignature, "ML-DSA-44: the signature is wrong");
  }
  return {};
}

#else

bool ml_dsa_available() {
  return false;
}

Result<void> ml_dsa_44_verify(BytesView /*key*/, BytesView /*message*/, BytesView /*signature*/) {
  return fail(ErrorCode::kUnsupported, "ML-DSA-44 needs OpenSSL 3.5 or later");
}

#endif

}  // namespace witan
