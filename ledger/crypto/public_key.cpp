#include "ledger/crypto/public_key.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "ledger/crypto/detail/public_key_impl.h"
#include "ledger/crypto/ecdsa_der.h"

namespace witan {
namespace {

using detail::BignumPtr;
using detail::clear_errors;
using detail::PkeyPtr;
using detail::require;

Bytes bignum_param(const EVP_PKEY* key, const char* name, std::size_t size) {
  BIGNUM* raw = nullptr;
  require(EVP_PKEY_get_bn_param(key, name, &raw) == 1, name);
  const BignumPtr number(raw);
  Bytes out(size == 0 ? static_cast<std::size_t>(BN_num_bytes(raw)) : size);
  require(BN_bn2binpad(raw, out.data(), static_cast<int>(out.size())) >= 0, name);
  return out;
}

PkeyPtr ed25519_pkey(BytesView raw) {
  PkeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw.data(), raw.size()));
  require(key != nullptr, "Ed25519 public key");
  return key;
}

Result<PublicKey> from_point(KeyKind curve, Bytes point) {
  const detail::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  require(context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1, "EC context");
  std::string group = detail::group_name(curve);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY* raw = nullptr;
  if (EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, params) != 1) {
    clear_errors();
    return fail(ErrorCode::kMalformed,
                "EC public key: the point is not on " + std::string(to_string(curve)));
  }
  return detail::public_key_from_pkey(PkeyPtr(raw));
}

Result<std::size_t> checked_curve(KeyKind curve) {
  const std::size_t size = detail::coordinate_size(curve);
  if (size == 0) {
    return fail(ErrorCode::kUnsupported, "EC public key of kind " + std::string(to_string(curve)) +
                                             ", expected P-256, P-384 or P-521");
  }
  return size;
}

Result<void> check_coordinate(KeyKind curve, std::string_view name, std::size_t found,
                              std::size_t expected) {
  if (found == expected) return {};
  return fail(ErrorCode::kMalformed, "EC public key: " + std::string(name) + " has " +
                                         std::to_string(found) + " bytes, expected " +
                                         std::to_string(expected) + " on " +
                                         std::string(to_string(curve)));
}

tl::unexpected<Error> bad_signature(Algorithm algorithm) {
  return fail(ErrorCode::kBadSignature,
              std::string(to_string(algorithm)) + " signature does not verify");
}

Result<void> check_signature_size(Algorithm algorithm, std::size_t found, std::size_t expected) {
  if (found == expected) return {};
  return fail(ErrorCode::kBadSignature, std::string(to_string(algorithm)) + " signature of " +
                                            std::to_string(found) + " bytes, expected " +
                                            std::to_string(expected));
}

Result<void> verify_ed448(EVP_PKEY* key, BytesView message, BytesView signature) {
  WITAN_TRY(check_signature_size(Algorithm::kEdDsa, signature.size(), 114));
  const detail::MdCtxPtr context(EVP_MD_CTX_new());
  require(context != nullptr &&
              EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1,
          "Ed448 context");
  if (EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) != 1) {
    clear_errors();
    return bad_signature(Algorithm::kEdDsa);
  }
  return {};
}

Result<void> verify_digest(EVP_PKEY* key, KeyKind kind, Algorithm algorithm, BytesView message,
                           BytesView signature) {
  Bytes der;
  if (kind == KeyKind::kRsa) {
    WITAN_TRY(check_signature_size(algorithm, signature.size(),
                                   static_cast<std::size_t>(EVP_PKEY_get_size(key))));
  } else {
    WITAN_TRY(check_signature_size(algorithm, signature.size(), 2 * detail::coordinate_size(kind)));
    // Zero and numbers above the order are left to OpenSSL, which refuses them.
    WITAN_ASSIGN(der, ecdsa_to_der(signature, kind));
  }
  const BytesView encoded = kind == KeyKind::kRsa ? signature : BytesView(der);
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest_buffer;
  const BytesView digest = detail::hash_message(algorithm, message, digest_buffer.data());
  const detail::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  require(context != nullptr && EVP_PKEY_verify_init(context.get()) == 1, "verify context");
  if (kind == KeyKind::kRsa) detail::set_pss(context.get(), algorithm);
  if (EVP_PKEY_verify(context.get(), encoded.data(), encoded.size(), digest.data(),
                      digest.size()) != 1) {
    clear_errors();
    return bad_signature(algorithm);
  }
  return {};
}

}  // namespace

Result<PublicKey> detail::public_key_from_pkey(PkeyPtr pkey) {
  WITAN_ASSIGN(const KeyKind kind, kind_of(pkey.get()));
  auto impl = std::make_shared<PublicKey::Impl>();
  impl->kind = kind;
  if (kind == KeyKind::kEd25519) {
    std::size_t size = impl->ed25519.size();
    require(EVP_PKEY_get_raw_public_key(pkey.get(), impl->ed25519.data(), &size) == 1 &&
                size == impl->ed25519.size(),
            "Ed25519 public key");
    return PublicKey(std::move(impl));
  }
  if (coordinate_size(kind) != 0) {
    const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey.get(), nullptr));
    require(context != nullptr, "key context");
    if (EVP_PKEY_public_check_quick(context.get()) != 1) {
      clear_errors();
      return fail(ErrorCode::kMalformed,
                  "EC public key: the point is not on " + std::string(to_string(kind)));
    }
    // One key, one SPKI: a point that came compressed leaves uncompressed.
    require(EVP_PKEY_set_utf8_string_param(pkey.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                           OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) == 1,
            "EC point format");
  }
  impl->pkey = std::move(pkey);
  return PublicKey(std::move(impl));
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  WITAN_ASSIGN(const detail::PemBlock block, detail::read_pem(pem));
  if (block.label == "PUBLIC KEY") return from_spki(block.view());
  if (block.label != "CERTIFICATE") {
    return fail(ErrorCode::kMalformed, "PEM block \"" + block.label.substr(0, 64) +
                                           "\", expected \"PUBLIC KEY\" or \"CERTIFICATE\"");
  }
  const std::uint8_t* cursor = block.data;
  const detail::X509Ptr certificate(d2i_X509(nullptr, &cursor, block.size));
  if (certificate == nullptr || cursor != block.data + block.size) {
    clear_errors();
    return fail(ErrorCode::kMalformed, "PEM block \"CERTIFICATE\" is not one X.509 certificate");
  }
  PkeyPtr key(X509_get_pubkey(certificate.get()));
  if (key == nullptr) {
    clear_errors();
    return fail(ErrorCode::kUnsupported, "certificate with a public key of an unknown kind");
  }
  // The certificate's own object is shared with it: take a private copy to change its point format.
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  require(size > 0, "public key of a certificate");
  const Bytes spki_bytes(der, der + size);
  OPENSSL_free(der);
  return from_spki(spki_bytes);
}

Result<PublicKey> PublicKey::from_spki(BytesView der) {
  const std::uint8_t* cursor = der.data();
  PkeyPtr key(der.empty() ? nullptr : d2i_PUBKEY(nullptr, &cursor, static_cast<long>(der.size())));
  clear_errors();
  if (key == nullptr) {
    return fail(ErrorCode::kMalformed, "not a SubjectPublicKeyInfo of a known kind of key (" +
                                           std::to_string(der.size()) + " bytes)");
  }
  if (cursor != der.data() + der.size()) {
    return fail(ErrorCode::kMalformed, "bytes after the SubjectPublicKeyInfo");
  }
  return detail::public_key_from_pkey(std::move(key));
}

Result<PublicKey> PublicKey::from_ed25519(BytesView raw) {
  auto impl = std::make_shared<Impl>();
  if (raw.size() != impl->ed25519.size()) {
    return fail(ErrorCode::kMalformed,
                "Ed25519 public key of " + std::to_string(raw.size()) + " bytes, expected 32");
  }
  impl->kind = KeyKind::kEd25519;
  std::copy(raw.begin(), raw.end(), impl->ed25519.begin());
  return PublicKey(std::move(impl));
}

Result<PublicKey> PublicKey::from_ed448(BytesView raw) {
  if (raw.size() != 57) {
    return fail(ErrorCode::kMalformed,
                "Ed448 public key of " + std::to_string(raw.size()) + " bytes, expected 57");
  }
  PkeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED448, nullptr, raw.data(), raw.size()));
  require(key != nullptr, "Ed448 public key");
  return detail::public_key_from_pkey(std::move(key));
}

Result<PublicKey> PublicKey::from_ec(KeyKind curve, BytesView x, BytesView y) {
  WITAN_ASSIGN(const std::size_t size, checked_curve(curve));
  WITAN_TRY(check_coordinate(curve, "x", x.size(), size));
  WITAN_TRY(check_coordinate(curve, "y", y.size(), size));
  Bytes point = {0x04};
  append(point, x);
  append(point, y);
  return from_point(curve, std::move(point));
}

Result<PublicKey> PublicKey::from_ec_compressed(KeyKind curve, BytesView x, bool y_is_odd) {
  WITAN_ASSIGN(const std::size_t size, checked_curve(curve));
  WITAN_TRY(check_coordinate(curve, "x", x.size(), size));
  Bytes point = {static_cast<std::uint8_t>(y_is_odd ? 0x03 : 0x02)};
  append(point, x);
  return from_point(curve, std::move(point));
}

Result<PublicKey> PublicKey::from_rsa(BytesView n, BytesView e) {
  // Checked before OpenSSL sees megabytes of modulus.
  if (n.empty() || e.empty() || n.size() > 2048 || e.size() > 64 || n[0] == 0 || e[0] == 0) {
    return fail(ErrorCode::kMalformed,
                "RSA public key: modulus of " + std::to_string(n.size()) +
                    " bytes and exponent of " + std::to_string(e.size()) +
                    " bytes, expected neither empty, huge nor with leading zeroes");
  }
  const BignumPtr modulus(BN_bin2bn(n.data(), static_cast<int>(n.size()), nullptr));
  const BignumPtr exponent(BN_bin2bn(e.data(), static_cast<int>(e.size()), nullptr));
  const detail::ParamBldPtr builder(OSSL_PARAM_BLD_new());
  require(modulus != nullptr && exponent != nullptr && builder != nullptr &&
              OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) == 1 &&
              OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) == 1,
          "RSA parameters");
  const detail::ParamPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  const detail::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  require(params != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1,
          "RSA context");
  EVP_PKEY* raw_key = nullptr;
  if (EVP_PKEY_fromdata(context.get(), &raw_key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    clear_errors();
    return fail(ErrorCode::kMalformed, "RSA public key: modulus and exponent are not a key");
  }
  return detail::public_key_from_pkey(PkeyPtr(raw_key));
}

KeyKind PublicKey::kind() const {
  return impl_->kind;
}

Bytes PublicKey::spki() const {
  const PkeyPtr ed25519 = impl_->pkey == nullptr ? ed25519_pkey(impl_->ed25519) : nullptr;
  const EVP_PKEY* key = ed25519 == nullptr ? impl_->pkey.get() : ed25519.get();
  const int size = i2d_PUBKEY(key, nullptr);
  require(size > 0, "SubjectPublicKeyInfo");
  Bytes out(static_cast<std::size_t>(size));
  std::uint8_t* cursor = out.data();
  require(i2d_PUBKEY(key, &cursor) == size, "SubjectPublicKeyInfo");
  return out;
}

std::string PublicKey::pem() const {
  const Bytes der = spki();
  const detail::BioPtr out(BIO_new(BIO_s_mem()));
  require(out != nullptr && PEM_write_bio(out.get(), "PUBLIC KEY", "", der.data(),
                                          static_cast<long>(der.size())) > 0,
          "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Bytes PublicKey::raw() const {
  switch (impl_->kind) {
    case KeyKind::kEd25519:
      return to_bytes(impl_->ed25519);
    case KeyKind::kEd448: {
      Bytes out(57);
      std::size_t size = out.size();
      require(EVP_PKEY_get_raw_public_key(impl_->pkey.get(), out.data(), &size) == 1,
              "Ed448 public key");
      return out;
    }
    case KeyKind::kRsa:
      return {};
    case KeyKind::kP256:
    case KeyKind::kP384:
    case KeyKind::kP521:
      break;
  }
  const std::size_t size = detail::coordinate_size(impl_->kind);
  Bytes out = bignum_param(impl_->pkey.get(), OSSL_PKEY_PARAM_EC_PUB_X, size);
  append(out, bignum_param(impl_->pkey.get(), OSSL_PKEY_PARAM_EC_PUB_Y, size));
  return out;
}

Bytes PublicKey::rsa_n() const {
  if (impl_->kind != KeyKind::kRsa) return {};
  return bignum_param(impl_->pkey.get(), OSSL_PKEY_PARAM_RSA_N, 0);
}

Bytes PublicKey::rsa_e() const {
  if (impl_->kind != KeyKind::kRsa) return {};
  return bignum_param(impl_->pkey.get(), OSSL_PKEY_PARAM_RSA_E, 0);
}

Result<void> PublicKey::verify(Algorithm algorithm, BytesView message, BytesView signature) const {
  if (!accepts(algorithm, impl_->kind)) {
    return fail(ErrorCode::kUnsupported,
                "algorithm " + std::string(to_string(algorithm)) + " does not fit a key of kind " +
                    std::string(to_string(impl_->kind)) + ", expected " +
                    std::string(to_string(default_algorithm(impl_->kind))));
  }
  if (impl_->kind == KeyKind::kEd448) return verify_ed448(impl_->pkey.get(), message, signature);
  if (impl_->kind != KeyKind::kEd25519) {
    return verify_digest(impl_->pkey.get(), impl_->kind, algorithm, message, signature);
  }
  WITAN_TRY(check_signature_size(algorithm, signature.size(), crypto_sign_BYTES));
  if (crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                  impl_->ed25519.data()) != 0) {
    return bad_signature(algorithm);
  }
  return {};
}

bool operator==(const PublicKey& a, const PublicKey& b) {
  if (a.impl_ == b.impl_) return true;
  if (a.impl_->kind != b.impl_->kind) return false;
  if (a.impl_->kind == KeyKind::kEd25519) return a.impl_->ed25519 == b.impl_->ed25519;
  return EVP_PKEY_eq(a.impl_->pkey.get(), b.impl_->pkey.get()) == 1;
}

}  // namespace witan
