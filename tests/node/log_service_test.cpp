#include "node/log_service.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "ledger/encoding.h"
#include "ledger/format/statement.h"
#include "tests/support/catch.h"
#include "tests/support/log_fixture.h"
#include "tests/support/wait.h"

namespace witan::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kLong = std::chrono::minutes(5);

Hash32 entry_of(const Bytes& statement) {
  return hash_from_hex(id_of(statement)).value();
}

TEST_CASE("log service: a statement is published, and again it is the same place") {
  LogFixture fixture;
  const Bytes statement = fixture.issuer.statement("a");
  CHECK(fixture.submit(statement, kLong) == "published 2");
  CHECK(fixture.submit(statement, 0ms) == "published 2");
  CHECK(fixture.submit(fixture.issuer.statement("b"), kLong) == "published 3");
  CHECK(fixture.log->status().published.value == 4);
  CHECK_FALSE(fixture.log->pending(entry_of(statement)));
  const std::uint64_t published_ms = fixture.log->status().published_time_ms;
  CHECK(published_ms > 0);
  REQUIRE(fixture.open());
  CHECK(fixture.log->status().published_time_ms == published_ms);
  CHECK(fixture.submit(statement, kLong) == "published 2");
  CHECK(fixture.log->status().decided.value == 4);
}

TEST_CASE("log service: what the policy refuses never reaches the store") {
  LogFixture fixture;
  const Issuer stranger("https://stranger.test");
  CHECK_THAT(fixture.submit(stranger.statement("x"), kLong), ContainsSubstring("issuer.name"));
  Bytes forged = fixture.issuer.statement("x");
  forged.back() ^= 1;
  CHECK_THAT(fixture.submit(forged, kLong), ContainsSubstring("bad-signature"));
  CHECK_THAT(fixture.submit(Bytes{1, 2, 3}, kLong), ContainsSubstring("malformed"));
  CHECK(fixture.log->status().decided.value == 2);
}

TEST_CASE("log service: many at once each get their own place, whoever repeats gets the same") {
  LogFixture fixture;
  constexpr std::size_t kStatements = kSanitized ? 100 : 500;
  Answers answers;
  for (std::size_t i = 0; i < kStatements; ++i) {
    const Bytes statement = fixture.issuer.statement(std::to_string(i));
    for (int copy = 0; copy < 3; ++copy) fixture.submit(statement, kLong, answers.next());
  }
  REQUIRE(answers.wait_for(3 * kStatements));
  std::vector<std::string> texts = answers.texts();
  std::sort(texts.begin(), texts.end());
  for (std::size_t i = 0; i < texts.size(); i += 3) {
    CHECK(texts[i].substr(0, 10) == "published ");
    CHECK(texts[i] == texts[i + 2]);
  }
  CHECK(fixture.log->status().published.value == 2 + kStatements);
}

TEST_CASE("log service: while the enclave is slow, statements are decided and answered in time") {
  LogFixture fixture;
  fixture.signer->hold();
  const Bytes statement = fixture.issuer.statement("slow");
  CHECK(fixture.submit(statement, 20ms) == "decided 2");
  CHECK(fixture.log->pending(entry_of(statement)));
  CHECK(fixture.log->status().published.value == 2);
  // Somebody else with the same statement and no time is told at once where it stands.
  CHECK(fixture.submit(statement, 0ms) == "decided 2");
  Answers patient;
  fixture.submit(statement, kLong, patient.next());
  fixture.signer->release();
  REQUIRE(patient.wait_for(1));
  CHECK(patient.last() == "published 2");
  CHECK_FALSE(fixture.log->pending(entry_of(statement)));
}

TEST_CASE("log service: an enclave that fails for a while is asked again and nothing is lost") {
  LogFixture fixture;
  fixture.signer->break_with(Error{ErrorCode::kUnavailable, "the enclave is gone"});
  CHECK(fixture.submit(fixture.issuer.statement("a"), 10ms) == "decided 2");
  CHECK(eventually([&] { return !fixture.log->status().signing; }));
  CHECK_THAT(fixture.log->status().signing_problem, ContainsSubstring("the enclave is gone"));
  Answers answers;
  fixture.submit(fixture.issuer.statement("b"), kLong, answers.next());
  fixture.signer->repair();
  REQUIRE(answers.wait_for(1));
  CHECK(answers.last() == "published 3");
  CHECK(eventually([&] { return fixture.log->status().signing; }));
}

TEST_CASE("log service: an idle node notices that its enclave is gone, and that it is back") {
  LogFixture fixture;
  fixture.signer->break_with(Error{ErrorCode::kUnavailable, "the enclave is gone"});
  CHECK(eventually([&] { return !fixture.log->status().signing; }));
  fixture.signer->repair();
  CHECK(eventually([&] { return fixture.log->status().signing; }));
}

TEST_CASE("log service: another root than the decided one stops the log for good") {
  LogFixture fixture;
  fixture.signer->lie();
  CHECK(fixture.submit(fixture.issuer.statement("a"), 10ms) == "decided 2");
  CHECK(eventually([&] { return !fixture.log->status().signing; }));
  CHECK_THAT(fixture.log->status().signing_problem, ContainsSubstring("the log has stopped"));
  const auto appends = fixture.signer->appends();
  CHECK_THAT(fixture.submit(fixture.issuer.statement("b"), 10ms),
             ContainsSubstring("the log has stopped"));
  CHECK(fixture.log->status().published.value == 2);
  CHECK(fixture.signer->appends() == appends);
}

TEST_CASE("log service: a full disk delays statements and loses none") {
  LogFixture fixture;
  fixture.store.fail_next(Error{ErrorCode::kIo, "no space left on device"});
  CHECK(fixture.submit(fixture.issuer.statement("a"), kLong) == "published 2");
  CHECK(eventually([&] { return fixture.log->status().storing_problem.empty(); }));
}

TEST_CASE("log service: a commit whose outcome was wrongly reported stops the log") {
  LogFixture fixture;
  fixture.store.fail_next(Error{ErrorCode::kIo, "lost contact"}, true);
  Answers answers;
  fixture.submit(fixture.issuer.statement("a"), 10ms, answers.next());
  CHECK(eventually([&] {
    const LogStatus status = fixture.log->status();
    return !status.signing || !status.storing_problem.empty();
  }));
  // Starting again reads what the store really holds, and goes on from there.
  REQUIRE(fixture.open());
  CHECK(fixture.submit(fixture.issuer.statement("a"), kLong) == "published 2");
}

TEST_CASE("log service: stopping answers everybody who waits") {
  LogFixture fixture;
  fixture.signer->hold();
  Answers answers;
  constexpr std::size_t kWaiting = 20;
  for (std::size_t i = 0; i < kWaiting; ++i) {
    fixture.submit(fixture.issuer.statement(std::to_string(i)), kLong, answers.next());
  }
  REQUIRE(eventually([&] { return fixture.log->status().decided.value == 2 + kWaiting; }));
  // The one append that is under way may end.
  std::thread release([&] { fixture.signer->release(); });
  fixture.log.reset();
  release.join();
  REQUIRE(answers.wait_for(kWaiting));
  for (const std::string& text : answers.texts()) {
    const bool fine = text.find("the node is stopping") != std::string::npos ||
                      text.substr(0, 10) == "published ";
    INFO(text);
    CHECK(fine);
  }
  REQUIRE(fixture.open());
  CHECK(fixture.submit(fixture.issuer.statement("0"), kLong).substr(0, 9) == "published");
}

TEST_CASE("log service: a new policy counts for everything behind it") {
  LogFixture fixture;
  const Issuer next("https://next.test");
  CHECK(fixture.submit(fixture.issuer.statement("a"), kLong) == "published 2");
  CHECK(fixture.submit(fixture.policy_for(next), kLong) == "published 3");
  CHECK(fixture.log->policy()->config().issuers.front().name == next.uri());
  CHECK_THAT(fixture.submit(fixture.issuer.statement("b"), kLong),
             ContainsSubstring("issuer.name"));
  CHECK(fixture.submit(next.statement("b"), kLong) == "published 4");
  CHECK(fixture.submit(fixture.issuer.statement("a"), kLong) == "published 2");
  REQUIRE(fixture.open());
  CHECK_THAT(fixture.submit(fixture.issuer.statement("b"), kLong),
             ContainsSubstring("issuer.name"));
}

TEST_CASE("log service: statements between many new policies all get an answer") {
  LogFixture fixture;
  constexpr unsigned kPolicies = 20, kBetween = 20;
  Answers answers;
  for (unsigned policy = 1; policy <= kPolicies; ++policy) {
    fixture.submit(fixture.policy_for(fixture.issuer, policy), kLong, answers.next());
    for (unsigned i = 0; i < kBetween; ++i) {
      const std::string text = std::to_string(policy) + "/" + std::to_string(i);
      fixture.submit(fixture.issuer.statement(text), kLong, answers.next());
    }
  }
  REQUIRE(answers.wait_for(kPolicies * (kBetween + 1)));
  for (const std::string& text : answers.texts()) {
    INFO(text);
    CHECK(text.substr(0, 9) == "published");
  }
}

TEST_CASE("log service: with check_only, statements are checked and not kept") {
  LogFixture fixture;
  LogServiceOptions options;
  options.check_only = true;
  REQUIRE(fixture.open(options));
  CHECK(fixture.submit(fixture.issuer.statement("a"), kLong) == "decided 0");
  CHECK_THAT(fixture.submit(Bytes{1}, kLong), ContainsSubstring("malformed"));
  CHECK(fixture.log->status().decided.value == 2);
}

}  // namespace
}  // namespace witan::test
