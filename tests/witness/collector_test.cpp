#include "witness/collector.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "config/limits.h"
#include "tests/support/catch.h"
#include "tests/witness/collector_steps.h"

namespace witan::test {
namespace {

TEST_CASE("collector: asks all at once, and publishes with all cosignatures when all answered") {
  Collector collector = make_collector(3, 2);
  CHECK_FALSE(collector.decide(0));
  CHECK(collector.questions(0).empty());
  offer(collector, 5, 10);
  const auto questions = collector.questions(10);
  REQUIRE(questions.size() == 3);
  CHECK(collector.questions(10).empty());
  for (const WitnessQuestion& question : questions) {
    CHECK_FALSE(collector.decide(20));
    CHECK(question.size == TreeSize{5});
    CHECK(cosign(collector, question, 20) == WitnessOutcome::kCosigned);
  }
  const auto head = collector.decide(20);
  REQUIRE(head);
  CHECK(head->quorum);
  CHECK(head->size == TreeSize{5});
  CHECK(lines_in(head->note) == 4);
  CHECK(lines_in(head->small_note) == 3);
  CHECK(check_checkpoint(collector.policy(), head->note));
  CHECK(check_checkpoint(collector.policy(), head->small_note));
  CHECK_FALSE(collector.decide(20));
  CHECK(collector.questions(1'000'000).empty());
  CHECK_FALSE(collector.next_deadline(20));
  CHECK(collector.waiting_for().empty());
}

TEST_CASE("collector: beyond the quorum it waits for the rest, but not for ever") {
  Collector collector = make_collector(3, 2);
  offer(collector, 5, 0);
  const auto questions = collector.questions(0);
  cosign(collector, questions[0], 20);
  CHECK_FALSE(collector.decide(20));
  cosign(collector, questions[2], 30);
  CHECK_FALSE(collector.decide(30));
  CHECK(collector.next_deadline(30) == 130);
  CHECK_FALSE(collector.decide(129));
  const auto head = collector.decide(130);
  REQUIRE(head);
  CHECK(lines_in(head->note) == 3);
}

TEST_CASE("collector: a failure beyond the quorum ends the waiting") {
  Collector collector = make_collector(3, 2);
  offer(collector, 5, 0);
  const auto questions = collector.questions(0);
  cosign(collector, questions[0], 20);
  cosign(collector, questions[1], 20);
  CHECK(answer_to(collector, questions[2], {0, "connection refused"}, 25) ==
        WitnessOutcome::kFailed);
  CHECK(collector.decide(25));
  CHECK(collector.witnesses()[2].problem == "connection refused");
}

TEST_CASE("collector: beyond the quorum it does not wait for one that failed last") {
  Collector collector = make_collector(3, 2);
  offer(collector, 5, 0);
  auto questions = collector.questions(0);
  cosign(collector, questions[0], 1);
  cosign(collector, questions[1], 1);
  CHECK(answer_to(collector, questions[2], {0, "timeout"}, 1) == WitnessOutcome::kFailed);
  CHECK(collector.decide(1));
  offer(collector, 6, 1'000);
  questions = collector.questions(1'000);
  REQUIRE(questions.size() == 3);
  cosign(collector, questions[0], 1'001);
  CHECK_FALSE(collector.decide(1'001));
  cosign(collector, questions[1], 1'001);
  CHECK(collector.decide(1'001));
  // Its answer is not lost on the collector.
  cosign(collector, questions[2], 1'050);
  CHECK(collector.witnesses()[2].failures == 0);
  CHECK(collector.witnesses()[2].size == TreeSize{6});
}

TEST_CASE("collector: learns from a 409 where a witness stands") {
  Collector collector = make_collector(1, 1, {}, 4);
  offer(collector, 9, 0);
  auto questions = collector.questions(0);
  REQUIRE(questions.size() == 1);
  CHECK(questions[0].old == TreeSize{4});
  CHECK(answer_to(collector, questions[0], {409, "7\n"}, 5) == WitnessOutcome::kConflict);
  questions = collector.questions(5);
  REQUIRE(questions.size() == 1);
  CHECK(questions[0].old == TreeSize{7});
  CHECK(cosign(collector, questions[0], 6) == WitnessOutcome::kCosigned);
  CHECK(collector.decide(6));
  offer(collector, 12, 7);
  CHECK(collector.questions(7).at(0).old == TreeSize{9});
}

TEST_CASE("collector: a witness that is ahead of the log is reported, and asked again later") {
  Collector collector = make_collector(1, 1);
  offer(collector, 9, 0);
  const auto question = collector.questions(0).at(0);
  CHECK(answer_to(collector, question, {409, "10\n"}, 0) == WitnessOutcome::kAhead);
  CHECK_THAT(collector.witnesses()[0].problem, ContainsSubstring("old backup"));
  CHECK_THAT(collector.waiting_for(), ContainsSubstring("10 leaves"));
  CHECK(collector.questions(0).empty());
  const auto again = collector.next_deadline(0);
  REQUIRE(again);
  const auto questions = collector.questions(*again);
  REQUIRE(questions.size() == 1);
  cosign(collector, questions[0], *again);
  CHECK(collector.decide(*again));
}

TEST_CASE("collector: 409s that make no sense are failures") {
  for (const char* body : {"", "5", "05\n", "x\n", "-1\n", "3\n\n", "99999999999999999999\n"}) {
    Collector collector = make_collector(1, 1);
    offer(collector, 9, 0);
    const auto question = collector.questions(0).at(0);
    CHECK(answer_to(collector, question, {409, body}, 0) == WitnessOutcome::kRefused);
    CHECK(collector.witnesses()[0].failures == 1);
    CHECK(collector.witnesses()[0].last_answer == "409");
  }
  Collector collector = make_collector(1, 1, {}, 4);
  offer(collector, 9, 0);
  const auto question = collector.questions(0).at(0);
  CHECK(answer_to(collector, question, {409, "4\n"}, 0) == WitnessOutcome::kRefused);
}

TEST_CASE("collector: a witness whose 409s change is not asked in a circle") {
  Collector collector = make_collector(1, 1);
  offer(collector, 9, 0);
  unsigned asked = 0;
  for (auto questions = collector.questions(0); !questions.empty();
       questions = collector.questions(0)) {
    ++asked;
    REQUIRE(asked < 10);
    answer_to(collector, questions[0], {409, asked % 2 == 1 ? "3\n" : "4\n"}, 0);
  }
  CHECK(asked == 4);
  CHECK(collector.next_deadline(0) > 0);
}

TEST_CASE("collector: only valid lines of the witness's own key count") {
  CollectorKeys& keys = collector_keys();
  const TreeSize size{9};
  const auto outcome = [&](const std::string& body) {
    Collector collector = make_collector(2, 1);
    offer(collector, 9, 0);
    const auto question = collector.questions(0).at(0);
    return answer_to(collector, question, {200, body}, 0);
  };
  CHECK(outcome(keys.cosigned(0, size)) == WitnessOutcome::kCosigned);
  CHECK(outcome(keys.cosigned(1, size) + keys.cosigned(0, size)) == WitnessOutcome::kCosigned);
  CHECK(outcome(keys.forged(0, size) + keys.cosigned(0, size)) == WitnessOutcome::kCosigned);
  CHECK(outcome(keys.cosigned(1, size)) == WitnessOutcome::kForged);
  CHECK(outcome(keys.cosigned(0, TreeSize{8})) == WitnessOutcome::kForged);
  CHECK(outcome(keys.forged(0, size)) == WitnessOutcome::kForged);
  CHECK(outcome("") == WitnessOutcome::kForged);
  CHECK(outcome("thanks\n") == WitnessOutcome::kForged);
  // However many it sends, few are verified.
  std::string many, some;
  for (std::size_t i = 0; i < CheckedAnswer::kLinesVerifiedMax; ++i) {
    if (i > 0) some += keys.forged(0, size);
    many += keys.forged(0, size);
  }
  CHECK(outcome(some + keys.cosigned(0, size)) == WitnessOutcome::kCosigned);
  CHECK(outcome(many + keys.cosigned(0, size)) == WitnessOutcome::kForged);
}

TEST_CASE("collector: a pause that a witness asks for is kept, if it is not too long") {
  CollectorOptions options;
  options.retry_after_max_ms = 60'000;
  Collector collector = make_collector(1, 1, options);
  offer(collector, 9, 0);
  const auto pause_after = [&collector](std::uint64_t now, WitnessAnswer answer) {
    const auto questions = collector.questions(now);
    REQUIRE(questions.size() == 1);
    CHECK(answer_to(collector, questions[0], std::move(answer), now) == WitnessOutcome::kRefused);
    return collector.next_deadline(now).value() - now;
  };
  CHECK(pause_after(0, {429, "too many\n", 30'000}) == 30'000);
  CHECK(collector.witnesses()[0].problem == "status 429: too many; left alone for 30 s");
  CHECK(pause_after(30'000, {503, "later\n", ~std::uint64_t{0}}) == 60'000);
  // Only where it means something, and never less than the back-off.
  CHECK(pause_after(90'000, {500, "oops\n", 30'000}) <= 1'000);
  CHECK(pause_after(91'000, {429, "too many\n", 1}) >= 1'000);
  // A newer head is no reason to ask earlier.
  offer(collector, 10, 92'000);
  CHECK(collector.questions(92'000).empty());
  CHECK(cosign(collector, collector.questions(100'000).at(0), 100'000) ==
        WitnessOutcome::kCosigned);
  CHECK(collector.witnesses()[0].problem.empty());
}

TEST_CASE("collector: the dead are asked ever more rarely, with jitter, and bounded") {
  CollectorOptions options;
  Collector collector = make_collector(1, 1, options);
  offer(collector, 9, 0);
  std::uint64_t now = 0, longest = 0;
  std::vector<std::uint64_t> pauses;
  for (int i = 0; i < 40; ++i) {
    const auto questions = collector.questions(now);
    REQUIRE(questions.size() == 1);
    answer_to(collector, questions[0], {503, "later\n"}, now);
    const auto next = collector.next_deadline(now);
    REQUIRE(next);
    pauses.push_back(*next - now);
    now = *next;
  }
  CHECK(pauses.front() <= options.backoff_first_ms);
  CHECK(pauses.front() >= options.backoff_first_ms / 2);
  for (const std::uint64_t pause : pauses) longest = std::max(longest, pause);
  CHECK(longest <= options.backoff_max_ms);
  CHECK(pauses.back() >= options.backoff_max_ms / 2);
  CHECK(std::count(pauses.begin(), pauses.end(), pauses.back()) < 30);
  CHECK(collector.witnesses()[0].problem == "status 503: later");
}

TEST_CASE(
    "collector: no answer by the deadline is a failure, and a late cosignature still counts") {
  Collector collector = make_collector(1, 1);
  offer(collector, 9, 0);
  const auto question = collector.questions(0).at(0);
  CHECK(collector.next_deadline(0) == 5'000);
  CHECK(collector.questions(5'000).empty());
  CHECK_THAT(collector.witnesses()[0].problem, ContainsSubstring("5000 ms"));
  CHECK(collector.witnesses()[0].last_answer == "no answer");
  CHECK(cosign(collector, question, 5'001) == WitnessOutcome::kLate);
  CHECK(collector.decide(5'001));
}

TEST_CASE("collector: a newer head supersedes, and cosignatures of the older tell the size") {
  Collector collector = make_collector(2, 1);
  offer(collector, 5, 0);
  const auto first = collector.questions(0);
  cosign(collector, first[0], 10);
  CHECK(collector.decide(200));
  offer(collector, 9, 300);
  // w1 is slow: it is asked again once it has answered.
  REQUIRE(collector.questions(300).size() == 1);
  CHECK(cosign(collector, first[1], 310) == WitnessOutcome::kCosigned);
  const auto second = collector.questions(310);
  REQUIRE(second.size() == 1);
  CHECK(second[0].witness == 1);
  CHECK(second[0].old == TreeSize{5});
  CHECK(second[0].size == TreeSize{9});
  CHECK_FALSE(collector.decide(310));
  CHECK_FALSE(collector.offer(collector_keys().head(TreeSize{5}), 310));
}

TEST_CASE("collector: the same head again changes nothing") {
  Collector collector = make_collector(1, 1);
  offer(collector, 5, 0);
  const auto question = collector.questions(0).at(0);
  cosign(collector, question, 1);
  offer(collector, 5, 2);
  CHECK(collector.questions(2).empty());
  CHECK(collector.decide(2));
  CHECK_FALSE(collector.offer("not a checkpoint", 3));
}

TEST_CASE("collector: publishes without quorum only when told to, and says so") {
  Collector holds = make_collector(2, 2);
  offer(holds, 5, 0);
  cosign(holds, holds.questions(0).at(0), 1);
  CHECK_FALSE(holds.decide(1'000'000'000));
  CHECK_THAT(holds.waiting_for(), ContainsSubstring("w1: has not answered yet"));

  CollectorOptions options;
  options.unwitnessed_after_ms = 3'000;
  Collector goes_on = make_collector(2, 2, options);
  offer(goes_on, 5, 100);
  cosign(goes_on, goes_on.questions(100).at(0), 101);
  CHECK(goes_on.next_deadline(101) == 3'100);
  CHECK_FALSE(goes_on.decide(3'099));
  const auto head = goes_on.decide(3'100);
  REQUIRE(head);
  CHECK_FALSE(head->quorum);
  CHECK(head->note == head->small_note);
  CHECK(lines_in(head->note) == 2);
  CHECK(goes_on.waiting_for().empty());
  CHECK_THAT(goes_on.lacking(), ContainsSubstring("w1: has not answered yet"));
}

TEST_CASE("collector: without a quorum it publishes after the wait, with what came") {
  Collector collector = make_collector(2, 0);
  offer(collector, 5, 0);
  cosign(collector, collector.questions(0).at(1), 1);
  CHECK_FALSE(collector.decide(99));
  const auto head = collector.decide(100);
  REQUIRE(head);
  CHECK(lines_in(head->note) == 2);
  CHECK(lines_in(head->small_note) == 1);
}

TEST_CASE("collector: a policy that cannot work is refused") {
  CollectorKeys& keys = collector_keys();
  const auto refusal = [&](const std::string& text) {
    const auto made = Collector::make(TlogPolicy::parse(text).value(), keys.log_vkey(), {}, {}, 1);
    return made ? "" : made.error().message;
  };
  const std::string log = "log " + keys.log_vkey().text() + "\n";
  const std::string url = " http://w.example/\n";
  const auto stranger = VerifierKey::make("log.example/stranger", NoteAlgorithm::kEd25519,
                                          make_key().public_key().raw());
  CHECK_THAT(refusal("log " + stranger->text() + "\nquorum none\n"),
             ContainsSubstring("no line for this log"));
  CHECK_THAT(refusal(log + "witness w " + keys.vkey(0).text() + "\nquorum w\n"),
             ContainsSubstring("w: the policy gives no URL"));
  const auto own =
      VerifierKey::make("other.example", NoteAlgorithm::kCosignatureEd25519, keys.log_vkey().key);
  CHECK_THAT(refusal(log + "witness w " + own->text() + url + "quorum w\n"),
             ContainsSubstring("no witness of itself"));
  CHECK(refusal(log + "witness v " + keys.vkey(1).text() + "\nwitness w " + keys.vkey(0).text() +
                url + "group g any v w\nquorum g\n")
            .empty());
  std::string many = log;
  for (std::size_t i = 0; i <= limits::kWitnessesAskedMax; ++i) {
    const std::string name = "n" + std::to_string(i);
    const auto key =
        VerifierKey::make(name, NoteAlgorithm::kCosignatureEd25519, make_key().public_key().raw());
    many += "witness " + name + " " + key->text() + url;
  }
  CHECK_THAT(refusal(many + "quorum none\n"), ContainsSubstring("65 witnesses"));
}

}  // namespace
}  // namespace witan::test
