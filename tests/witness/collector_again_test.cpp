// Heads that are published before they have their quorum, and get it later.

#include "tests/support/catch.h"
#include "tests/witness/collector_steps.h"

namespace witan::test {
namespace {

TEST_CASE("collector: what was published without its quorum is told again when it has it") {
  CollectorOptions options;
  options.unwitnessed_after_ms = 3'000;
  options.deadline_ms = 10'000;
  Collector collector = make_collector(2, 2, options);
  offer(collector, 5, 0);
  const auto questions = collector.questions(0);
  cosign(collector, questions[0], 1);
  REQUIRE(collector.decide(3'000));
  CHECK_FALSE(collector.decide(4'000));
  CHECK(collector.next_deadline(4'000) == 10'000);
  cosign(collector, questions[1], 5'000);
  const auto head = collector.decide(5'000);
  REQUIRE(head);
  CHECK(head->again);
  CHECK(head->quorum);
  CHECK(lines_in(head->note) == 3);
  CHECK(collector.lacking().empty());
  CHECK_FALSE(collector.decide(6'000));
  CHECK_FALSE(collector.next_deadline(6'000));
  // A newer head is the next to be published, and nothing is told of the older any more.
  offer(collector, 6, 7'000);
  const auto second = collector.questions(7'000);
  REQUIRE(collector.decide(10'000));
  offer(collector, 7, 10'001);
  for (const WitnessQuestion& question : second) cosign(collector, question, 10'002);
  CHECK_FALSE(collector.decide(10'500));
  for (const WitnessQuestion& question : collector.questions(10'600)) {
    cosign(collector, question, 10'600);
  }
  const auto newest = collector.decide(10'600);
  REQUIRE(newest);
  CHECK(newest->size == TreeSize{7});
  CHECK_FALSE(newest->again);
}

TEST_CASE("collector: a head that is published already is witnessed too, and told once") {
  Collector collector = make_collector(1, 1, {}, 2);
  REQUIRE(collector.offer(collector_keys().head(TreeSize{2}), 0, true));
  CHECK_THAT(collector.lacking(), ContainsSubstring("size 2 lacks the quorum"));
  // Nothing can follow it.
  CHECK(collector.waiting_for() == collector.lacking());
  CHECK_FALSE(collector.decide(0));
  cosign(collector, collector.questions(0).at(0), 1);
  const auto head = collector.decide(1);
  REQUIRE(head);
  CHECK(head->again);
  CHECK_FALSE(collector.decide(1));
}

}  // namespace
}  // namespace witan::test
