// Each way in which a log can lie is found and named.

#include "tests/node/audit/audit_fixture.h"

using namespace witan;
using namespace witan::test;

namespace {

const TestLog& honest_log() {
  static const TestLog log = [] {
    TestLog made;
    made.grow(598);
    return made.fork();
  }();
  return log;
}

// Changes the byte at an offset of one resource's body.
std::string flipped(const std::string& path_wanted, std::size_t offset) {
  TestLog log = honest_log().fork();
  bool changed = false;
  log.lie = [&](const std::string& path, Bytes& body) {
    if (path != path_wanted) return;
    body.at(offset) ^= 1;
    changed = true;
  };
  const std::string found = finding_of(log);
  CHECK(changed);
  return found;
}

std::string replaced(const std::string& path_wanted, const std::function<void(Bytes&)>& change) {
  TestLog log = honest_log().fork();
  log.lie = [&](const std::string& path, Bytes& body) {
    if (path == path_wanted) change(body);
  };
  return finding_of(log);
}

std::size_t offset_of_statement(std::uint64_t index) {
  std::size_t at = 4;
  for (std::uint64_t i = index / 256 * 256; i < index; ++i) {
    at += honest_log().statements[i].size() + 4;
  }
  return at;
}

std::string id_of(std::uint64_t index) {
  return hex_encode(honest_log().entries[index]);
}

}  // namespace

TEST_CASE("audit: a flipped byte in a statement is found") {
  CHECK_THAT(flipped("/tile/statements/001", offset_of_statement(300) + 20),
             ContainsSubstring("entry 300 (/tile/statements/001)") &&
                 ContainsSubstring("expected the entry " + id_of(300)));
  CHECK_THAT(flipped("/tile/statements/000", offset_of_statement(0) + 20),
             ContainsSubstring("entry 0 (/tile/statements/000)"));
}

TEST_CASE("audit: a flipped byte in an entry bundle is found") {
  CHECK_THAT(flipped("/tile/entries/001", 44 * 34 + 2),
             ContainsSubstring("entry 300 (/tile/statements/001)"));
  CHECK_THAT(flipped("/tile/entries/001", 44 * 34 + 1),
             ContainsSubstring("/tile/entries/001") && ContainsSubstring("expected the length 32"));
}

TEST_CASE("audit: a flipped byte in a hash tile is found") {
  CHECK_THAT(flipped("/tile/0/001", 44 * 32),
             ContainsSubstring("entry 300: /tile/0/001") &&
                 ContainsSubstring("from its entry " + id_of(300)));
  CHECK_THAT(flipped("/tile/0/002.p/88", 0), ContainsSubstring("entry 512: /tile/0/002.p/88"));
  CHECK_THAT(flipped("/tile/1/000.p/2", 32),
             ContainsSubstring("/tile/1/000.p/2: hash 1 (entries 256 to 511)"));
}

TEST_CASE("audit: a changed checkpoint is found") {
  const std::string& note = honest_log().heads.back().checkpoint;
  CHECK_FALSE(flipped("/checkpoint", 0).empty());
  CHECK_FALSE(flipped("/checkpoint", note.size() - 10).empty());
  CHECK_THAT(replaced("/checkpoint",
                      [&](Bytes& body) {
                        // Another root under the same signature.
                        body[note.find('\n', note.find('\n') + 1) + 1] ^= 1;
                      }),
             ContainsSubstring("/checkpoint"));
  CHECK_THAT(replaced("/checkpoint", [](Bytes& body) { body.clear(); }),
             ContainsSubstring("/checkpoint"));
}

TEST_CASE("audit: a receipt of another entry, and a changed one, are found") {
  CHECK_THAT(flipped("/entries/" + id_of(599), 40),
             ContainsSubstring("the receipt of entry 599 (/entries/" + id_of(599)));
  CHECK_THAT(
      replaced("/entries/" + id_of(599),
               [](Bytes& body) { body = honest_log().get("/entries/" + id_of(598)).value(); }),
      ContainsSubstring("expected a proof for entry 599"));
}

TEST_CASE("audit: truncated, oversized and malformed bundles are found") {
  const std::string statements = "/tile/statements/001", entries = "/tile/entries/001";
  CHECK_THAT(replaced(statements, [](Bytes& body) { body.pop_back(); }),
             ContainsSubstring(statements) && ContainsSubstring("statement 255 of 256"));
  CHECK_THAT(replaced(statements, [](Bytes& body) { body.push_back(0); }),
             ContainsSubstring(statements) && ContainsSubstring("1 more bytes"));
  CHECK_THAT(replaced(statements, [](Bytes& body) { body.clear(); }),
             ContainsSubstring("expected its length"));
  CHECK_THAT(replaced(statements, [](Bytes& body) { body[0] = 0xff; }),
             ContainsSubstring("statement 0 of 256") && ContainsSubstring("bytes, found 42781"));
  CHECK_THAT(replaced(statements, [](Bytes& body) { body[3] = body[2] = 0; }),
             ContainsSubstring("found 0"));
  CHECK_THAT(replaced(entries, [](Bytes& body) { body.pop_back(); }),
             ContainsSubstring(entries) && ContainsSubstring("found 8703"));
  CHECK_THAT(replaced(entries, [](Bytes& body) { body.resize(100'000); }),
             ContainsSubstring(entries) && ContainsSubstring("at most 8704 bytes"));
  CHECK_THAT(replaced("/tile/0/001", [](Bytes& body) { body.pop_back(); }),
             ContainsSubstring("/tile/0/001") && ContainsSubstring("found 8191"));
  CHECK_THAT(replaced("/tile/1/000.p/2", [](Bytes& body) { body.resize(32); }),
             ContainsSubstring("/tile/1/000.p/2"));
}

TEST_CASE("audit: a statement that the policy does not let in is found, though heads are signed") {
  TestLog log = honest_log().fork();
  log.grow(5);
  log.add({log.statement("pkg:forged", *log.operator_key)});
  log.grow(5);
  CHECK_THAT(finding_of(log), ContainsSubstring("entry 605 (" + hex_encode(log.entries[605])) &&
                                  ContainsSubstring("is not what the policy in force lets in"));
}

TEST_CASE("audit: bytes that are no canonical statement are found") {
  TestLog log = honest_log().fork();
  log.add({Bytes{1, 2, 3}});
  CHECK_THAT(finding_of(log), ContainsSubstring("entry 600 ("));
  TestLog wide = honest_log().fork();
  const Bytes plain = wide.statement("pkg:1", *wide.issuer_key);
  wide.add({embed_receipts(Statement::parse(plain, plain.size()).value(), {plain})});
  CHECK_THAT(finding_of(wide), ContainsSubstring("entry 600 (") && ContainsSubstring("canonical"));
}

TEST_CASE("audit: a policy that no admin signed is found") {
  TestLog log = honest_log().fork();
  auto open = log.policy;
  open.subjects = {"*"};
  log.add({log.policy_statement(open, *log.issuer_key)});
  log.grow(5);
  CHECK_THAT(finding_of(log), ContainsSubstring("entry 600 ("));
}

TEST_CASE("audit: an entry that stands twice is found") {
  TestLog log = honest_log().fork();
  log.add({log.statements[300]});
  CHECK_THAT(finding_of(log), ContainsSubstring("entry 600 (" + id_of(300)) &&
                                  ContainsSubstring("it is also entry 300"));
}

TEST_CASE("audit: a head over another tree than the one served is found") {
  TestLog log = honest_log().fork();
  TestLog other = honest_log().fork();
  log.grow(50);
  other.grow(50, "other:");
  other.heads.back().checkpoint = log.heads.back().checkpoint;
  CHECK_THAT(finding_of(other), ContainsSubstring("the receipt of entry 649") ||
                                    ContainsSubstring("as its checkpoint says"));
}

TEST_CASE("audit: what the checkpoint commits to may not be withheld") {
  TestLog log = honest_log().fork();
  struct Withholding final : LogReader {
    explicit Withholding(const TestLog& whole) : inner(whole) {}
    Result<Bytes> get(std::string_view path, std::size_t) override {
      if (path == "/tile/statements/001") return fail(ErrorCode::kNotFound, "404");
      return inner.get(std::string(path));
    }
    const TestLog& inner;
  };
  const auto report = audit_log(
      [&log]() -> Result<std::unique_ptr<LogReader>> { return std::make_unique<Withholding>(log); },
      {});
  REQUIRE_FALSE(report);
  CHECK(report.error().code == ErrorCode::kRefused);
  CHECK_THAT(report.error().message, ContainsSubstring("/tile/statements/001: the log withholds"));
}
