#include "config/toml_reader.h"

#include <limits>
#include <string>

#include "config/limits.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TomlTable parsed(std::string_view text) {
  auto table = TomlTable::parse(text, "node.toml");
  if (!table) FAIL(table.error().message);
  return *std::move(table);
}

TEST_CASE("toml: values of each type are read") {
  TomlTable root = parsed(
      "name = 'a'\nport = 8080\non = true\nlist = ['x', 'y']\nempty = []\n"
      "[inner]\nkey = 1\n[[peer]]\nname = 'p1'\n[[peer]]\nname = 'p2'\n");
  CHECK(root.string("name").value() == "a");
  CHECK(root.required_string("name").value() == "a");
  CHECK(root.integer("port", 1, 65'535).value() == 8080);
  CHECK(root.required_integer("port", kMin, kMax).value() == 8080);
  CHECK(root.boolean("on").value() == true);
  CHECK(root.strings("list").value() == std::vector<std::string>{"x", "y"});
  CHECK(root.strings("empty").value().empty());
  auto inner = root.required_table("inner");
  REQUIRE(inner);
  CHECK(inner->path() == "inner");
  CHECK(inner->integer("key", 0, 1).value() == 1);
  CHECK(inner->no_other_keys());
  auto peers = root.tables("peer");
  REQUIRE(peers);
  REQUIRE(peers->size() == 2);
  CHECK(peers->at(1).string("name").value() == "p2");
  CHECK(peers->at(1).path() == "peer[2]");
  CHECK(root.no_other_keys());
}

TEST_CASE("toml: keys that are not there are absent, and an error where they are required") {
  TomlTable root = parsed("[log]\nx = 1\n");
  CHECK_FALSE(root.has("name"));
  CHECK(root.has("log"));
  CHECK(root.string("name").value() == std::nullopt);
  CHECK(root.integer("name", 0, 1).value() == std::nullopt);
  CHECK(root.boolean("name").value() == std::nullopt);
  CHECK_FALSE(root.table("name").value().has_value());
  CHECK(root.strings("name").value().empty());
  CHECK(root.tables("name").value().empty());
  CHECK(root.required_string("name").error().message ==
        "node.toml: name: expected a string, but there is no such key");
  auto log = root.required_table("log");
  REQUIRE(log);
  CHECK(log->required_integer("size", 0, 1).error().message ==
        "node.toml:1: log.size: expected an integer, but there is no such key");
  CHECK(root.keys() == std::vector<std::string>{"log"});
}

TEST_CASE("toml: a value of another type is refused with file, line and key") {
  TomlTable root = parsed("\n[[issuer]]\nkeys = 7\nname = ['a']\nmixed = ['a',\n 2]\nt = 1.5\n");
  auto issuers = root.tables("issuer");
  REQUIRE(issuers);
  TomlTable& issuer = issuers->at(0);
  const auto keys = issuer.strings("keys");
  REQUIRE_FALSE(keys);
  CHECK(keys.error().code == ErrorCode::kUsage);
  CHECK(keys.error().message ==
        "node.toml:3: issuer.keys: expected an array of strings, found an integer");
  CHECK(issuer.string("name").error().message ==
        "node.toml:4: issuer.name: expected a string, found an array");
  CHECK(issuer.strings("mixed").error().message ==
        "node.toml:6: issuer.mixed: expected an array of strings, found an integer in it");
  CHECK(issuer.boolean("t").error().message ==
        "node.toml:7: issuer.t: expected true or false, found a floating-point number");
  CHECK(issuer.table("t").error().message ==
        "node.toml:7: issuer.t: expected a table, found a floating-point number");
  CHECK_THAT(issuer.tables("mixed").error().message, ContainsSubstring("found a string in it"));
  CHECK_FALSE(issuer.integer("t", 0, 9));
}

TEST_CASE("toml: integers outside the range are refused with the range") {
  TomlTable root = parsed("port = 70000\n");
  CHECK(root.integer("port", 1, 65'535).error().message ==
        "node.toml:1: port: expected an integer from 1 to 65535, found 70000");
  CHECK_FALSE(parsed("port = -1").integer("port", 0, 1));
}

TEST_CASE("toml: a key that nobody asked for is refused, the first by line") {
  TomlTable root = parsed("zeta = 1\nalpha = 2\nname = 'x'\n");
  REQUIRE(root.string("name"));
  CHECK(root.no_other_keys().error().message ==
        "node.toml:1: zeta: unknown key; expected one of: name");
  CHECK(root.has("alpha"));
  CHECK_FALSE(root.no_other_keys());
}

TEST_CASE("toml: malformed text is refused with its line") {
  const auto bad = [](std::string_view text) {
    const auto table = TomlTable::parse(text, "f.toml");
    REQUIRE_FALSE(table);
    CHECK(table.error().code == ErrorCode::kMalformed);
    return table.error().message;
  };
  CHECK_THAT(bad("a = 1\nb = \n"), ContainsSubstring("f.toml:2: "));
  CHECK_THAT(bad("a = 1\na = 2\n"), ContainsSubstring("f.toml:2: "));
  bad("[a\n");
  for (const char* key :
       {"a.\n", "a.=1\n", "[a.]\n", "[.a]\n", "x = {a.}\n", "x = {,}\n", "x = {=}\n"}) {
    bad(key);
  }
  bad("a = \"\x01\"\n");
  bad("a = \"\xff\"\n");
  bad("a = \u00e9\n");
  bad("a = 1 \u00e9\n");
  bad("\u00e9 = 1\n");
  bad(std::string("a = 1\0\n", 7));
  bad("a = 99999999999999999999\n");
  bad("a = " + std::string(5'000, '[') + std::string(5'000, ']'));
  CHECK(TomlTable::parse(std::string(limits::kConfigFileBytesMax + 1, '#'), "f").error().code ==
        ErrorCode::kTooLarge);
}

TEST_CASE("toml: errors about a value carry file, line and path") {
  TomlTable root = parsed("a = 1\n[log]\norigin = 'x'\n");
  TomlTable log = root.required_table("log").value();
  CHECK(log.error("origin", "too short").message == "node.toml:3: log.origin: too short");
  CHECK(log.error("", "empty", ErrorCode::kRefused).message == "node.toml:2: log: empty");
  CHECK(log.error("", "empty", ErrorCode::kRefused).code == ErrorCode::kRefused);
  CHECK(root.error("", "empty").message == "node.toml: empty");
}

}  // namespace
}  // namespace witan
