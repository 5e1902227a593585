#include <string>
#include <string_view>
#include <vector>

#include "node/http/message.h"
#include "node/http/url.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::http;

TEST_CASE("url: percent-decoding gives the bytes, and refuses what is not clean") {
  CHECK(percent_decode("a%20b%2Fc+d").value() == "a b/c+d");
  CHECK(percent_decode("%00").value() == std::string(1, '\0'));
  for (const char* bad : {"%", "%2", "%2g", "%g2", "a b", "a\x80", "a\nb", "%%20"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(percent_decode(bad));
    CHECK(percent_decode(bad).error().code == ErrorCode::kMalformed);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    CHECK(percent_decode(percent_encode(one)).value() == one);
  }
}

TEST_CASE("url: a query is names and values, each once") {
  const auto query = parse_query("issuer=https%3A%2F%2Fa.example&from=12&flag&x=a=b").value();
  REQUIRE(query.size() == 4);
  CHECK(query[0].second == "https://a.example");
  CHECK(query[2] == std::pair<std::string, std::string>("flag", ""));
  CHECK(query[3].second == "a=b");
  CHECK(parse_query("").value().empty());
  for (const char* bad : {"&", "a=1&", "&a=1", "a=1&&b=2", "=1", "a=1&a=2", "a=1&%61=2", "a=%"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_query(bad));
  }
  std::string many = "a0=";
  for (int i = 1; i < 65; ++i) many += "&a" + std::to_string(i) + "=";
  CHECK(parse_query(many).error().code == ErrorCode::kTooLarge);
}

TEST_CASE("url: a request gives its parameters decoded") {
  Request request;
  request.query = "subject=a%20b&n=1";
  CHECK(request.parameter("subject").value() == "a b");
  CHECK_FALSE(request.parameter("absent").value().has_value());
  request.query = "n=1&n=2";
  CHECK(request.parameter("n").error().code == ErrorCode::kMalformed);
}

TEST_CASE("url: path segments are decoded one by one and cannot climb") {
  CHECK(path_segments("/").value().empty());
  CHECK(path_segments("/a/b%2Fc").value() == std::vector<std::string>{"a", "b/c"});
  CHECK(path_segments("/a/").value() == std::vector<std::string>{"a", ""});
  for (const char* bad :
       {"", "a", "//", "//a", "/a//b", "/a/../b", "/.", "/%2e%2E/a", "/a%00", "/%zz", "/a b"}) {
    CAPTURE(bad);
    CHECK_FALSE(path_segments(bad));
  }
}

TEST_CASE("url: node URLs are http or https with host, port and prefix") {
  const Url plain = parse_url("http://node.example").value();
  CHECK((plain.host == "node.example" && plain.port == 80 && plain.prefix.empty()));
  CHECK(plain.authority() == "node.example");
  const Url full = parse_url("https://[2001:db8::1]:8443/logs/a/").value();
  CHECK((full.https && full.host == "2001:db8::1" && full.port == 8443));
  CHECK(full.to_string() == "https://[2001:db8::1]:8443/logs/a");
  for (const char* bad :
       {"", "node.example", "ftp://a", "http://", "http:///x", "http://a:", "http://a:0",
        "http://a:65536", "http://a:99999999999", "http://u@a", "http://a b", "http://a/?q",
        "http://a/#f", "http://[::1", "http://[::1]x", "http://a/../b", "http://a\r\nb"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(parse_url(bad));
    CHECK(parse_url(bad).error().code == ErrorCode::kUsage);
  }
}

TEST_CASE("url: listen addresses name a port") {
  CHECK(parse_listen("127.0.0.1:0").value().port == 0);
  CHECK(parse_listen("[::1]:8080").value().host == "::1");
  for (const char* bad : {"", "8080", ":8080", "127.0.0.1", "[::1]", "127.0.0.1:x", "a:65536"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_listen(bad));
  }
}
