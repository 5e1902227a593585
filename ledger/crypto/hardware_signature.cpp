#include "ledger/crypto/hardware_signature.h"

#include <string>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "ledger/crypto/detail/public_key_impl.h"
#include "ledger/crypto/ecdsa_der.h"

namespace witan {
namespace {

tl::unexpected<Error> bad_hardware_signature() {
  return fail(ErrorCode::kBadSignature, "the signature does not verify under the key");
}

void set_padding(EVP_PKEY_CTX* context, HardwareScheme scheme) {
  if (scheme == HardwareScheme::kEcdsa) return;
  const bool pss = scheme == HardwareScheme::kRsaPss;
  detail::require(
      EVP_PKEY_CTX_set_rsa_padding(context, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1,
      "RSA padding");
  if (pss) {
    detail::require(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) == 1,
                    "PSS salt length");
  }
}

}  // namespace

Result<void> verify_hardware_signature(const PublicKey& key, HardwareScheme scheme,
                                       HashFunction hash, BytesView message, BytesView signature) {
  const bool ecdsa = scheme == HardwareScheme::kEcdsa;
  const std::size_t width = detail::coordinate_size(key.kind());
  if (ecdsa ? width == 0 : key.kind() != KeyKind::kRsa) {
    return fail(ErrorCode::kUnsupported, "a signature by " + std::string(ecdsa ? "ECDSA" : "RSA") +
                                             " under a key of kind " +
                                             std::string(to_string(key.kind())));
  }
  EVP_PKEY* pkey = key.impl().pkey.get();
  const std::size_t expected =
      ecdsa ? 2 * width : static_cast<std::size_t>(EVP_PKEY_get_size(pkey));
  if (signature.size() != expected) {
    return fail(ErrorCode::kBadSignature, "a signature of " + std::to_string(signature.size()) +
                                              " bytes, expected " + std::to_string(expected));
  }
  Bytes der;
  if (ecdsa) {
    WITAN_ASSIGN(der, ecdsa_to_der(signature, key.kind()));
    signature = der;
  }
  const Bytes hashed = digest(hash, message);
  const detail::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey, nullptr));
  detail::require(context != nullptr && EVP_PKEY_verify_init(context.get()) == 1, "verify context");
  set_padding(context.get(), scheme);
  detail::require(EVP_PKEY_CTX_set_signature_md(context.get(), detail::message_digest(hash)) == 1,
                  "signature digest");
  const int verified = EVP_PKEY_verify(context.get(), signature.data(), signature.size(),
                                       hashed.data(), hashed.size());
  if (verified != 1) {
    detail::clear_errors();
    return bad_hardware_signature();
  }
  return {};
}

}  // namespace witan
