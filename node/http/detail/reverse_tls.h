#pragma once
// TLS of a connection that this side dials and then serves: TLS 1.3, the peer's certificate checked
// as a client does, and a certificate of our own shown, which is made for each connection.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ssl/context.hpp>
#include <openssl/ssl.h>

#include "config/result.h"

namespace witan::http::detail {

class ReverseTls {
 public:
  // Trusts the system's certificates and those of `ca_file`. kIo naming the file when it is missing
  // or not PEM; kMalformed when `key_pem` is not the PEM of a private key. `alpn` is the one
  // protocol that is offered.
  static Result<std::shared_ptr<ReverseTls>> make(std::string_view key_pem,
                                                  const std::optional<std::string>& ca_file,
                                                  std::string alpn);

  [[nodiscard]] boost::asio::ssl::context& context() { return context_; }
  [[nodiscard]] const std::string& alpn() const { return alpn_; }
  // Before the handshake: whom to expect (a name or an address), and a self-signed certificate,
  // good for limits::kBastionCertificateLife from now. Gives its end in seconds since 1970.
  [[nodiscard]] Result<std::uint64_t> prepare(SSL* ssl, const std::string& host,
                                              std::uint64_t unix_s) const;

  // Public for make_shared.
  ReverseTls() : context_(boost::asio::ssl::context::tls_client) {}

 private:
  struct KeyFree {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  boost::asio::ssl::context context_;
  std::unique_ptr<EVP_PKEY, KeyFree> key_;
  std::string alpn_;
};

// What is known of the connection once the handshake is done, or why it failed.
[[nodiscard]] std::string selected_alpn(SSL* ssl);
// When the peer's certificate ends, in seconds since 1970; 0 when it has shown none.
[[nodiscard]] std::uint64_t peer_certificate_end(SSL* ssl);
// Why the peer's certificate was not accepted; empty when it was.
[[nodiscard]] std::string peer_refusal(SSL* ssl);

}  // namespace witan::http::detail
