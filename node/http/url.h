#pragma once
// URLs and their parts, strictly: what is not clean is refused, not repaired.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"

namespace witan::http {

// The bytes that `text` stands for (RFC 3986, section 2.1); "+" is a plus. kMalformed: a "%"
// without two hexadecimal digits, or a byte that must not stand in a URL as it is.
[[nodiscard]] Result<std::string> percent_decode(std::string_view text);

// Every byte but letters, digits and -._~ as %XX.
[[nodiscard]] std::string percent_encode(std::string_view bytes);

// The decoded names and values of "a=1&b=2", in order; a name without "=" has an empty value.
// kMalformed: an empty piece or name, a name given twice, bad encoding; kTooLarge: more than 64.
[[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> parse_query(
    std::string_view query);

// The decoded segments of "/a/b": {"a", "b"}; "/" has none, "/a/" ends in an empty one. kMalformed:
// no leading "/", an empty segment inside, "." and ".." (also encoded), a zero byte, bad encoding.
[[nodiscard]] Result<std::vector<std::string>> path_segments(std::string_view path);

struct Url {
  bool https = false;
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 0;
  std::string prefix;  // the path without a trailing "/": "" or "/log"

  // "host:port" or "[v6]:port", without the scheme's own port: the Host header.
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] std::string to_string() const;
};

// kUsage when it is not http(s)://host[:port][/prefix]: user names, queries and fragments too.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

struct ListenAddress {
  std::string host;  // an IPv4 or IPv6 address as text, without brackets
  std::uint16_t port = 0;
};

// "ADDRESS:PORT" or "[IPv6]:PORT"; kUsage otherwise. That the host is an address is not checked.
[[nodiscard]] Result<ListenAddress> parse_listen(std::string_view text);

}  // namespace witan::http
