#include "ledger/crypto/detail/openssl.h"

#include <array>
#include <stdexcept>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "config/limits.h"

namespace witan::detail {
namespace {

// Leaked on purpose: threads may still hash while the process ends.
const EVP_MD* fetch(const char* name) {
  const EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
  require(digest != nullptr, name);
  return digest;
}

Result<KeyKind> ec_kind_of(const EVP_PKEY* key) {
  int is_explicit = 0;
  if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) ==
          1 &&
      is_explicit != 0) {
    return fail(ErrorCode::kUnsupported,
                "EC key with explicit curve parameters, expected a named curve");
  }
  std::array<char, 64> name{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &length) != 1) {
    clear_errors();
    return fail(ErrorCode::kUnsupported, "EC key on an unnamed curve");
  }
  const std::string_view group(name.data(), length);
  if (group == "prime256v1" || group == "P-256") return KeyKind::kP256;
  if (group == "secp384r1" || group == "P-384") return KeyKind::kP384;
  if (group == "secp521r1" || group == "P-521") return KeyKind::kP521;
  return fail(ErrorCode::kUnsupported,
              "EC key on curve " + std::string(group) + ", expected P-256, P-384 or P-521");
}

Result<KeyKind> rsa_kind_of(const EVP_PKEY* key) {
  const auto bits = static_cast<std::size_t>(EVP_PKEY_get_bits(key));
  if (bits < limits::kRsaBitsMin || bits > limits::kRsaBitsMax) {
    return fail(ErrorCode::kUnsupported, "RSA key of " + std::to_string(bits) + " bits, expected " +
                                             std::to_string(limits::kRsaBitsMin) + " to " +
                                             std::to_string(limits::kRsaBitsMax));
  }
  BIGNUM* n_raw = nullptr;
  BIGNUM* e_raw = nullptr;
  require(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n_raw) == 1, "RSA modulus");
  const BignumPtr n(n_raw);
  require(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e_raw) == 1, "RSA exponent");
  const BignumPtr e(e_raw);
  // A long exponent makes each verification as slow as a signature.
  if (BN_is_odd(n.get()) == 0 || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1 ||
      BN_num_bits(e.get()) > 64) {
    return fail(ErrorCode::kMalformed,
                "RSA key with an even modulus or a public exponent that is even, 1 or above 64 "
                "bits");
  }
  return KeyKind::kRsa;
}

}  // namespace

void require(bool ok, const char* what) {
  if (ok) return;
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string message = std::string("OpenSSL: ") + what;
  if (reason != nullptr) message += std::string(": ") + reason;
  ERR_clear_error();
  throw std::runtime_error(message);
}

void clear_errors() {
  ERR_clear_error();
}

const EVP_MD* digest_of(Algorithm algorithm) {
  static const EVP_MD* const sha256 = fetch("SHA256");
  static const EVP_MD* const sha384 = fetch("SHA384");
  static const EVP_MD* const sha512 = fetch("SHA512");
  switch (algorithm) {
    case Algorithm::kEs256:
    case Algorithm::kPs256:
      return sha256;
    case Algorithm::kEs384:
    case Algorithm::kPs384:
      return sha384;
    case Algorithm::kEs512:
    case Algorithm::kPs512:
      return sha512;
    case Algorithm::kEdDsa:
      break;
  }
  throw std::logic_error("EdDSA hashes by itself");
}

BytesView hash_message(Algorithm algorithm, BytesView message, std::uint8_t* out) {
  unsigned int length = 0;
  require(
      EVP_Digest(message.data(), message.size(), out, &length, digest_of(algorithm), nullptr) == 1,
      "digest");
  return {out, length};
}

Result<KeyKind> kind_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
      return KeyKind::kEd25519;
    case EVP_PKEY_ED448:
      return KeyKind::kEd448;
    case EVP_PKEY_EC:
      return ec_kind_of(key);
    case EVP_PKEY_RSA:
      return rsa_kind_of(key);
    default:
      break;
  }
  const char* name = EVP_PKEY_get0_type_name(key);
  return fail(ErrorCode::kUnsupported, "key of type " +
                                           std::string(name == nullptr ? "unknown" : name) +
                                           ", expected Ed25519, Ed448, P-256, P-384, P-521 or RSA");
}

std::size_t coordinate_size(KeyKind kind) {
  switch (kind) {
    case KeyKind::kP256:
      return 32;
    case KeyKind::kP384:
      return 48;
    case KeyKind::kP521:
      return 66;
    case KeyKind::kEd25519:
    case KeyKind::kEd448:
    case KeyKind::kRsa:
      break;
  }
  return 0;
}

const char* group_name(KeyKind kind) {
  switch (kind) {
    case KeyKind::kP256:
      return "P-256";
    case KeyKind::kP384:
      return "P-384";
    case KeyKind::kP521:
      return "P-521";
    case KeyKind::kEd25519:
    case KeyKind::kEd448:
    case KeyKind::kRsa:
      break;
  }
  return nullptr;
}

void set_pss(EVP_PKEY_CTX* context, Algorithm algorithm) {
  const EVP_MD* digest = digest_of(algorithm);
  require(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1, "PSS padding");
  require(EVP_PKEY_CTX_set_signature_md(context, digest) == 1, "PSS digest");
  require(EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1, "PSS mask digest");
  require(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1,
          "PSS salt length");
}

PemBlock::PemBlock(PemBlock&& other) noexcept
    : label(std::move(other.label)),
      encrypted(other.encrypted),
      data(std::exchange(other.data, nullptr)),
      size(std::exchange(other.size, 0)) {}

PemBlock::~PemBlock() {
  if (data != nullptr) OPENSSL_secure_clear_free(data, static_cast<std::size_t>(size));
}

Result<PemBlock> read_pem(std::string_view pem) {
  // OpenSSL takes no buffer without an address.
  if (pem.empty()) return fail(ErrorCode::kMalformed, "PEM text: it is empty");
  if (pem.size() > limits::kPemFileBytesMax) {
    return fail(ErrorCode::kTooLarge, "PEM text of " + std::to_string(pem.size()) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kPemFileBytesMax));
  }
  const BioPtr input(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  require(input != nullptr, "memory BIO");
  while (true) {
    char* name = nullptr;
    char* header = nullptr;
    PemBlock block;
    if (PEM_read_bio_ex(input.get(), &name, &header, &block.data, &block.size, PEM_FLAG_SECURE) !=
        1) {
      clear_errors();
      return fail(ErrorCode::kMalformed, "no complete PEM block (\"-----BEGIN ...\") found");
    }
    block.label = name;
    block.encrypted = block.label == "ENCRYPTED PRIVATE KEY" ||
                      std::string_view(header).find("ENCRYPTED") != std::string_view::npos;
    OPENSSL_secure_free(name);
    OPENSSL_secure_free(header);
    // openssl ecparam -genkey writes the curve in a block of its own before the key.
    if (block.label != "EC PARAMETERS") return block;
  }
}

}  // namespace witan::detail
