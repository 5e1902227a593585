// A client's TLS connection: OpenSSL between two buffers in memory, whose bytes go over the stream
// below. So OpenSSL never sees a failed write, after which it would refuse to read the peer's
// answer.

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "node/http/detail/client_stream.h"

namespace witan::http::detail {

namespace {

namespace asio = boost::asio;

constexpr std::size_t kChunkBytes = 16u << 10;
// Records that a peer may have sent unasked since the last answer.
constexpr unsigned kPeeksMax = 64;

template <auto Free>
struct FreedBy {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using SslContext = std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, FreedBy<SSL_free>>;

error_code openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return asio::ssl::error::unexpected_result;
  if (ERR_SYSTEM_ERROR(code)) return {ERR_GET_REASON(code), boost::system::system_category()};
  return {static_cast<int>(code), asio::error::get_ssl_category()};
}

class TlsStream final : public ClientStream {
 public:
  TlsStream(std::unique_ptr<ClientStream> below, SSL_CTX* context)
      : below_(std::move(below)), ssl_(SSL_new(context)) {
    if (!ssl_) throw std::bad_alloc();
    from_peer_ = BIO_new(BIO_s_mem());
    to_peer_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), from_peer_, to_peer_);  // owns them from here on
    if (from_peer_ == nullptr || to_peer_ == nullptr) throw std::bad_alloc();
  }

  void handshake(const std::string& host, Deadline deadline, error_code& error) {
    const bool address = is_address(host);
    ERR_clear_error();
    const int expected =
        address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str())
                : SSL_set1_host(ssl_.get(), host.c_str());
    if (expected != 1) {
      error = openssl_error();
      return;
    }
    if (!address) SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
    drive([this] { return SSL_connect(ssl_.get()); }, deadline, error);
  }

  [[nodiscard]] std::string refusal() const {
    const long result = SSL_get_verify_result(ssl_.get());
    return result == X509_V_OK ? std::string() : X509_verify_cert_error_string(result);
  }

  std::size_t read_some(std::span<std::uint8_t> into, Deadline deadline,
                        error_code& error) override {
    std::size_t got = 0;
    const auto read = [&] { return SSL_read_ex(ssl_.get(), into.data(), into.size(), &got); };
    drive(read, deadline, error);
    return error ? 0 : got;
  }

  void write(BytesView bytes, Deadline deadline, error_code& error) override {
    error = {};
    while (!bytes.empty() && !error) {
      const BytesView part = bytes.first(std::min(bytes.size(), kChunkBytes));
      std::size_t taken = 0;
      const auto write = [&] { return SSL_write_ex(ssl_.get(), part.data(), part.size(), &taken); };
      drive(write, deadline, error);
      bytes = bytes.subspan(taken);
    }
  }

  // Session tickets come unasked; an alert that the peer closes looks like bytes, too. So what is
  // there is taken in.
  error_code peek() override {
    for (unsigned i = 0; i < kPeeksMax; ++i) {
      std::uint8_t byte = 0;
      std::size_t got = 0;
      ERR_clear_error();
      const int result = SSL_peek_ex(ssl_.get(), &byte, 1, &got);
      if (result == 1) return {};
      const int state = SSL_get_error(ssl_.get(), result);
      if (state == SSL_ERROR_ZERO_RETURN) return asio::error::eof;
      if (state != SSL_ERROR_WANT_READ) return asio::ssl::error::stream_truncated;
      error_code error = below_->peek();
      if (error) return error;
      receive(std::chrono::steady_clock::now() + std::chrono::seconds(1), error);
      if (error) return error;
    }
    return asio::error::eof;
  }

 private:
  // Repeats an operation of OpenSSL until it has succeeded or failed, carrying its bytes.
  template <typename Operation>
  void drive(const Operation& operation, Deadline deadline, error_code& error) {
    while (true) {
      ERR_clear_error();
      const int result = operation();
      const int state = SSL_get_error(ssl_.get(), result);
      const error_code failure = openssl_error();
      send_pending(deadline, error);
      if (state == SSL_ERROR_ZERO_RETURN) {
        error = asio::error::eof;
      } else if (state != SSL_ERROR_NONE && state != SSL_ERROR_WANT_READ) {
        error = failure;  // rather than that of sending the peer an alert about it
      }
      if (error || state != SSL_ERROR_WANT_READ) return;
      receive(deadline, error);
      if (error) return;
    }
  }

  void send_pending(Deadline deadline, error_code& error) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(to_peer_, &bytes);
    error = {};
    if (size <= 0) return;
    below_->write({reinterpret_cast<const std::uint8_t*>(bytes), static_cast<std::size_t>(size)},
                  deadline, error);
    BIO_reset(to_peer_);
  }

  void receive(Deadline deadline, error_code& error) {
    std::array<std::uint8_t, kChunkBytes> chunk;
    const std::size_t got = below_->read_some(chunk, deadline, error);
    // An end that TLS did not announce may be somebody else's doing.
    if (error == asio::error::eof) error = asio::ssl::error::stream_truncated;
    if (!error) BIO_write(from_peer_, chunk.data(), static_cast<int>(got));
  }

  std::unique_ptr<ClientStream> below_;
  Ssl ssl_;
  BIO* from_peer_ = nullptr;
  BIO* to_peer_ = nullptr;
};

class TlsClientContextImpl final : public TlsClientContext {
 public:
  explicit TlsClientContextImpl(SslContext context) : context_(std::move(context)) {}

  std::unique_ptr<ClientStream> handshake(std::unique_ptr<ClientStream> below,
                                          const std::string& host, Deadline deadline,
                                          error_code& error, std::string& refusal) override {
    auto stream = std::make_unique<TlsStream>(std::move(below), context_.get());
    stream->handshake(host, deadline, error);
    refusal = stream->refusal();
    if (error) return nullptr;
    return stream;
  }

 private:
  SslContext context_;
};

}  // namespace

Result<std::unique_ptr<TlsClientContext>> make_tls_client_context(
    const std::optional<std::string>& ca_file) {
  ERR_clear_error();
  SslContext context(SSL_CTX_new(TLS_client_method()));
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_default_verify_paths(context.get());
  ERR_clear_error();
  if (ca_file && SSL_CTX_load_verify_file(context.get(), ca_file->c_str()) != 1) {
    return fail(ErrorCode::kIo, "CA file " + *ca_file +
                                    ": expected PEM certificates: " + openssl_error().message());
  }
  return std::make_unique<TlsClientContextImpl>(std::move(context));
}

}  // namespace witan::http::detail
