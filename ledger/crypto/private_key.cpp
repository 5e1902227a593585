#include "ledger/crypto/private_key.h"

#include <array>
#include <cstring>
#include <utility>

#include <openssl/pem.h>
#include <sodium.h>

#include "ledger/crypto/detail/public_key_impl.h"
#include "ledger/crypto/ecdsa_der.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/secret_memory.h"

namespace witan {
namespace {

using detail::clear_errors;
using detail::PkeyPtr;
using detail::require;

tl::unexpected<Error> cannot_sign(KeyKind kind) {
  return fail(ErrorCode::kUnsupported, "private key of kind " + std::string(to_string(kind)) +
                                           ", expected Ed25519, P-256, P-384, P-521 or RSA");
}

PkeyPtr generate_ec(KeyKind kind) {
  PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", detail::group_name(kind)));
  require(key != nullptr, "EC key generation");
  return key;
}

// The public half as an object of its own: the private one stays with its owner.
Result<PublicKey> public_half(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) {
    clear_errors();
    return fail(ErrorCode::kMalformed, "private key without a usable public half");
  }
  const Bytes spki(der, der + size);
  OPENSSL_free(der);
  return PublicKey::from_spki(spki);
}

Bytes sign_digest(EVP_PKEY* key, KeyKind kind, Algorithm algorithm, BytesView message) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> buffer;
  const BytesView digest = detail::hash_message(algorithm, message, buffer.data());
  const detail::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  require(context != nullptr && EVP_PKEY_sign_init(context.get()) == 1, "sign context");
  if (kind == KeyKind::kRsa) detail::set_pss(context.get(), algorithm);
  Bytes out(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  std::size_t size = out.size();
  require(EVP_PKEY_sign(context.get(), out.data(), &size, digest.data(), digest.size()) == 1,
          "sign");
  out.resize(size);
  if (kind == KeyKind::kRsa) return out;
  // A signature that OpenSSL has just made converts.
  return ecdsa_from_der(out, kind).value();
}

}  // namespace

struct PrivateKey::Impl {
  PublicKey public_key;
  // Ed25519: libsodium's 64 bytes (seed, public key).
  SecretMemory ed25519;
  // The others.
  PkeyPtr pkey;
};

namespace {

// `secret` holds crypto_sign_SECRETKEYBYTES with the seed in its first half.
std::unique_ptr<PrivateKey::Impl> from_seed(SecretMemory secret) {
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> public_bytes;
  SecretMemory seed(crypto_sign_SEEDBYTES);
  std::memcpy(seed.data(), secret.data(), crypto_sign_SEEDBYTES);
  crypto_sign_seed_keypair(public_bytes.data(), secret.data(), seed.data());
  secret.make_readonly();
  auto public_key = PublicKey::from_ed25519(public_bytes);
  return std::make_unique<PrivateKey::Impl>(
      PrivateKey::Impl{*std::move(public_key), std::move(secret), nullptr});
}

Result<std::unique_ptr<PrivateKey::Impl>> from_pkey(PkeyPtr pkey) {
  WITAN_ASSIGN(const KeyKind kind, detail::kind_of(pkey.get()));
  if (kind == KeyKind::kEd448) return cannot_sign(kind);
  if (kind == KeyKind::kEd25519) {
    SecretMemory secret(crypto_sign_SECRETKEYBYTES);
    std::size_t size = crypto_sign_SEEDBYTES;
    require(EVP_PKEY_get_raw_private_key(pkey.get(), secret.data(), &size) == 1 &&
                size == crypto_sign_SEEDBYTES,
            "Ed25519 private key");
    return from_seed(std::move(secret));
  }
  if (kind != KeyKind::kRsa) {
    const detail::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey.get(), nullptr));
    require(context != nullptr, "key context");
    if (EVP_PKEY_pairwise_check(context.get()) != 1) {
      clear_errors();
      return fail(ErrorCode::kMalformed, "EC private key does not belong to its public key");
    }
  }
  WITAN_ASSIGN(PublicKey public_key, public_half(pkey.get()));
  return std::make_unique<PrivateKey::Impl>(
      PrivateKey::Impl{std::move(public_key), SecretMemory(), std::move(pkey)});
}

// One PrivateKeyInfo (RFC 5208), nothing after it; nullptr otherwise.
PkeyPtr parse_pkcs8(BytesView der) {
  const std::uint8_t* cursor = der.data();
  const detail::Pkcs8Ptr info(
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &cursor, static_cast<long>(der.size())));
  PkeyPtr key(info != nullptr && cursor == der.data() + der.size() ? EVP_PKCS82PKEY(info.get())
                                                                   : nullptr);
  clear_errors();
  return key;
}

PkeyPtr parse_traditional(int type, BytesView der) {
  const std::uint8_t* cursor = der.data();
  PkeyPtr key(d2i_PrivateKey(type, nullptr, &cursor, static_cast<long>(der.size())));
  clear_errors();
  if (cursor != der.data() + der.size()) return nullptr;
  return key;
}

// For writing an Ed25519 key with OpenSSL, which wipes its copy.
PkeyPtr ed25519_pkey(const std::uint8_t* seed) {
  PkeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed, crypto_sign_SEEDBYTES));
  require(key != nullptr, "Ed25519 private key");
  return key;
}

}  // namespace

PrivateKey::PrivateKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;
PrivateKey& PrivateKey::operator=(PrivateKey&&) noexcept = default;
PrivateKey::~PrivateKey() = default;

Result<PrivateKey> PrivateKey::generate(KeyKind kind) {
  if (kind == KeyKind::kEd25519) {
    SecretMemory secret(crypto_sign_SECRETKEYBYTES);
    randombytes_buf(secret.data(), crypto_sign_SEEDBYTES);
    return PrivateKey(from_seed(std::move(secret)));
  }
  if (detail::coordinate_size(kind) == 0) {
    return fail(ErrorCode::kUnsupported, "cannot generate a key of kind " +
                                             std::string(to_string(kind)) +
                                             ", expected Ed25519, P-256, P-384 or P-521");
  }
  WITAN_ASSIGN(auto impl, from_pkey(generate_ec(kind)));
  return PrivateKey(std::move(impl));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  WITAN_ASSIGN(const detail::PemBlock block, detail::read_pem(pem));
  if (block.encrypted) {
    return fail(ErrorCode::kUnsupported,
                "encrypted key, expected an unencrypted \"PRIVATE KEY\" (PKCS#8)");
  }
  PkeyPtr key;
  if (block.label == "PRIVATE KEY") {
    key = parse_pkcs8(block.view());
  } else if (block.label == "EC PRIVATE KEY") {
    key = parse_traditional(EVP_PKEY_EC, block.view());
  } else if (block.label == "RSA PRIVATE KEY") {
    key = parse_traditional(EVP_PKEY_RSA, block.view());
  } else {
    return fail(ErrorCode::kMalformed, "PEM block \"" + block.label.substr(0, 64) +
                                           "\", expected \"PRIVATE KEY\" or \"EC PRIVATE KEY\"");
  }
  if (key == nullptr) {
    return fail(ErrorCode::kMalformed,
                "PEM block \"" + block.label + "\" does not hold a private key of a known kind");
  }
  WITAN_ASSIGN(auto impl, from_pkey(std::move(key)));
  return PrivateKey(std::move(impl));
}

Result<PrivateKey> PrivateKey::from_secret(KeyKind kind, BytesView secret) {
  if (kind == KeyKind::kEd25519) {
    if (secret.size() != crypto_sign_SEEDBYTES) {
      return fail(ErrorCode::kMalformed,
                  "Ed25519 seed of " + std::to_string(secret.size()) + " bytes, expected 32");
    }
    SecretMemory memory(crypto_sign_SECRETKEYBYTES);
    std::memcpy(memory.data(), secret.data(), crypto_sign_SEEDBYTES);
    return PrivateKey(from_seed(std::move(memory)));
  }
  PkeyPtr key = parse_pkcs8(secret);
  if (key == nullptr) {
    return fail(ErrorCode::kMalformed, "secret is not a PKCS#8 private key");
  }
  WITAN_ASSIGN(auto impl, from_pkey(std::move(key)));
  if (impl->public_key.kind() != kind) {
    return fail(ErrorCode::kMalformed, "secret of a key of kind " +
                                           std::string(to_string(impl->public_key.kind())) +
                                           ", expected " + std::string(to_string(kind)));
  }
  return PrivateKey(std::move(impl));
}

const PublicKey& PrivateKey::public_key() const {
  return impl_->public_key;
}

Result<Bytes> PrivateKey::sign(Algorithm algorithm, BytesView message) const {
  const KeyKind kind = impl_->public_key.kind();
  if (!accepts(algorithm, kind)) {
    return fail(ErrorCode::kUnsupported, "cannot sign " + std::string(to_string(algorithm)) +
                                             " with a key of kind " + std::string(to_string(kind)) +
                                             ", expected " +
                                             std::string(to_string(default_algorithm(kind))));
  }
  if (kind != KeyKind::kEd25519) {
    return sign_digest(impl_->pkey.get(), kind, algorithm, message);
  }
  Bytes out(crypto_sign_BYTES);
  crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), impl_->ed25519.data());
  return out;
}

std::string PrivateKey::to_pem() const {
  const PkeyPtr ed25519 = impl_->pkey == nullptr ? ed25519_pkey(impl_->ed25519.data()) : nullptr;
  const EVP_PKEY* key = ed25519 == nullptr ? impl_->pkey.get() : ed25519.get();
  // Wiped when freed, unlike an ordinary memory BIO.
  const detail::BioPtr out(BIO_new(BIO_s_secmem()));
  require(out != nullptr && PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0,
                                                          nullptr, nullptr) == 1,
          "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Bytes PrivateKey::to_secret() const {
  if (impl_->pkey == nullptr) {
    return {impl_->ed25519.data(), impl_->ed25519.data() + crypto_sign_SEEDBYTES};
  }
  const detail::Pkcs8Ptr info(EVP_PKEY2PKCS8(impl_->pkey.get()));
  require(info != nullptr, "PKCS#8");
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
  require(size > 0, "PKCS#8");
  Bytes out(static_cast<std::size_t>(size));
  std::uint8_t* cursor = out.data();
  require(i2d_PKCS8_PRIV_KEY_INFO(info.get(), &cursor) == size, "PKCS#8");
  return out;
}

}  // namespace witan
