#include "node/witness/log_sources.h"

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "config/feed_limits.h"
#include "ledger/encoding.h"
#include "node/witness/omniwitness_logs.h"
#include "tests/node/http/http_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_node.h"
#include "tests/support/vectors.h"
#include "tests/witness/cosign_world.h"

namespace witan::test {
namespace {

std::string source_vkey(const std::string& name) {
  return VerifierKey::make(name, NoteAlgorithm::kEd25519, Bytes(32, 7)).value().text();
}

std::string omniwitness_log(const std::string& origin, const std::string& more = "") {
  return "  - Origin: " + origin + "\n    PublicKey: " + source_vkey("key.example") + "\n" + more;
}

std::string yaml_fault(const std::string& text) {
  const auto list = parse_omniwitness_logs(text);
  return list ? "taken" : list.error().message;
}

TEST_CASE("omniwitness logs: origins, keys, and feeds of the kinds that are known") {
  const std::string url = "    URL: https://log.example/prefix/\n";
  const auto list = parse_omniwitness_logs(
      "# a list\nLogs:\n" + omniwitness_log("a log", url + "    Feeder: tiles\n") +
      omniwitness_log("\"go's\"", url + "    Feeder: sumdb\n    PublicKeyType: ecdsa\n") +
      omniwitness_log("third", url + "    Feeder: serverless\n") + omniwitness_log("fourth"));
  REQUIRE(list);
  CHECK(list->warnings.empty());
  REQUIRE(list->logs.size() == 4);
  CHECK(list->logs[0].origin == "a log");
  CHECK(list->logs[0].key.name == "key.example");
  CHECK(list->logs[0].feed == LogFeed{"https://log.example/prefix", FeedLayout::kTiles, 0});
  CHECK(list->logs[1].origin == "go's");
  CHECK(list->logs[1].feed == LogFeed{"https://log.example/prefix", FeedLayout::kSumdb, 0});
  CHECK_FALSE(list->logs[2].feed);
  CHECK_FALSE(list->logs[3].feed);
}

TEST_CASE("omniwitness logs: what cannot be used is left out with a warning") {
  const std::string cosigner =
      VerifierKey::make("w", NoteAlgorithm::kCosignatureEd25519, Bytes(32, 7)).value().text();
  const auto list = parse_omniwitness_logs(
      "Other: [1, {two: 3}]\nLogs:\n  - Origin: w\n    PublicKey: " + cosigner + "\n" +
      omniwitness_log("b", "    URL: ftp://b\n    Feeder: tiles\n    Colour: {a: [b]}\n"));
  REQUIRE(list);
  REQUIRE(list->logs.size() == 1);
  CHECK(list->logs[0].origin == "b");
  CHECK_FALSE(list->logs[0].feed);
  REQUIRE(list->warnings.size() == 4);
  CHECK_THAT(list->warnings[0], ContainsSubstring("YAML line 1: unknown key \"Other\""));
  CHECK_THAT(list->warnings[1], ContainsSubstring("YAML line 3: a key with which no log signs"));
  CHECK_THAT(list->warnings[2], ContainsSubstring("unknown key \"Colour\""));
  CHECK_THAT(list->warnings[3], ContainsSubstring("cannot be fed"));
}

TEST_CASE("omniwitness logs: bombs and odd YAML are refused with their line") {
  const std::string good = "Logs:\n" + omniwitness_log("a");
  REQUIRE(yaml_fault(good) == "taken");
  CHECK_THAT(yaml_fault("Logs: &a\n  - Origin: x\n"), ContainsSubstring("line 1: an anchor"));
  CHECK_THAT(yaml_fault("x: *a\n"), ContainsSubstring("alias"));
  CHECK_THAT(yaml_fault("Logs: !!binary x\n"), ContainsSubstring("tag"));
  CHECK_THAT(yaml_fault(good + "---\n" + good), ContainsSubstring("one document"));
  CHECK_THAT(yaml_fault("- a\n"), ContainsSubstring("a mapping with \"Logs\""));
  CHECK_THAT(yaml_fault(""), ContainsSubstring("a document"));
  CHECK_THAT(yaml_fault("Other: 1\n"), ContainsSubstring("expected \"Logs\""));
  CHECK_THAT(yaml_fault("Logs: 5\n"), ContainsSubstring("a list of logs"));
  CHECK_THAT(yaml_fault("Logs: [a]\n"), ContainsSubstring("a log's mapping"));
  CHECK_THAT(yaml_fault("? [a]\n: b\n"), ContainsSubstring("a key that is text"));
  CHECK_THAT(yaml_fault(good + "Logs: []\n"), ContainsSubstring("a second \"Logs\""));
  CHECK_THAT(yaml_fault(good + "    Origin: b\n"), ContainsSubstring("a second Origin"));
  CHECK_THAT(yaml_fault("Logs:\n  - Origin: x\n"), ContainsSubstring("without PublicKey"));
  CHECK_THAT(yaml_fault("Logs:\n  - PublicKey: x\n"), ContainsSubstring("without Origin"));
  CHECK_THAT(yaml_fault("Logs:\n  - Origin: x\n    PublicKey: y\n"), ContainsSubstring("line 2"));
  CHECK_THAT(yaml_fault("Logs:\n  - Origin: [x]\n"), ContainsSubstring("expected text"));
  CHECK_THAT(yaml_fault("Logs:\n" + omniwitness_log("\"a\\nb\"")),
             ContainsSubstring("without control characters"));
  CHECK_THAT(yaml_fault("Logs:\n" + omniwitness_log("\"\\0\"")),
             ContainsSubstring("without control characters"));
  CHECK_THAT(yaml_fault("\xff\xfe\x00"), ContainsSubstring("line"));
  CHECK_THAT(yaml_fault("Logs:\n  - Origin: " + std::string(limits::kYamlScalarBytesMax + 1, 'x')),
             ContainsSubstring("the limit is"));
  CHECK_THAT(yaml_fault("x: " + std::string(100'000, '[')), ContainsSubstring("nested deeper"));
  CHECK_THAT(yaml_fault("x: " + std::string(100'000, '{')), ContainsSubstring("nested deeper"));
  std::string deep = "x:\n";
  for (std::size_t i = 1; i < 40; ++i) deep += std::string(i, ' ') + "- \n";
  CHECK(yaml_fault(deep) != "taken");
  CHECK(parse_omniwitness_logs(std::string(limits::kYamlBytesMax + 1, ' ')).error().code ==
        ErrorCode::kTooLarge);
}

TEST_CASE("log sources: the form is told from the content, or from --format") {
  const std::string logs_v0 = "# x\n\nlogs/v0\nvkey " + source_vkey("v0.example") + "\n";
  const std::string sigsum = "# x\n\n log " + std::string(64, 'a') + "\n";
  const std::string yaml = "# x\n\nLogs:\n" + omniwitness_log("yaml.example");
  CHECK(parse_any_log_list(logs_v0)->logs.at(0).origin == "v0.example");
  CHECK(parse_any_log_list(sigsum)->logs.at(0).key.key == Bytes(32, 0xaa));
  CHECK(parse_any_log_list(yaml)->logs.at(0).origin == "yaml.example");
  CHECK(parse_any_log_list("---\nLogs: []\n"));
  CHECK_FALSE(parse_any_log_list("hello"));
  CHECK_FALSE(parse_any_log_list(sigsum, parse_log_list_format("logs/v0").value()));
  CHECK(parse_any_log_list(sigsum, parse_log_list_format("sigsum").value()));
  CHECK(parse_any_log_list("{Logs: []}", parse_log_list_format("omniwitness").value()));
  CHECK(parse_log_list_format("auto") == LogListFormat::kAuto);
  CHECK_FALSE(parse_log_list_format("xml"));
}

TEST_CASE("log sources: a URL is asked whether it has changed, and bounds hold") {
  std::string seen_etag = "none";
  std::vector<http::Respond> held;  // never answered
  const auto server = http::test::start({}, [&](http::Request&& request, http::Respond respond) {
    const auto etag = request.header("if-none-match");
    seen_etag = etag ? std::string(*etag) : "none";
    if (request.path == "/moved") return respond(http::Response::text(302, "text/plain", ""));
    if (request.path == "/mute") return held.push_back(respond);
    if (etag == "\"1\"") return respond(http::Response::text(304, "text/plain", ""));
    respond(http::Response::text(200, "text/plain", "logs/v0\n").with("ETag", "\"1\""));
  });
  const std::string url = "http://" + server->address();
  ListFetchOptions options;
  const auto first = fetch_log_list(url + "/list", {}, options);
  REQUIRE(first);
  CHECK(first->text == "logs/v0\n");
  CHECK(first->validators.etag == "\"1\"");
  CHECK(seen_etag == "none");
  const auto second = fetch_log_list(url + "/list", first->validators, options);
  REQUIRE(second);
  CHECK_FALSE(second->text);
  CHECK(second->validators.etag == "\"1\"");
  CHECK_THAT(fetch_log_list(url + "/moved", {}, options).error().message,
             ContainsSubstring("redirections are not followed"));
  options.bytes_max = 4;
  CHECK(fetch_log_list(url + "/list", {}, options).error().code == ErrorCode::kTooLarge);
  options.deadline = std::chrono::milliseconds(50);
  CHECK(fetch_log_list(url + "/mute", {}, options).error().code == ErrorCode::kTimeout);
  TempDir dir;
  CHECK(fetch_log_list(dir.at("none"), {}, options).error().code == ErrorCode::kNotFound);
  write_text(dir.at("list"), "abcde");
  CHECK(fetch_log_list(dir.at("list"), {}, options).error().code == ErrorCode::kTooLarge);
}

TEST_CASE("log sources: omniwitness's own list is read", "[vectors]") {
  const auto dir = vectors_dir();
  if (!dir) {
    std::cout << "outside vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto list = parse_any_log_list(read_file(*dir / "tlog/config/omniwitness-logs.yaml"));
  REQUIRE(list);
  for (const std::string& warning : list->warnings) UNSCOPED_INFO(warning);
  CHECK(list->warnings.empty());
  CHECK(list->logs.size() == 14);
  std::size_t tiles = 0;
  std::size_t sumdb = 0;
  for (const ListedLog& log : list->logs) {
    if (log.feed) ++(log.feed->layout == FeedLayout::kSumdb ? sumdb : tiles);
  }
  CHECK(tiles == 2);
  CHECK(sumdb == 1);
  CHECK(list->logs[0].origin == "go.sum database tree");
  CHECK(list->logs[0].feed->url == "https://" + list->logs[0].key.name);
}

}  // namespace
}  // namespace witan::test
