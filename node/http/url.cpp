#include "node/http/url.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace witan::http {

namespace {

constexpr std::size_t kParametersMax = 64;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Text from outside as it may stand in an error: short, printable.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 80)) out += c >= 0x20 && c < 0x7f ? c : '?';
  if (text.size() > 80) out += "...";
  return out + '"';
}

Result<std::uint16_t> parse_port(std::string_view digits, std::string_view whole) {
  unsigned port = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, port);
  if (digits.empty() || digits.size() > 5 || error != std::errc{} || stop != end || port > 65'535) {
    return fail(ErrorCode::kUsage,
                in_quotes(whole) + ": port " + in_quotes(digits) + " is not a number up to 65535");
  }
  return static_cast<std::uint16_t>(port);
}

// Splits "host:port", "[v6]:port", "host". `port` is left empty when there is no colon.
bool split_authority(std::string_view text, std::string_view& host, std::string_view& port,
                     bool& has_port) {
  std::size_t end = text.find(':');
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    host = text.substr(1, close - 1);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
    if (close + 1 < text.size() && text[close + 1] != ':') return false;
    end = close + 1 < text.size() ? close + 1 : std::string_view::npos;
  } else {
    host = text.substr(0, end);
    for (const char c : host) {
      if (!is_alphanumeric(c) && c != '.' && c != '-' && c != '_') return false;
    }
  }
  has_port = end != std::string_view::npos;
  port = has_port ? text.substr(end + 1) : std::string_view{};
  return !host.empty() && host.size() <= 255;
}

}  // namespace

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c <= 0x20 || c >= 0x7f) {
      return fail(ErrorCode::kMalformed, in_quotes(text) + ": a byte that must be percent-encoded");
    }
    if (c != '%') {
      out += c;
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return fail(ErrorCode::kMalformed,
                  in_quotes(text) + ": \"%\" without two hexadecimal digits");
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view bytes) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : bytes) {
    if (is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> out;
  if (query.empty()) return out;
  for (std::size_t begin = 0; begin <= query.size();) {
    const std::size_t end = std::min(query.find('&', begin), query.size());
    const std::string_view piece = query.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t equals = std::min(piece.find('='), piece.size());
    if (equals == 0) {
      return fail(ErrorCode::kMalformed, "query: a parameter without a name");
    }
    if (out.size() == kParametersMax) {
      return fail(ErrorCode::kTooLarge, "query: more than 64 parameters");
    }
    WITAN_ASSIGN(std::string name, percent_decode(piece.substr(0, equals)));
    WITAN_ASSIGN(std::string value,
                 percent_decode(equals < piece.size() ? piece.substr(equals + 1) : ""));
    for (const auto& [known, unused] : out) {
      if (known == name) {
        return fail(ErrorCode::kMalformed,
                    "query: parameter " + in_quotes(name) + " is given twice");
      }
    }
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

Result<std::vector<std::string>> path_segments(std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return fail(ErrorCode::kMalformed, "path " + in_quotes(path) + ": expected a leading \"/\"");
  }
  std::vector<std::string> out;
  if (path.size() == 1) return out;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    WITAN_ASSIGN(std::string segment, percent_decode(path.substr(begin, end - begin)));
    if (segment.empty() && end != path.size()) {
      return fail(ErrorCode::kMalformed, "path " + in_quotes(path) + ": an empty segment");
    }
    if (segment == "." || segment == ".." || segment.find('\0') != std::string::npos) {
      return fail(ErrorCode::kMalformed, "path " + in_quotes(path) + ": segment " +
                                             in_quotes(segment) + " is not accepted");
    }
    out.push_back(std::move(segment));
    begin = end + 1;
  }
  return out;
}

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (https ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::to_string() const {
  return (https ? "https://" : "http://") + authority() + prefix;
}

Result<Url> parse_url(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kUsage, "URL " + in_quotes(text) + ": " + std::string(why) +
                                       "; expected http(s)://host[:port][/prefix]");
  };
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.https = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return refuse("the scheme is neither http nor https");
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view path = rest.substr(slash);
  std::string_view host;
  std::string_view port;
  bool has_port = false;
  if (!split_authority(rest.substr(0, slash), host, port, has_port)) return refuse("bad host");
  url.host = std::string(host);
  url.port = url.https ? 443 : 80;
  if (has_port) {
    WITAN_ASSIGN(url.port, parse_port(port, text));
  }
  if (url.port == 0) return refuse("port 0");
  if (path.find_first_of("?#") != std::string_view::npos) return refuse("a query or fragment");
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  if (!path.empty()) {
    WITAN_TRY(path_segments(path).map([](auto&&) { return 0; }).map_error([&](const Error& error) {
      return Error{ErrorCode::kUsage, "URL " + in_quotes(text) + ": " + error.message};
    }));
  }
  url.prefix = std::string(path);
  return url;
}

Result<ListenAddress> parse_listen(std::string_view text) {
  std::string_view host;
  std::string_view port;
  bool has_port = false;
  if (!split_authority(text, host, port, has_port) || !has_port) {
    return fail(ErrorCode::kUsage, "listen address " + in_quotes(text) +
                                       ": expected ADDRESS:PORT or [IPv6]:PORT, "
                                       "for example 127.0.0.1:8080");
  }
  ListenAddress out;
  out.host = std::string(host);
  WITAN_ASSIGN(out.port, parse_port(port, text));
  return out;
}

}  // namespace witan::http
