#include "node/http/client.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <utility>
#include <variant>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/vector_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "node/http/url.h"

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 inlines only one half of Asio's allocation of coroutine frames and takes the halves for
// mismatched.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace witan::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;
using HttpRequest = bhttp::request<bhttp::span_body<const std::uint8_t>>;
using HttpParser = bhttp::response_parser<bhttp::vector_body<std::uint8_t>>;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr std::uint32_t kResponseHeaderBytesMax = 64u << 10;

struct Exchange {
  HttpRequest request;
  steady_clock::time_point deadline;
  error_code error;
  std::string_view doing = "connecting to";
  bool answer_begun = false;
  ClientResponse response;
};

bool is_safe_field(std::string_view name, std::string_view value) {
  const auto control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  };
  return !name.empty() && name.find_first_of(": \t") == std::string_view::npos &&
         std::none_of(name.begin(), name.end(), control) &&
         std::none_of(value.begin(), value.end(), control);
}

class ClientImpl final : public Client {
 public:
  ClientImpl(Url url, ClientOptions options) : url_(std::move(url)), options_(std::move(options)) {}
  ~ClientImpl() override { disconnect(); }

  Result<void> prepare() {
    if (!url_.https) return {};
    tls_.emplace(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(tls_->native_handle(), TLS1_2_VERSION);
    tls_->set_verify_mode(asio::ssl::verify_peer);
    error_code error;
    tls_->set_default_verify_paths(error);
    if (options_.ca_file) {
      tls_->load_verify_file(*options_.ca_file, error);
      if (error) {
        return fail(ErrorCode::kIo, "CA file " + *options_.ca_file +
                                        ": expected PEM certificates: " + error.message());
      }
    }
    return {};
  }

  Result<ClientResponse> get(std::string_view target, Headers headers) override {
    return request(bhttp::verb::get, target, {}, {}, std::move(headers));
  }

  Result<ClientResponse> post(std::string_view target, BytesView body,
                              std::string_view content_type, Headers headers) override {
    return request(bhttp::verb::post, target, body, content_type, std::move(headers));
  }

 private:
  Result<ClientResponse> request(bhttp::verb verb, std::string_view target, BytesView body,
                                 std::string_view content_type, Headers headers) {
    const std::string where = url_.to_string() + std::string(target);
    if (!target.starts_with('/') || !is_safe_field("target", target) ||
        target.find(' ') != std::string_view::npos) {
      return fail(ErrorCode::kUsage, where + ": expected a target that begins with \"/\"");
    }
    Exchange exchange;
    HttpRequest& request = exchange.request;
    request.version(11);
    request.method(verb);
    request.target(beast::string_view((url_.prefix + std::string(target)).c_str()));
    request.set(bhttp::field::host, url_.authority());
    if (!content_type.empty()) headers.emplace_back("Content-Type", content_type);
    for (const auto& [name, value] : headers) {
      if (!is_safe_field(name, value)) {
        return fail(ErrorCode::kUsage, where + ": header field \"" + name + "\" is not sendable");
      }
      request.insert(name, value);
    }
    request.body() = {body.data(), body.size()};
    if (verb == bhttp::verb::post) request.content_length(body.size());
    exchange.deadline = steady_clock::now() + options_.deadline;

    // A kept connection may have been closed by the server meanwhile. What was perhaps handled
    // already must not be sent twice, so a POST goes over a connection only if it is seen open.
    const bool kept = connected();
    if (kept && verb == bhttp::verb::post && is_stale()) disconnect();
    run(exchange);
    if (exchange.error && kept && verb == bhttp::verb::get && !exchange.answer_begun &&
        exchange.error != beast::error::timeout) {
      exchange.error = {};
      exchange.doing = "connecting to";
      run(exchange);
    }
    if (exchange.error) return fail(describe(exchange, where));
    return std::move(exchange.response);
  }

  [[nodiscard]] bool connected() const { return !std::holds_alternative<std::monostate>(stream_); }

  PlainStream* socket() {
    if (auto* plain = std::get_if<std::unique_ptr<PlainStream>>(&stream_)) return plain->get();
    if (auto* tls = std::get_if<std::unique_ptr<TlsStream>>(&stream_)) {
      return &(*tls)->next_layer();
    }
    return nullptr;
  }

  // Whether the peer has closed it, or has said something that nobody asked for.
  bool is_stale() {
    PlainStream* stream = socket();
    if (stream == nullptr) return false;
    error_code error;
    std::uint8_t byte = 0;
    stream->socket().non_blocking(true, error);
    stream->socket().receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    // TLS 1.3 sends session tickets unasked; only the end of the stream counts there.
    if (url_.https && !error) return false;
    return error != asio::error::would_block;
  }

  void disconnect() {
    stream_ = std::monostate{};
    buffer_.clear();
  }

  void run(Exchange& exchange) {
    context_.restart();
    asio::co_spawn(
        context_, [&] { return converse(exchange); },
        [&](const std::exception_ptr& thrown) {
          if (thrown) {
            exchange.error = make_error_code(boost::system::errc::io_error);
          }
        });
    context_.run();
    if (exchange.error) disconnect();
  }

  asio::awaitable<void> converse(Exchange& exchange) {
    if (!connected()) {
      co_await connect(exchange);
    }
    if (exchange.error) co_return;
    if (auto* plain = std::get_if<std::unique_ptr<PlainStream>>(&stream_)) {
      co_await transfer(**plain, exchange);
    } else if (auto* tls = std::get_if<std::unique_ptr<TlsStream>>(&stream_)) {
      co_await transfer(**tls, exchange);
    }
  }

  asio::awaitable<void> connect(Exchange& exchange) {
    auto token = asio::redirect_error(asio::use_awaitable, exchange.error);
    std::vector<tcp::endpoint> endpoints;
    error_code not_an_address;
    const auto address = asio::ip::make_address(url_.host, not_an_address);
    if (!not_an_address) {
      endpoints.emplace_back(address, url_.port);
    } else {
      tcp::resolver resolver(context_);
      const auto found =
          co_await resolver.async_resolve(url_.host, std::to_string(url_.port), token);
      if (exchange.error) co_return;
      for (const auto& entry : found) endpoints.push_back(entry.endpoint());
    }
    if (!url_.https) {
      auto plain = std::make_unique<PlainStream>(context_);
      plain->expires_at(exchange.deadline);
      co_await plain->async_connect(endpoints, token);
      if (exchange.error) co_return;
      set_no_delay(*plain);
      stream_ = std::move(plain);
      co_return;
    }
    auto tls = std::make_unique<TlsStream>(context_, *tls_);
    tls->next_layer().expires_at(exchange.deadline);
    co_await tls->next_layer().async_connect(endpoints, token);
    if (exchange.error) co_return;
    set_no_delay(tls->next_layer());
    if (not_an_address) SSL_set_tlsext_host_name(tls->native_handle(), url_.host.c_str());
    tls->set_verify_callback(asio::ssl::host_name_verification(url_.host));
    exchange.doing = "TLS handshake with";
    co_await tls->async_handshake(asio::ssl::stream_base::client, token);
    verify_result_ = SSL_get_verify_result(tls->native_handle());
    if (exchange.error) co_return;
    stream_ = std::move(tls);
  }

  static void set_no_delay(PlainStream& stream) {
    error_code ignored;
    stream.socket().set_option(tcp::no_delay(true), ignored);
  }

  template <typename Stream>
  asio::awaitable<void> transfer(Stream& stream, Exchange& exchange) {
    auto token = asio::redirect_error(asio::use_awaitable, exchange.error);
    beast::get_lowest_layer(stream).expires_at(exchange.deadline);
    exchange.doing = "sending to";
    co_await bhttp::async_write(stream, exchange.request, token);
    // A server may answer and close without having read everything: look for its answer.
    const error_code write_error = std::exchange(exchange.error, {});
    if (write_error == beast::error::timeout) {
      exchange.error = write_error;
      co_return;
    }
    exchange.doing = "reading the answer of";
    HttpParser parser;
    parser.header_limit(kResponseHeaderBytesMax);
    parser.body_limit(options_.body_bytes_max);
    // In two steps: Boost 1.74 forgets the body's limit when header and body come in one piece.
    co_await bhttp::async_read_header(stream, buffer_, parser, token);
    exchange.answer_begun = parser.got_some();
    if (!exchange.error) {
      co_await bhttp::async_read(stream, buffer_, parser, token);
    }
    if (exchange.error) {
      if (write_error && !exchange.answer_begun) exchange.error = write_error;
      co_return;
    }
    const bool keep_alive = parser.keep_alive() && !write_error;
    auto message = parser.release();
    exchange.response.status = message.result_int();
    for (const auto& field : message) {
      std::string name(field.name_string().data(), field.name_string().size());
      std::transform(name.begin(), name.end(), name.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      exchange.response.headers.emplace_back(
          std::move(name), std::string(field.value().data(), field.value().size()));
    }
    exchange.response.body = std::move(message.body());
    beast::get_lowest_layer(stream).expires_never();
    if (!keep_alive) disconnect();
  }

  [[nodiscard]] Error describe(const Exchange& exchange, const std::string& where) const {
    const error_code& error = exchange.error;
    ErrorCode code = ErrorCode::kUnavailable;
    std::string reason = error.message();
    if (error == beast::error::timeout) {
      code = ErrorCode::kTimeout;
      reason = "no end after " + std::to_string(options_.deadline.count()) + " ms";
    } else if (error == bhttp::error::body_limit) {
      code = ErrorCode::kTooLarge;
      reason = "the body has more than " + std::to_string(options_.body_bytes_max) + " bytes";
    } else if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow) {
      code = ErrorCode::kTooLarge;
      reason = "the header has more than " + std::to_string(kResponseHeaderBytesMax) + " bytes";
    } else if (error == bhttp::error::partial_message || error == bhttp::error::end_of_stream) {
      reason = "the connection ended before the answer did";
    } else if (error.category() == make_error_code(bhttp::error::bad_value).category()) {
      code = ErrorCode::kMalformed;
      reason = "not an HTTP/1.1 answer: " + reason;
    } else if (exchange.doing.starts_with("TLS") && verify_result_ != X509_V_OK) {
      code = ErrorCode::kBadIdentity;
      reason = std::string("its certificate is not accepted: ") +
               X509_verify_cert_error_string(verify_result_);
    }
    return Error{code, std::string(exchange.doing) + " " + where + ": " + reason};
  }

  const Url url_;
  const ClientOptions options_;
  asio::io_context context_{1};
  std::optional<asio::ssl::context> tls_;
  std::variant<std::monostate, std::unique_ptr<PlainStream>, std::unique_ptr<TlsStream>> stream_;
  beast::flat_buffer buffer_;
  long verify_result_ = X509_V_OK;
};

}  // namespace

std::optional<std::string_view> ClientResponse::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return std::nullopt;
}

Result<std::unique_ptr<Client>> Client::make(std::string_view url, ClientOptions options) {
  WITAN_ASSIGN(Url parsed, parse_url(url));
  auto client = std::make_unique<ClientImpl>(std::move(parsed), std::move(options));
  WITAN_TRY(client->prepare());
  return client;
}

}  // namespace witan::http
