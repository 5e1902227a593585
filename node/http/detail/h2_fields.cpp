#include "node/http/detail/h2_fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include "config/limits.h"

namespace witan::http::detail {

namespace {

// What a field costs besides its text (RFC 9113, section 6.5.2).
constexpr std::size_t kFieldOverhead = 32;

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool of_a_connection(std::string_view name) {
  constexpr std::array<std::string_view, 7> kNames = {
      "connection", "keep-alive", "proxy-connection", "transfer-encoding",
      "upgrade",    "date",       "content-length"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

const std::uint8_t* bytes_of(const std::string& text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

void H2Head::add(Request& request, std::string_view name, std::string_view value) {
  ++fields_;
  bytes_ += name.size() + value.size() + kFieldOverhead;
  if (bytes_ > limits::kHttpHeaderBytesMax || fields_ > limits::kH2HeadersMax) return;
  if (name == ":method") {
    request.method_text = std::string(value);
  } else if (name == ":path") {
    target_ = std::string(value);
  } else if (name == ":authority") {
    authority_ = std::string(value);
  } else if (!name.starts_with(':')) {
    if (name == "host") authority_.clear();
    request.headers.emplace_back(name, value);
  }
}

bool H2Head::refuse(unsigned status, std::string why) {
  status_ = status;
  refusal_ = std::move(why);
  return false;
}

bool H2Head::finish(Request& request) {
  const std::string& method = request.method_text;
  request.method = method == "GET"    ? Method::kGet
                   : method == "HEAD" ? Method::kHead
                   : method == "POST" ? Method::kPost
                                      : Method::kOther;
  is_head_ = request.method == Method::kHead;
  if (bytes_ > limits::kHttpHeaderBytesMax || fields_ > limits::kH2HeadersMax) {
    return refuse(431, "header: expected at most " + std::to_string(limits::kHttpHeaderBytesMax) +
                           " bytes and " + std::to_string(limits::kH2HeadersMax) + " fields");
  }
  if (target_.size() > limits::kHttpTargetBytesMax) {
    return refuse(414, "request target: found " + std::to_string(target_.size()) +
                           " bytes, expected at most " +
                           std::to_string(limits::kHttpTargetBytesMax));
  }
  const bool asterisk = target_ == "*" && request.method == Method::kOther;
  if ((!target_.starts_with('/') && !asterisk) || target_.find('#') != std::string::npos) {
    return refuse(400, "request target: expected a path that begins with \"/\"");
  }
  const std::size_t question = std::min(target_.find('?'), target_.size());
  request.path = target_.substr(0, question);
  if (question < target_.size()) request.query = target_.substr(question + 1);
  if (const auto expect = request.header("expect")) {
    if (lower_case(*expect) != "100-continue") {
      return refuse(417, "Expect: only \"100-continue\" is implemented");
    }
    expects_continue_ = true;
  }
  if (const auto length = request.header("content-length")) {
    std::uint64_t value = 0;
    const char* end = length->data() + length->size();
    const auto [stop, error] = std::from_chars(length->data(), end, value);
    if (error != std::errc() || stop != end) return refuse(400, "Content-Length: not a number");
    content_length_ = value;
  }
  if (!request.header("host") && !authority_.empty()) {
    request.headers.emplace_back("host", std::move(authority_));
  }
  target_ = {};
  return true;
}

H2Fields::H2Fields(Texts fields) : fields_(std::move(fields)) {
  views_.reserve(fields_.size());
  for (const auto& [name, value] : fields_) {
    // The library copies and never writes.
    views_.push_back({const_cast<std::uint8_t*>(bytes_of(name)),   // NOLINT
                      const_cast<std::uint8_t*>(bytes_of(value)),  // NOLINT
                      name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
}

bool H2Fields::has_body(unsigned status) {
  return status >= 200 && status != 204 && status != 304;
}

std::optional<H2Fields> H2Fields::of(const Response& response, std::string_view date) {
  Texts fields = {{":status", std::to_string(response.status)}};
  for (const auto& [given, value] : response.headers) {
    std::string name = lower_case(given);
    if (of_a_connection(name)) continue;
    const bool good =
        !name.empty() && nghttp2_check_header_name(bytes_of(name), name.size()) != 0 &&
        name.front() != ':' && nghttp2_check_header_value(bytes_of(value), value.size()) != 0;
    if (!good) return std::nullopt;
    fields.emplace_back(std::move(name), value);
  }
  if (!date.empty()) fields.emplace_back("date", date);
  if (has_body(response.status)) {
    fields.emplace_back("content-length", std::to_string(response.body_view().size()));
  }
  return std::optional<H2Fields>(std::in_place, std::move(fields));
}

}  // namespace witan::http::detail
