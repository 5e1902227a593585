#pragma once
// What public_key.cpp and private_key.cpp share of OpenSSL: owning handles, digests that are
// fetched once, the mapping of its keys to ours, and PEM blocks. Included by crypto/ only.

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/algorithm.h"
#include "ledger/crypto/digest.h"

namespace witan::detail {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};

using PkeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, Free<BIO_free_all>>;
using BignumPtr = std::unique_ptr<BIGNUM, Free<BN_free>>;
using ParamBldPtr = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using ParamPtr = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<PKCS8_PRIV_KEY_INFO_free>>;

// Throws std::runtime_error("OpenSSL: <what>: <its reason>") when `ok` is false: for calls that
// fail only when memory or the library itself is broken.
void require(bool ok, const char* what);
// Empties this thread's queue of OpenSSL errors, which failed parsing leaves behind.
void clear_errors();

// The digest of an ECDSA or PSS algorithm, fetched once for the life of the process.
[[nodiscard]] const EVP_MD* digest_of(Algorithm algorithm);
[[nodiscard]] const EVP_MD* message_digest(HashFunction hash);
// The digest of a message under that algorithm; `out` has EVP_MAX_MD_SIZE bytes.
[[nodiscard]] BytesView hash_message(Algorithm algorithm, BytesView message, std::uint8_t* out);

// kUnsupported: another kind of key, another curve, explicit curve parameters, RSA outside the
// limits. kMalformed: a point that is not on its curve.
[[nodiscard]] Result<KeyKind> kind_of(const EVP_PKEY* key);
// 32, 48 or 66; 0 for keys that are not on a NIST curve.
[[nodiscard]] std::size_t coordinate_size(KeyKind kind);
// "P-256", ... as OpenSSL names its groups.
[[nodiscard]] const char* group_name(KeyKind kind);

// Prepares padding, salt length and digest of a context that was initialised to sign or verify.
void set_pss(EVP_PKEY_CTX* context, Algorithm algorithm);

// One PEM block. The data is wiped when it goes away.
struct PemBlock {
  std::string label;
  bool encrypted = false;
  std::uint8_t* data = nullptr;
  long size = 0;

  PemBlock() = default;
  PemBlock(PemBlock&& other) noexcept;
  PemBlock& operator=(PemBlock&&) = delete;
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;
  ~PemBlock();
  [[nodiscard]] BytesView view() const { return {data, static_cast<std::size_t>(size)}; }
};
// The first block whose label is not "EC PARAMETERS". kMalformed when there is none; kTooLarge
// above kPemFileBytesMax. Never asks for a password.
[[nodiscard]] Result<PemBlock> read_pem(std::string_view pem);

}  // namespace witan::detail
