#include "witness/sigsum_policy.h"

#include <filesystem>
#include <iostream>
#include <string>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

std::string sigsum_hex(char digit) {
  return std::string(64, digit);
}

TEST_CASE("sigsum policy: its logs, with the origin that Sigsum gives them") {
  const auto list =
      parse_sigsum_logs("# a policy\n\n  log " + sigsum_hex('a') + " https://log.example\nlog\t" +
                        sigsum_hex('B') + "\r\nwitness w1 " + sigsum_hex('c') + "\nwitness w2 " +
                        sigsum_hex('d') + " https://w.example\ngroup g 1 w1 w2\nquorum g");
  REQUIRE(list);
  CHECK(list->warnings.empty());
  REQUIRE(list->logs.size() == 2);
  const Bytes raw = hex_decode(sigsum_hex('a')).value();
  const ListedLog& log = list->logs[0];
  CHECK(log.origin == "sigsum.org/v1/tree/" + hex_encode(sha256(raw)));
  CHECK(log.key == VerifierKey::make(log.origin, NoteAlgorithm::kEd25519, raw).value());
  CHECK_FALSE(log.feed);
  CHECK(list->logs[1].key.key == hex_decode(sigsum_hex('b')).value());
}

TEST_CASE("sigsum policy: a log that is there twice is taken once, with a warning") {
  const std::string line = "log " + sigsum_hex('a') + "\n";
  const auto list = parse_sigsum_logs(line + line);
  REQUIRE(list);
  CHECK(list->logs.size() == 1);
  REQUIRE(list->warnings.size() == 1);
  CHECK(list->warnings[0] == "Sigsum policy line 2: the same log again");
}

TEST_CASE("sigsum policy: what is wrong is refused with its line") {
  const auto fault = [](const std::string& line) {
    const auto list = parse_sigsum_logs("# first\n" + line);
    return list ? std::string("taken") : list.error().message;
  };
  CHECK_THAT(fault("log " + sigsum_hex('g')), ContainsSubstring("line 2: expected a key of 64"));
  CHECK_THAT(fault("log " + sigsum_hex('a').substr(1)), ContainsSubstring("64 hex digits"));
  CHECK_THAT(fault("log " + sigsum_hex('a') + "aa"), ContainsSubstring("64 hex digits"));
  CHECK_THAT(fault("log"), ContainsSubstring("log KEY [URL]"));
  CHECK_THAT(fault("log " + sigsum_hex('a') + " https://a more"),
             ContainsSubstring("log KEY [URL]"));
  CHECK_THAT(fault("witness w"), ContainsSubstring("witness NAME KEY"));
  CHECK_THAT(fault("witness w nokey"), ContainsSubstring("64 hex digits"));
  CHECK_THAT(fault("group g 1"), ContainsSubstring("group NAME COUNT"));
  CHECK_THAT(fault("quorum a b"), ContainsSubstring("quorum NAME"));
  CHECK_THAT(fault("logs/v0"), ContainsSubstring("expected log, witness, group or quorum"));
  CHECK_THAT(fault("log \xff"), ContainsSubstring("not UTF-8"));
  CHECK(parse_sigsum_logs(std::string(limits::kLogListBytesMax + 1, '#')).error().code ==
        ErrorCode::kTooLarge);
}

TEST_CASE("sigsum policy: the published ones are read", "[vectors]") {
  const auto dir = test::vectors_dir();
  if (!dir) {
    std::cout << "outside vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(*dir / "tlog/config/sigsum-policies")) {
    INFO(entry.path());
    const auto list = parse_sigsum_logs(test::read_file(entry.path()));
    REQUIRE(list);
    CHECK(list->warnings.empty());
    CHECK_FALSE(list->logs.empty());
    ++files;
    if (entry.path().filename().string().starts_with("sigsum-generic-2025-1.")) {
      REQUIRE(list->logs.size() == 2);
      // The same log as in omniwitness's list, whose name was made by Sigsum.
      CHECK(list->logs[0].key.text() ==
            "sigsum.org/v1/tree/44ad38f8226ff9bd27629a41e55df727308d0a1cd8a2c31d3170048ac1dd22a1"
            "+682b49db+AQ7H4WhDEZsSA3enOROsasvC0D2CQy4sNrhBsJqVhB8l");
    }
  }
  CHECK(files == 4);
}

}  // namespace
}  // namespace witan
