#pragma once
// Certificates for tests, made with OpenSSL as the test wants them.

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "ledger/bytes.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/x509.h"

namespace witan::test {

struct CertificateRequest {
  std::string name = "Leaf";
  // OpenSSL's configuration syntax: {"basicConstraints", "critical,CA:TRUE"}.
  std::vector<std::pair<std::string, std::string>> extensions = {};
  std::int64_t not_before_s = 1'700'000'000;
  std::int64_t not_after_s = 1'900'000'000;
};

inline const std::vector<std::pair<std::string, std::string>> kCaExtensions{
    {"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "critical,keyCertSign"}};

namespace detail {

inline void require(bool ok) {
  if (!ok) throw std::runtime_error("OpenSSL cannot make the certificate");
}

inline std::shared_ptr<EVP_PKEY> openssl_key(const PrivateKey& key) {
  const std::string pem = key.to_pem();
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* out = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  require(out != nullptr);
  return {out, EVP_PKEY_free};
}

}  // namespace detail

// A certificate for `key`, signed by `issuer_key` in the name of `issuer_name`.
inline Certificate make_certificate(const CertificateRequest& request, const PrivateKey& key,
                                    const std::string& issuer_name, const PrivateKey& issuer_key) {
  const std::shared_ptr<X509> x509(X509_new(), X509_free);
  const auto subject_key = detail::openssl_key(key);
  const auto signing_key = detail::openssl_key(issuer_key);
  X509_set_version(x509.get(), X509_VERSION_3);
  static int serial = 0;
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), ++serial);
  ASN1_TIME_set(X509_getm_notBefore(x509.get()), request.not_before_s);
  ASN1_TIME_set(X509_getm_notAfter(x509.get()), request.not_after_s);
  const auto set_name = [](X509_NAME* name, const std::string& text) {
    detail::require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                               reinterpret_cast<const unsigned char*>(text.data()),
                                               static_cast<int>(text.size()), -1, 0) == 1);
  };
  set_name(X509_get_subject_name(x509.get()), request.name);
  set_name(X509_get_issuer_name(x509.get()), issuer_name);
  detail::require(X509_set_pubkey(x509.get(), subject_key.get()) == 1);
  for (const auto& [name, value] : request.extensions) {
    X509_EXTENSION* extension =
        X509V3_EXT_nconf(nullptr, nullptr, name.c_str(), const_cast<char*>(value.c_str()));
    detail::require(extension != nullptr);
    X509_add_ext(x509.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  const bool is_ed25519 = issuer_key.public_key().kind() == KeyKind::kEd25519;
  detail::require(X509_sign(x509.get(), signing_key.get(), is_ed25519 ? nullptr : EVP_sha256()) >
                  0);
  unsigned char* der = nullptr;
  const int size = i2d_X509(x509.get(), &der);
  detail::require(size > 0);
  const Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return Certificate::from_der(bytes).value();
}

inline std::string pem_of(const Certificate& certificate) {
  const std::shared_ptr<BIO> bio(BIO_new(BIO_s_mem()), BIO_free);
  const BytesView der = certificate.der();
  PEM_write_bio(bio.get(), "CERTIFICATE", "", der.data(), static_cast<long>(der.size()));
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

// A root, an intermediate and a leaf.
struct TestChain {
  PrivateKey root_key = PrivateKey::generate(KeyKind::kP256).value();
  PrivateKey middle_key = PrivateKey::generate(KeyKind::kP256).value();
  PrivateKey leaf_key = PrivateKey::generate(KeyKind::kP256).value();
  Certificate root =
      make_certificate({.name = "Root", .extensions = kCaExtensions}, root_key, "Root", root_key);
  Certificate middle = make_certificate({.name = "Middle", .extensions = kCaExtensions}, middle_key,
                                        "Root", root_key);
  Certificate leaf;

  explicit TestChain(const CertificateRequest& request = {})
      : leaf(make_certificate(request, leaf_key, "Middle", middle_key)) {}

  [[nodiscard]] std::vector<Certificate> all() const { return {leaf, middle, root}; }
  [[nodiscard]] std::vector<Bytes> ders() const {
    return {to_bytes(leaf.der()), to_bytes(middle.der()), to_bytes(root.der())};
  }
};

}  // namespace witan::test
