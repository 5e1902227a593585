// Sessions with TLS 1.3.

#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "config/file.h"
#include "config/limits.h"
#include "node/http/detail/transport.h"
#include "node/http/server.h"

namespace witan::http::detail {

namespace {

// Small answers go out as one record and one segment.
constexpr std::size_t kJoinedBytesMax = 16u << 10;

class TlsTransport final : public Transport {
 public:
  TlsTransport(Socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  Task<void> handshake(error_code& error) override {
    return stream_.async_handshake(asio::ssl::stream_base::server,
                                   asio::redirect_error(kUseAwaitable, error));
  }

  std::size_t read_now(std::span<std::uint8_t> into, error_code& error) override {
    const std::size_t got = stream_.read_some(asio::buffer(into.data(), into.size()), error);
    drained_ = error == asio::error::would_block;
    return got;
  }

  // The socket tells only of what the engine does not already hold.
  Task<void> wait_readable(error_code& error) override {
    error = {};
    if (!drained_) co_return;
    drained_ = false;
    co_await stream_.next_layer().async_wait(Socket::wait_read,
                                             asio::redirect_error(kUseAwaitable, error));
  }

  // A record that is only half taken by the kernel could not be kept.
  std::size_t write_now(BytesView, BytesView, error_code& error) override {
    error = asio::error::would_block;
    return 0;
  }

  Task<void> write(BytesView head, BytesView body, error_code& error) override {
    error = {};
    if (head.size() + body.size() <= kJoinedBytesMax) {
      joined_.assign(head.begin(), head.end());
      append(joined_, body);
      head = joined_;
      body = {};
    }
    for (const BytesView part : {head, body}) {
      if (error || part.empty()) continue;
      co_await asio::async_write(stream_, asio::buffer(part.data(), part.size()),
                                 asio::redirect_error(kUseAwaitable, error));
    }
    joined_ = {};
  }

  Task<void> finish_sending(error_code& error) override {
    return stream_.async_shutdown(asio::redirect_error(kUseAwaitable, error));
  }

  void cancel() override {
    error_code ignored;
    stream_.next_layer().cancel(ignored);
  }

  void close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  asio::ssl::stream<Socket> stream_;
  Bytes joined_;
  bool drained_ = false;  // the engine holds nothing that could be read
};

class TlsServerContextImpl final : public TlsServerContext {
 public:
  std::unique_ptr<Transport> wrap(Socket socket) override {
    return std::make_unique<TlsTransport>(std::move(socket), context);
  }

  asio::ssl::context context{asio::ssl::context::tls_server};
};

std::string last_openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown reason";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
}

}  // namespace

Result<std::unique_ptr<TlsServerContext>> make_tls_server_context(const TlsFiles& files) {
  auto out = std::make_unique<TlsServerContextImpl>();
  asio::ssl::context& context = out->context;
  SSL_CTX* native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  // 0-RTT requests could be replayed.
  SSL_CTX_set_max_early_data(native, 0);
  ERR_clear_error();

  WITAN_ASSIGN(const std::string chain,
               read_text_file(files.certificate_chain_file, limits::kPemFileBytesMax));
  error_code error;
  context.use_certificate_chain(asio::buffer(chain), error);
  if (error) {
    return fail(ErrorCode::kIo, "TLS certificate file " + files.certificate_chain_file +
                                    ": expected a PEM certificate chain: " + last_openssl_error());
  }
  WITAN_ASSIGN(std::string key, read_secret_file(files.private_key_file, limits::kPemFileBytesMax));
  context.use_private_key(asio::buffer(key), asio::ssl::context::pem, error);
  OPENSSL_cleanse(key.data(), key.size());
  if (error) {
    const std::string reason = last_openssl_error();
    return fail(ErrorCode::kIo, "TLS key file " + files.private_key_file +
                                    ": expected the PEM private key of the certificate in " +
                                    files.certificate_chain_file + ": " + reason);
  }
  if (SSL_CTX_check_private_key(native) != 1) {
    return fail(ErrorCode::kIo, "TLS key file " + files.private_key_file +
                                    ": not the key of the certificate in " +
                                    files.certificate_chain_file + ": " + last_openssl_error());
  }
  return out;
}

}  // namespace witan::http::detail
