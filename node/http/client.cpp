#include "node/http/client.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>

#include "node/http/detail/client_stream.h"
#include "node/http/url.h"

namespace witan::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = beast::http;
using boost::system::error_code;
using detail::ClientStream;
using std::chrono::steady_clock;

using HttpRequest = bhttp::request<bhttp::empty_body>;
using HttpParser = bhttp::response_parser<bhttp::vector_body<std::uint8_t>>;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr std::uint32_t kResponseHeaderBytesMax = 64u << 10;
constexpr std::size_t kReadBytes = 64u << 10;
// Of an answer, besides its body: Beast limits neither chunk extensions nor trailers.
constexpr std::size_t kBufferedBytesMax = 256u << 10;
// Beast asserts that it gets this many when it is called again at a chunk's header. As many follow
// in any case: "0", two line ends.
constexpr std::size_t kChunkHeaderBytesMin = 5;
constexpr unsigned kInformationalAnswersMax = 8;
// Small requests go out as one record and one segment.
constexpr std::size_t kJoinedBytesMax = 16u << 10;

struct Exchange {
  Bytes head;
  BytesView body;
  steady_clock::time_point deadline;
  error_code error;
  std::string_view doing = "connecting to";
  std::string refusal;  // of the peer's certificate
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

Bytes head_of(const HttpRequest& request) {
  Bytes out;
  bhttp::fields::writer writer(request, request.version(), request.method());
  for (const asio::const_buffer part : beast::buffers_range(writer.get())) {
    append(out, {static_cast<const std::uint8_t*>(part.data()), part.size()});
  }
  return out;
}

class ClientImpl final : public Client {
 public:
  ClientImpl(Url url, ClientOptions options) : url_(std::move(url)), options_(std::move(options)) {}

  Result<void> prepare() {
    if (!url_.https) return {};
    WITAN_ASSIGN(tls_, detail::make_tls_client_context(options_.ca_file));
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
    HttpRequest request;
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
    if (verb == bhttp::verb::post) request.content_length(body.size());
    exchange.head = head_of(request);
    exchange.body = body;
    exchange.deadline = steady_clock::now() + options_.deadline;

    // A kept connection may have been closed by the server meanwhile. What was perhaps handled
    // already must not be sent twice, so a POST goes over a connection only if it is seen open.
    const bool kept = stream_ != nullptr;
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

  // Whether the peer has closed it, or has said something that nobody asked for.
  bool is_stale() { return stream_->peek() != asio::error::would_block; }

  void disconnect() {
    stream_.reset();
    buffer_.clear();
  }

  void run(Exchange& exchange) {
    try {
      if (!stream_) connect(exchange);
      if (!exchange.error) transfer(exchange);
    } catch (const std::length_error&) {
      exchange.error = bhttp::error::buffer_overflow;
    } catch (const std::exception&) {
      exchange.error = make_error_code(boost::system::errc::io_error);
    }
    if (exchange.error) disconnect();
  }

  void connect(Exchange& exchange) {
    auto stream = detail::connect_tcp(url_.host, url_.port, exchange.deadline, options_.interrupt,
                                      exchange.error);
    if (exchange.error) return;
    if (tls_) {
      exchange.doing = "TLS handshake with";
      stream = tls_->handshake(std::move(stream), url_.host, exchange.deadline, exchange.error,
                               exchange.refusal);
    }
    stream_ = std::move(stream);
  }

  void send(Exchange& exchange) {
    BytesView body = exchange.body;
    if (exchange.head.size() + body.size() <= kJoinedBytesMax) {
      Bytes joined = exchange.head;
      append(joined, body);
      stream_->write(joined, exchange.deadline, exchange.error);
      return;
    }
    stream_->write(exchange.head, exchange.deadline, exchange.error);
    if (!exchange.error) stream_->write(body, exchange.deadline, exchange.error);
  }

  // Gives the parser bytes until it is `done`.
  void parse(HttpParser& parser, bool (HttpParser::*done)() const, Exchange& exchange) {
    error_code& error = exchange.error;
    bool need_more = buffer_.size() == 0;
    bool stalled = false;
    while (!error && !(parser.*done)()) {
      if (need_more) {
        const auto room = buffer_.prepare(kReadBytes);
        buffer_.commit(stream_->read_some({static_cast<std::uint8_t*>(room.data()), room.size()},
                                          exchange.deadline, error));
        if (error == asio::error::eof) return end(parser, error);
        if (error) return;
      }
      need_more = stalled && buffer_.size() < kChunkHeaderBytesMin;
      if (need_more) continue;
      const std::size_t used = parser.put(buffer_.data(), error);
      buffer_.consume(used);
      need_more = error == bhttp::error::need_more || buffer_.size() == 0;
      stalled = used == 0 && parser.is_header_done() && parser.chunked();
      if (error == bhttp::error::need_more) error = {};
    }
  }

  // The end of the connection ends an answer that states no length.
  static void end(HttpParser& parser, error_code& error) {
    error = bhttp::error::end_of_stream;
    if (parser.got_some()) parser.put_eof(error);
  }

  void transfer(Exchange& exchange) {
    exchange.doing = "sending to";
    send(exchange);
    // A server may answer and close without having read everything: look for its answer.
    const error_code write_error = std::exchange(exchange.error, {});
    if (write_error == beast::error::timeout) {
      exchange.error = write_error;
      return;
    }
    exchange.doing = "reading the answer of";
    // Informational answers (1xx) come before the one that counts.
    bool informational = true;
    for (unsigned i = 0; informational && i <= kInformationalAnswersMax; ++i) {
      informational = receive(exchange, write_error);
      if (exchange.error) return;
    }
    // What follows the answer was not asked for, and must not become the next one.
    if (informational || buffer_.size() != 0) disconnect();
  }

  // One answer; whether it was an informational one.
  bool receive(Exchange& exchange, const error_code& write_error) {
    HttpParser parser;
    parser.header_limit(kResponseHeaderBytesMax);
    parser.body_limit(options_.body_bytes_max);
    // In two steps: Boost 1.74 forgets the body's limit when header and body come in one piece.
    parser.eager(false);
    parse(parser, &HttpParser::is_header_done, exchange);
    exchange.answer_begun = exchange.answer_begun || parser.got_some();
    parser.eager(true);
    parse(parser, &HttpParser::is_done, exchange);
    if (exchange.error) {
      if (write_error && !exchange.answer_begun) exchange.error = write_error;
      return false;
    }
    const unsigned status = parser.get().result_int();
    if (status >= 100 && status < 200 && status != 101) return true;
    keep_answer(parser, exchange.response);
    if (!parser.keep_alive() || write_error) disconnect();
    return false;
  }

  static void keep_answer(HttpParser& parser, ClientResponse& response) {
    auto& message = parser.get();
    response.status = message.result_int();
    for (const auto& field : message) {
      std::string name(field.name_string().data(), field.name_string().size());
      std::transform(name.begin(), name.end(), name.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      response.headers.emplace_back(std::move(name),
                                    std::string(field.value().data(), field.value().size()));
    }
    response.body = std::move(message.body());
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
    } else if (error == bhttp::error::buffer_overflow) {
      code = ErrorCode::kTooLarge;
      reason = "chunk headers or trailers have more than " + std::to_string(kBufferedBytesMax) +
               " bytes";
    } else if (error == bhttp::error::header_limit) {
      code = ErrorCode::kTooLarge;
      reason = "the header has more than " + std::to_string(kResponseHeaderBytesMax) + " bytes";
    } else if (error == bhttp::error::partial_message || error == bhttp::error::end_of_stream) {
      reason = "the connection ended before the answer did";
    } else if (error.category() == make_error_code(bhttp::error::bad_value).category()) {
      code = ErrorCode::kMalformed;
      reason = "not an HTTP/1.1 answer: " + reason;
    } else if (!exchange.refusal.empty()) {
      code = ErrorCode::kBadIdentity;
      reason = "its certificate is not accepted: " + exchange.refusal;
    }
    return Error{code, std::string(exchange.doing) + " " + where + ": " + reason};
  }

  const Url url_;
  const ClientOptions options_;
  std::unique_ptr<detail::TlsClientContext> tls_;
  std::unique_ptr<ClientStream> stream_;
  beast::flat_buffer buffer_{kBufferedBytesMax};
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
