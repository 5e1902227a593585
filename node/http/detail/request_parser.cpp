#include "node/http/detail/request_parser.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "config/limits.h"

namespace witan::http::detail {

namespace {

namespace bhttp = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

constexpr std::size_t kHeadersMax = 128;
// Bodies up to this size get their memory at once; larger ones as they arrive, so that a claimed
// length alone costs nothing.
constexpr std::size_t kBodyReserveMax = 64u << 10;
// Beast asserts that it gets this many when it is called again at a chunk's header. As many follow
// in any case: "0", two line ends.
constexpr std::size_t kChunkHeaderBytesMin = 5;

std::string_view view(string_view text) {
  return {text.data(), text.size()};
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

// Takes Beast's events. Of errors only the first counts: `status` is 0 until there is one.
class Events final : public bhttp::basic_parser<true> {
 public:
  Events() {
    header_limit(static_cast<std::uint32_t>(limits::kHttpHeaderBytesMax));
    // Checked here, once the handler's limit is known (Boost 1.74 takes "none" for zero).
    body_limit(std::numeric_limits<std::uint64_t>::max());
    eager(false);
    request.headers.reserve(8);
  }

  void refuse(unsigned with_status, std::string why, error_code& error) {
    if (status == 0) {
      status = with_status;
      detail = std::move(why);
    }
    error = bhttp::error::bad_value;
  }

  Request request;
  unsigned status = 0;
  std::string detail;
  std::size_t body_bytes_max = std::numeric_limits<std::size_t>::max();
  bool request_line_seen = false;
  bool header_done = false;
  bool expects_continue = false;
  int http_version = 11;

 private:
  void on_request_impl(bhttp::verb method, string_view method_text, string_view target_text,
                       int version, error_code& error) override {
    request_line_seen = true;
    http_version = version;
    std::string_view target = view(target_text);
    if (version != 10 && version != 11) {
      return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here", error);
    }
    if (target.size() > limits::kHttpTargetBytesMax) {
      return refuse(414,
                    "request target: found " + std::to_string(target.size()) +
                        " bytes, expected at most " + std::to_string(limits::kHttpTargetBytesMax),
                    error);
    }
    request.method = method == bhttp::verb::get    ? Method::kGet
                     : method == bhttp::verb::head ? Method::kHead
                     : method == bhttp::verb::post ? Method::kPost
                                                   : Method::kOther;
    request.method_text = std::string(view(method_text));
    // The absolute form, which clients send to proxies, must be understood too (RFC 9112, 3.2.2).
    for (const std::string_view scheme : {"http://", "https://"}) {
      if (equals_ignoring_case(target.substr(0, scheme.size()), scheme)) {
        const std::size_t slash =
            std::min(target.find_first_of("/?", scheme.size()), target.size());
        target.remove_prefix(slash);
        if (target.empty() || target.front() == '?') request.path = "/";
        break;
      }
    }
    const std::size_t question = std::min(target.find('?'), target.size());
    request.path += target.substr(0, question);
    if (question < target.size()) request.query = std::string(target.substr(question + 1));
    const bool asterisk = request.path == "*" && request.method == Method::kOther;
    if ((!request.path.starts_with('/') && !asterisk) ||
        target.find('#') != std::string_view::npos) {
      refuse(400, "request target: expected a path that begins with \"/\"", error);
    }
  }

  void on_response_impl(int, string_view, int, error_code& error) override {
    refuse(400, "a response instead of a request", error);
  }

  void on_field_impl(bhttp::field, string_view name, string_view value,
                     error_code& error) override {
    if (header_done) return;  // trailers carry nothing that is used here
    if (request.headers.size() == kHeadersMax) {
      return refuse(431, "header: more than " + std::to_string(kHeadersMax) + " fields", error);
    }
    auto& [known_name, known_value] = request.headers.emplace_back();
    known_name.resize(name.size());
    std::transform(name.begin(), name.end(), known_name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    known_value.assign(value.data(), value.size());
  }

  void on_header_impl(error_code& error) override {
    std::size_t hosts = 0;
    for (const auto& [name, value] : request.headers) {
      if (name == "host") ++hosts;
      // Anything but exactly "chunked" could be framed differently by someone on the way.
      if (name == "transfer-encoding") {
        if (http_version == 10) return refuse(400, "Transfer-Encoding in HTTP/1.0", error);
        if (!equals_ignoring_case(value, "chunked")) {
          return refuse(501, "Transfer-Encoding: only \"chunked\" is implemented", error);
        }
      }
      if (name == "expect") {
        if (!equals_ignoring_case(value, "100-continue")) {
          return refuse(417, "Expect: only \"100-continue\" is implemented", error);
        }
        expects_continue = http_version == 11;
      }
    }
    if (hosts > 1 || (hosts == 0 && http_version == 11)) {
      return refuse(400, "found " + std::to_string(hosts) + " Host fields, expected one", error);
    }
    header_done = true;
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) request.body.reserve(std::min<std::uint64_t>(*length, kBodyReserveMax));
  }

  void take(string_view bytes, error_code& error) {
    if (bytes.size() > body_bytes_max - std::min(body_bytes_max, request.body.size())) {
      return refuse(413, "body: expected at most " + std::to_string(body_bytes_max) + " bytes",
                    error);
    }
    append(request.body, as_bytes(view(bytes)));
  }

  std::size_t on_body_impl(string_view bytes, error_code& error) override {
    take(bytes, error);
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t size, string_view, error_code& error) override {
    if (size > body_bytes_max - std::min(body_bytes_max, request.body.size())) {
      refuse(413, "body: expected at most " + std::to_string(body_bytes_max) + " bytes", error);
    }
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& error) override {
    take(bytes, error);
    return bytes.size();
  }
  void on_finish_impl(error_code&) override {}
};

}  // namespace

struct RequestParser::Impl {
  std::optional<Events> events;
  bool head_said = false;
  bool stalled = false;  // the parser used nothing of what it was given of a chunked body
};

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {
  reset();
}
RequestParser::~RequestParser() = default;

void RequestParser::reset() {
  impl_->events.emplace();
  impl_->head_said = false;
  impl_->stalled = false;
}

RequestParser::Status RequestParser::feed(BytesView bytes, std::size_t& consumed) {
  Events& events = *impl_->events;
  consumed = 0;
  // An empty line before the request line is ignored (RFC 9112, section 2.2).
  if (!events.request_line_seen) {
    while (consumed < bytes.size() && (bytes[consumed] == '\r' || bytes[consumed] == '\n')) {
      ++consumed;
    }
    if (consumed == bytes.size()) return Status::kNeedMore;
  }
  while (!events.is_done()) {
    error_code error;
    const BytesView rest = bytes.subspan(consumed);
    if (impl_->stalled && rest.size() < kChunkHeaderBytesMin) return Status::kNeedMore;
    const std::size_t used = events.put(boost::asio::buffer(rest.data(), rest.size()), error);
    consumed += used;
    impl_->stalled = used == 0 && events.header_done && events.chunked();
    if (error && error != bhttp::error::need_more) {
      if (events.status == 0) {
        const bool too_long = error == bhttp::error::header_limit;
        events.status = error == bhttp::error::bad_version ? 505
                        : !too_long                        ? 400
                        : events.request_line_seen         ? 431
                                                           : 414;
        events.detail = too_long ? "header: expected at most " +
                                       std::to_string(limits::kHttpHeaderBytesMax) + " bytes"
                                 : "not an HTTP request: " + error.message();
      }
      return Status::kError;
    }
    if (events.header_done && !impl_->head_said) {
      impl_->head_said = true;
      return Status::kHead;
    }
    if (error || (used == 0 && !events.is_done()) || consumed == bytes.size()) break;
  }
  return events.is_done() ? Status::kDone : Status::kNeedMore;
}

void RequestParser::set_body_bytes_max(std::size_t bytes) {
  impl_->events->body_bytes_max = bytes;
}

Request& RequestParser::request() {
  return impl_->events->request;
}
unsigned RequestParser::error_status() const {
  return impl_->events->status;
}
const std::string& RequestParser::error_detail() const {
  return impl_->events->detail;
}
bool RequestParser::has_body() const {
  return impl_->events->chunked() || content_length().value_or(0) > 0;
}
std::optional<std::uint64_t> RequestParser::content_length() const {
  const auto length = impl_->events->content_length();
  if (!length) return std::nullopt;
  return *length;
}
bool RequestParser::keep_alive() const {
  return impl_->events->keep_alive();
}
bool RequestParser::expects_continue() const {
  return impl_->events->expects_continue;
}
bool RequestParser::is_http_1_0() const {
  return impl_->events->http_version == 10;
}

}  // namespace witan::http::detail
