#include "node/log.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

using namespace witan;

namespace {

struct Captured {
  Captured() {
    set_log_sink([this](LogLevel, std::string_view line) { lines.emplace_back(line); });
  }
  ~Captured() {
    set_log_sink({});
    set_log_level(LogLevel::kInfo);
  }
  std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("log: fields follow the message") {
  Captured captured;
  log_info("listening", {{"address", "127.0.0.1:80"}, {"threads", 2}, {"tls", false}});
  REQUIRE(captured.lines.size() == 1);
  CHECK(captured.lines[0] == "listening address=127.0.0.1:80 threads=2 tls=false");
}

TEST_CASE("log: values from outside cannot forge a line or a field") {
  Captured captured;
  log_warning("bad\nmessage", {{"path", "/a b\"\\\r\n\x01 level=error"}, {"empty", ""}});
  REQUIRE(captured.lines.size() == 1);
  CHECK(captured.lines[0] ==
        "bad\\nmessage path=\"/a b\\\"\\\\\\x0d\\n\\x01 level=error\" empty=\"\"");
  // U+009B begins a command to some terminals; U+00E9 is a letter.
  log_warning("odd", {{"answer", "\xc2\x9b!\xc3\xa9\xc2\xa0"}});
  CHECK(captured.lines.at(1) == "odd answer=\"\\x9b!\xc3\xa9\xc2\xa0\"");
}

TEST_CASE("log: lines below the level are dropped") {
  Captured captured;
  log_debug("no");
  set_log_level(LogLevel::kError);
  log_info("no");
  log_warning("no");
  log_error("yes");
  set_log_level(LogLevel::kOff);
  log_error("no");
  CHECK(captured.lines == std::vector<std::string>{"yes"});
  CHECK(parse_log_level("debug").value() == LogLevel::kDebug);
  CHECK(parse_log_level("loud").error().code == ErrorCode::kUsage);
}
