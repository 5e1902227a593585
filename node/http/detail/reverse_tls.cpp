#include "node/http/detail/reverse_tls.h"

#include <ctime>
#include <new>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "config/limits.h"
#include "node/http/detail/client_stream.h"

namespace witan::http::detail {

namespace {

struct X509Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, X509Free>;

// A peer's clock may be behind ours.
constexpr std::uint64_t kBackdateSeconds = 3'600;

std::string reverse_tls_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
}

bool add_extension(X509* certificate, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

Certificate self_signed(EVP_PKEY* key, std::uint64_t from_s, std::uint64_t end_s) {
  Certificate certificate(X509_new());
  if (!certificate) return nullptr;
  X509* raw = certificate.get();
  X509_NAME* name = X509_get_subject_name(raw);
  const auto* text = reinterpret_cast<const unsigned char*>("Bastion backend");
  const bool made =
      X509_set_version(raw, 2) == 1 &&
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(raw), from_s) == 1 &&
      ASN1_TIME_set(X509_getm_notBefore(raw), static_cast<std::time_t>(from_s)) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(raw), static_cast<std::time_t>(end_s)) != nullptr &&
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1 &&
      X509_set_issuer_name(raw, name) == 1 && X509_set_pubkey(raw, key) == 1 &&
      add_extension(raw, NID_key_usage, "critical,digitalSignature") &&
      add_extension(raw, NID_ext_key_usage, "clientAuth") && X509_sign(raw, key, nullptr) > 0;
  return made ? std::move(certificate) : nullptr;
}

}  // namespace

Result<std::shared_ptr<ReverseTls>> ReverseTls::make(std::string_view key_pem,
                                                     const std::optional<std::string>& ca_file,
                                                     std::string alpn) {
  auto out = std::make_shared<ReverseTls>();
  ERR_clear_error();
  BIO* bio = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
  if (bio == nullptr) throw std::bad_alloc();
  out->key_.reset(PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  if (!out->key_) {
    return fail(ErrorCode::kMalformed,
                "expected a private key as PEM, unencrypted: " + reverse_tls_error());
  }
  SSL_CTX* context = out->context_.native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_default_verify_paths(context);
  ERR_clear_error();
  if (ca_file && SSL_CTX_load_verify_file(context, ca_file->c_str()) != 1) {
    return fail(ErrorCode::kIo,
                "CA file " + *ca_file + ": expected PEM certificates: " + reverse_tls_error());
  }
  out->alpn_ = std::move(alpn);
  const std::string offered = static_cast<char>(out->alpn_.size()) + out->alpn_;
  const auto* bytes = reinterpret_cast<const unsigned char*>(offered.data());
  if (SSL_CTX_set_alpn_protos(context, bytes, static_cast<unsigned>(offered.size())) != 0) {
    throw std::bad_alloc();
  }
  return out;
}

Result<std::uint64_t> ReverseTls::prepare(SSL* ssl, const std::string& host,
                                          std::uint64_t unix_s) const {
  const auto life = std::chrono::seconds(limits::kBastionCertificateLife);
  const std::uint64_t end_s = unix_s + static_cast<std::uint64_t>(life.count());
  ERR_clear_error();
  const Certificate certificate = self_signed(key_.get(), unix_s - kBackdateSeconds, end_s);
  const bool address = is_address(host);
  const bool ready =
      certificate && SSL_use_certificate(ssl, certificate.get()) == 1 &&
      SSL_use_PrivateKey(ssl, key_.get()) == 1 &&
      (address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1
               : SSL_set1_host(ssl, host.c_str()) == 1 &&
                     SSL_set_tlsext_host_name(ssl, host.c_str()) == 1);
  if (ready) return end_s;
  return fail(ErrorCode::kIo, "TLS: cannot prepare the connection: " + reverse_tls_error());
}

std::string selected_alpn(SSL* ssl) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  return size == 0 ? std::string() : std::string(reinterpret_cast<const char*>(name), size);
}

std::uint64_t peer_certificate_end(SSL* ssl) {
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  std::tm parts{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) {
    return 0;
  }
  const std::time_t end = timegm(&parts);
  return end < 0 ? 0 : static_cast<std::uint64_t>(end);
}

std::string peer_refusal(SSL* ssl) {
  const long result = SSL_get_verify_result(ssl);
  return result == X509_V_OK ? std::string() : X509_verify_cert_error_string(result);
}

}  // namespace witan::http::detail
