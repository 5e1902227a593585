#include "ledger/crypto/ml_dsa_key.h"

#include <string>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/opensslv.h>
#include <openssl/params.h>

#include "ledger/crypto/detail/openssl.h"

namespace witan {

struct MlDsa44Key::Impl {
  detail::PkeyPtr key;
};

MlDsa44Key::MlDsa44Key(std::unique_ptr<Impl> impl, Bytes public_key)
    : impl_(std::move(impl)), public_key_(std::move(public_key)) {}
MlDsa44Key::MlDsa44Key(MlDsa44Key&&) noexcept = default;
MlDsa44Key& MlDsa44Key::operator=(MlDsa44Key&&) noexcept = default;
MlDsa44Key::~MlDsa44Key() = default;

#if OPENSSL_VERSION_NUMBER >= 0x30500000L

namespace {

using detail::require;
using SignaturePtr = std::unique_ptr<EVP_SIGNATURE, detail::Free<EVP_SIGNATURE_free>>;

constexpr const char* kMlDsa44Name = "ML-DSA-44";

// For ml_dsa_available() builds only.
EVP_SIGNATURE* signing_algorithm() {
  static const SignaturePtr fetched(EVP_SIGNATURE_fetch(nullptr, kMlDsa44Name, nullptr));
  return fetched.get();
}

detail::PkeyPtr pkey_from_seed(BytesView seed) {
  const detail::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, kMlDsa44Name, nullptr));
  // OpenSSL takes no const here, and only reads.
  auto* const bytes = const_cast<std::uint8_t*>(seed.data());
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_DSA_SEED, bytes, seed.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY* made = nullptr;
  require(context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1 &&
              EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, params) == 1,
          "ML-DSA-44 key");
  return detail::PkeyPtr(made);
}

}  // namespace

Result<MlDsa44Key> MlDsa44Key::from_seed(BytesView seed) {
  if (!ml_dsa_available()) {
    return fail(ErrorCode::kUnsupported, "ML-DSA-44: this OpenSSL was built without it");
  }
  if (seed.size() != kMlDsa44SeedBytes) {
    return fail(ErrorCode::kMalformed,
                "ML-DSA-44 seed of " + std::to_string(seed.size()) + " bytes, expected 32");
  }
  auto impl = std::make_unique<Impl>(Impl{pkey_from_seed(seed)});
  Bytes public_key(kMlDsa44KeyBytes);
  std::size_t size = public_key.size();
  require(EVP_PKEY_get_raw_public_key(impl->key.get(), public_key.data(), &size) == 1 &&
              size == kMlDsa44KeyBytes,
          "ML-DSA-44 public key");
  return MlDsa44Key(std::move(impl), std::move(public_key));
}

Result<Bytes> MlDsa44Key::sign_with(BytesView message, int deterministic) const {
  const detail::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_DETERMINISTIC, &deterministic),
      OSSL_PARAM_construct_end()};
  Bytes out(kMlDsa44SignatureBytes);
  std::size_t size = out.size();
  require(context != nullptr &&
              EVP_PKEY_sign_message_init(context.get(), signing_algorithm(), params) == 1 &&
              EVP_PKEY_sign(context.get(), out.data(), &size, message.data(), message.size()) == 1,
          "ML-DSA-44 signing");
  if (!ml_dsa_44_verify(public_key_, message, BytesView(out).first(size))) {
    return fail(ErrorCode::kBadSignature, "own ML-DSA-44 signature does not verify");
  }
  return out;
}

#else

Result<MlDsa44Key> MlDsa44Key::from_seed(BytesView /*seed*/) {
  return fail(ErrorCode::kUnsupported, "ML-DSA-44 needs OpenSSL 3.5 or later");
}

Result<Bytes> MlDsa44Key::sign_with(BytesView /*message*/, int /*deterministic*/) const {
  return fail(ErrorCode::kUnsupported, "ML-DSA-44 needs OpenSSL 3.5 or later");
}

#endif

Result<Bytes> MlDsa44Key::sign(BytesView message) const {
  return sign_with(message, 0);
}

Result<Bytes> MlDsa44Key::sign_deterministic(BytesView message) const {
  return sign_with(message, 1);
}

}  // namespace witan
