#include "witness/log_list.h"

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "ledger/crypto/ml_dsa.h"
#include "ledger/crypto/sha256.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

using nlohmann::json;

VerifierKey listed_key(const std::string& name, const std::string& seed = "a",
                       NoteAlgorithm algorithm = NoteAlgorithm::kEd25519) {
  const std::size_t bytes = algorithm == NoteAlgorithm::kMlDsa44 ? kMlDsa44KeyBytes : 32;
  Bytes key(bytes, 9);
  const Hash32 hash = sha256(as_bytes(seed));
  std::copy(hash.begin(), hash.end(), key.begin());
  return VerifierKey::make(name, algorithm, key).value();
}

std::string vkey_line(const std::string& name) {
  return "vkey " + listed_key(name).text() + "\n";
}

LogList list_of(const std::vector<std::pair<std::string, std::string>>& names_and_seeds) {
  LogList list;
  for (const auto& [name, seed] : names_and_seeds) {
    list.logs.push_back({listed_key(name, seed), name, {}, ""});
  }
  return list;
}

TEST_CASE("log list: the logs of a list, with what is optional and what is left out") {
  const std::string text = "\t# a list\r\n\n  logs/v0  \n\n" + vkey_line("a.example") +
                           "  origin  an old name \nqpd 24\n\n# between\ncontact x (at) y # z\n" +
                           vkey_line("b.example") + "qpd 2147483647";
  const auto list = LogList::parse(text);
  REQUIRE(list);
  REQUIRE(list->logs.size() == 2);
  CHECK(list->logs[0] == ListedLog{listed_key("a.example"), "an old name", 24, "x (at) y # z"});
  CHECK(list->logs[1] == ListedLog{listed_key("b.example"), "b.example", 2'147'483'647, ""});
  REQUIRE(list->warnings.size() == 1);
  CHECK(list->warnings[0] == "log list line 11: a log without contact");
  CHECK(LogList::parse(text, true).error().message == list->warnings[0]);
  CHECK(LogList::parse(text + "\ncontact me\n", true));
}

TEST_CASE("log list: written in one form that is read again, strictly where all is given") {
  LogList list;
  list.logs.push_back({listed_key("a.example"), "other", 1, "me"});
  list.logs.push_back({listed_key("b.example"), "b.example", 86'400, "you and me"});
  CHECK(list.encode() == "logs/v0\n\n" + vkey_line("a.example") +
                             "origin other\nqpd 1\ncontact me\n\n" + vkey_line("b.example") +
                             "qpd 86400\ncontact you and me\n");
  CHECK(LogList::parse(list.encode(), true)->logs == list.logs);
  list.logs.push_back({listed_key("c.example"), "c.example", {}, ""});
  CHECK(LogList::parse(list.encode())->logs == list.logs);
  CHECK(LogList().encode() == "logs/v0\n");
}

TEST_CASE("log list: what a strict reader refuses is a warning with its line") {
  const auto warned = [](const std::string& lines, const std::string& warning, std::size_t logs) {
    const std::string text = "logs/v0\n" + lines;
    const auto list = LogList::parse(text);
    INFO(text);
    REQUIRE(list);
    CHECK(list->logs.size() == logs);
    REQUIRE(list->warnings.size() == 1);
    CHECK_THAT(list->warnings[0], ContainsSubstring(warning));
    const auto strict = LogList::parse(text, true);
    REQUIRE_FALSE(strict);
    CHECK(strict.error().code == ErrorCode::kMalformed);
    CHECK(strict.error().message == list->warnings[0]);
  };
  const std::string rest = "qpd 1\ncontact me\n";
  const std::string a = vkey_line("a");
  warned("bastion none\n" + a + rest, "line 2: unknown keyword \"bastion\"", 1);
  warned(a + "qpd 1\nfoo bar\ncontact me\n", "line 4: unknown keyword \"foo\"", 1);
  warned(a + rest + "Vkey x\n", "line 5: unknown keyword \"Vkey\"", 1);
  warned(a + "contact me\n", "line 2: a log without qpd", 1);
  warned(a + "qpd 1\n", "line 2: a log without contact", 1);
  warned(a + "contact me\nqpd 1\n", "line 4: qpd comes late", 1);
  warned(a + "qpd 1\norigin o\ncontact me\n", "line 4: origin comes late", 1);
  // Keys with which no log signs: the log is left out, with all its lines.
  warned("vkey " + listed_key("w", "s", NoteAlgorithm::kCosignatureEd25519).text() + "\n" + rest,
         "line 2: key of type 4", 0);
  warned("vkey " + listed_key("w", "s", NoteAlgorithm::kRfc6962).text() + "\n" + rest + a + rest,
         "line 2: key of type 5", 1);
  warned("vkey n+00000000+A0FB\n" + rest + a + rest, "found 3", 1);
}

TEST_CASE("log list: keys of all types that sign logs are taken") {
  const auto pq = listed_key("pq", "s", NoteAlgorithm::kMlDsa44);
  const auto list = LogList::parse("logs/v0\nvkey " + pq.text() + "\nqpd 1\ncontact me\n", true);
  REQUIRE(list);
  CHECK(list->logs.at(0).key == pq);
}

TEST_CASE("log list: malformed lists are refused with the line") {
  const auto refused = [](const std::string& text, const std::string& reason) {
    const auto list = LogList::parse(text);
    INFO(text);
    REQUIRE_FALSE(list);
    CHECK(list.error().code == ErrorCode::kMalformed);
    CHECK_THAT(list.error().message, ContainsSubstring(reason));
  };
  const std::string a = "logs/v0\n" + vkey_line("a");
  refused("", "expected the header \"logs/v0\", found the end");
  refused("# logs/v0\n", "found the end");
  refused("logs/v1\n", "line 1: expected the header");
  refused("logs/v0 x\n", "line 1: expected the header");
  refused(vkey_line("a"), "line 1: expected the header");
  refused("logs/v0\nlogs/v0 x\nqpd\n", "line 3: expected a value");
  refused("logs/v0\nqpd 1\n", "line 2: qpd before the first vkey");
  refused("logs/v0\norigin o\n", "origin before the first vkey");
  refused("logs/v0\nvkey\n", "line 2: expected a value after vkey");
  refused("logs/v0\nvkey x\n", "line 2: vkey");
  refused("logs/v0\n" + vkey_line("a").substr(0, 40) + "\n", "line 2: vkey");
  refused("logs/v0\nvkey " + listed_key("a").text() + " b\n", "line 2: vkey");
  refused("logs/v0\nvkey a+00000000+" + listed_key("a").text().substr(11) + "\n", "line 2: vkey");
  refused(a + "origin\n", "line 3: expected a value after origin");
  refused(a + "origin o\norigin o\n", "line 4: a second origin");
  refused(a + "qpd 1\nqpd 1\n", "line 4: a second qpd");
  refused(a + "contact 1\ncontact 1\n", "line 4: a second contact");
  for (const std::string qpd : {"0", "-1", "+1", "01", "1.5", "1e3", "0x1", "many", "2147483648",
                                "4294967297", "18446744073709551617", "1 2", "\xd9\xa1"}) {
    refused(a + "qpd " + qpd + "\n", "line 3: expected a qpd from 1 to 2147483647");
  }
  refused(a + "contact x\x01y\n", "line 3: control character");
  refused(a + "contact x" + std::string(1, '\0') + "\n", "line 3: control character");
  refused(a + "contact x\ry\n", "line 3: control character");
  refused(a + "contact \x7f\n", "line 3: control character");
  refused(a + "contact \xff\n", "line 3: not UTF-8");
  refused(a + "origin x\ty\n", "without control characters");
  refused(a + "origin " + std::string(256, 'o') + "\n", "not at most 255 bytes");
  refused(a + "contact " + std::string(limits::kLogContactCharsMax + 1, 'c') + "\n", "the limit");
  CHECK(LogList::parse(a + "origin " + std::string(255, 'o') + "\n"));
  CHECK(LogList::parse(a + "contact " + std::string(limits::kLogContactCharsMax, 'c') + "\n"));
  CHECK(LogList::parse("\xef\xbb\xbflogs/v0\n").error().code == ErrorCode::kMalformed);
}

TEST_CASE("log list: sizes and warnings are bounded") {
  const std::string big(limits::kLogListBytesMax + 1, '\n');
  CHECK(LogList::parse(big).error().code == ErrorCode::kTooLarge);
  std::string unknown = "logs/v0\n";
  for (std::size_t i = 0; i < 2 * limits::kLogListWarningsMax; ++i) unknown += "unknown\n";
  const auto list = LogList::parse(unknown);
  REQUIRE(list);
  CHECK(list->warnings.size() == limits::kLogListWarningsMax + 1);
  std::string many = "logs/v0\n";
  const std::string line = vkey_line("a");
  for (std::size_t i = 0; i < limits::kWitnessLogsMax; ++i) many += line;
  CHECK(LogList::parse(many)->logs.size() == limits::kWitnessLogsMax);
  CHECK(LogList::parse(many + line).error().code == ErrorCode::kTooLarge);
}

TEST_CASE("log list: merging adds, and changes nothing that is known") {
  std::vector<KnownLog> known;
  const auto first = merge_log_list(known, list_of({{"m", "1"}, {"z", "1"}, {"a", "1"}}), "w");
  CHECK(first.added == std::vector<std::string>{"m", "z", "a"});
  CHECK(first.warnings.empty());
  REQUIRE(known.size() == 3);
  CHECK(known[0] == KnownLog{"a", {listed_key("a", "1")}, {}, "", false});
  CHECK(known[2].origin == "z");

  known[1].disabled = true;
  known[1].qpd = 7;
  known[2].keys.push_back(listed_key("z", "2"));
  const std::vector<KnownLog> before = known;
  // Again the same, with the operator's second key, and without "a".
  const auto again = merge_log_list(known, list_of({{"m", "1"}, {"z", "2"}, {"z", "1"}}), "w");
  CHECK(again.added.empty());
  CHECK(again.warnings.empty());
  CHECK(known == before);

  const auto changed = merge_log_list(known, list_of({{"a", "9"}, {"c", "1"}, {"c", "2"}}), "w");
  CHECK(changed.added == std::vector<std::string>{"c"});
  REQUIRE(changed.warnings.size() == 2);
  CHECK_THAT(changed.warnings[0], ContainsSubstring("\"a\": another key, not taken"));
  CHECK_THAT(changed.warnings[0], ContainsSubstring(listed_key("a", "1").text()));
  CHECK_THAT(changed.warnings[1], ContainsSubstring("\"c\": another key"));
  REQUIRE(known.size() == 4);
  CHECK(known[0] == before[0]);
  CHECK(known[1] == KnownLog{"c", {listed_key("c", "1")}, {}, "", false});
  CHECK(known[3] == before[2]);
}

TEST_CASE("log list: a log whose keys were taken away does not come back by a list") {
  std::vector<KnownLog> known = {{"a", {}, {}, "", false}};
  const auto outcome = merge_log_list(known, list_of({{"a", "1"}}), "w");
  REQUIRE(outcome.warnings.size() == 1);
  CHECK_THAT(outcome.warnings[0], ContainsSubstring("none is known"));
  CHECK(known[0].keys.empty());
}

TEST_CASE("log list: the witness's own name is no log's") {
  std::vector<KnownLog> known;
  LogList list = list_of({{"w", "1"}, {"b", "1"}});
  list.logs.push_back({listed_key("w", "3"), "disguised", {}, ""});
  list.logs.push_back({listed_key("d", "3"), "w", {}, ""});
  const auto outcome = merge_log_list(known, list, "w");
  CHECK(outcome.added == std::vector<std::string>{"b"});
  CHECK(outcome.warnings.size() == 3);
}

TEST_CASE("log list: a full witness takes no more, and says so once") {
  std::vector<KnownLog> known(limits::kWitnessLogsMax - 1);
  for (std::size_t i = 0; i < known.size(); ++i) known[i].origin = std::to_string(10'000'000 + i);
  const auto outcome = merge_log_list(known, list_of({{"b", ""}, {"a", ""}, {"c", ""}}), "w");
  CHECK(outcome.added == std::vector<std::string>{"b"});
  REQUIRE(outcome.warnings.size() == 1);
  CHECK_THAT(outcome.warnings[0], ContainsSubstring("2 new logs not taken"));
  CHECK(known.size() == limits::kWitnessLogsMax);
}

TEST_CASE("log list vectors: the parsers of other witnesses agree") {
  const auto vectors = test::vectors_dir();
  if (!vectors) {
    std::cout << "outside log list vectors skipped\n";
    return;
  }
  const auto folder = *vectors / "tlog/config";
  const json cases = json::parse(test::read_file(folder / "loglist-cases.json"));
  std::size_t checked = 0;
  for (const auto& [kind, strict] : {std::pair<std::string, bool>{"strict_validator", true},
                                     {"lenient_witness_parser", false}}) {
    for (const json& one : cases[kind]["cases"]) {
      INFO(kind << ": " << one["name"].get<std::string>());
      const auto list = LogList::parse(one["input"].get<std::string>(), strict);
      CHECK(list.has_value() != one["want_error"].get<bool>());
      ++checked;
    }
  }
  const auto published = folder / "witness-network-lists";
  for (const std::string name : {"staging/log-list-100qps-40klogs.1",
                                 "staging/log-list-10qps-4klogs.1", "testing/log-list.1"}) {
    const auto list = LogList::parse(test::read_file(published / name), true);
    INFO(name);
    REQUIRE(list);
    CHECK_FALSE(list->logs.empty());
    CHECK(LogList::parse(list->encode(), true)->logs == list->logs);
    checked += list->logs.size();
  }
  const auto mtc = LogList::parse(test::read_file(folder / "mtc-mirror-log-list.txt"));
  REQUIRE(mtc);
  REQUIRE(mtc->logs.size() == 1);
  CHECK(mtc->logs[0].key.algorithm == NoteAlgorithm::kMlDsa44);
  CHECK(mtc->logs[0].origin == "oid/1.3.6.1.4.1.11129.11.99.1.0.1");
  std::cout << "log list cases and logs checked: " << checked + 1 << "\n";
}

TEST_CASE("log list vectors: three revisions come to what another witness makes of them") {
  const auto vectors = test::vectors_dir();
  if (!vectors) return;
  const auto folder = *vectors / "tlog/witness/loglist-pull";
  std::vector<KnownLog> known;
  std::vector<std::size_t> added;
  std::size_t warnings = 0;
  for (const std::string revision : {"0", "0", "1", "2"}) {
    const auto list = LogList::parse(test::read_file(folder / ("log_list." + revision)));
    REQUIRE(list);
    const auto outcome = merge_log_list(known, *list, "witness.example");
    added.push_back(outcome.added.size());
    warnings += outcome.warnings.size();
  }
  CHECK(added == std::vector<std::size_t>{2, 0, 1, 0});
  CHECK(warnings == 1);
  std::string lines = test::read_file(folder / "expected-after-all.jsonl");
  std::size_t count = 0;
  for (std::size_t start = 0; start < lines.size(); ++count) {
    const std::size_t end = std::min(lines.find('\n', start), lines.size());
    const json expected = json::parse(lines.substr(start, end - start));
    start = end + 1;
    REQUIRE(count < known.size());
    CHECK(known[count].origin == expected["origin"].get<std::string>());
    REQUIRE(known[count].keys.size() == expected["keys"].size());
    CHECK(known[count].keys[0].text() == expected["keys"][0].get<std::string>());
  }
  CHECK(count == known.size());
  std::cout << "logs merged from three revisions: " << count << "\n";
}

}  // namespace
}  // namespace witan
