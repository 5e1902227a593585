#include "ledger/sequencer/sequencer.h"

#include <cstdint>
#include <set>
#include <vector>

#include "config/limits.h"
#include "tests/ledger/sequencer/sequencer_fixture.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::test;

TEST_CASE("sequencer: a log begins with one batch of at least two entries") {
  TestLog log;
  CHECK(log.submit(1).error().code == ErrorCode::kNotFound);
  const auto genesis = [&](std::vector<std::uint64_t> numbers) {
    std::vector<Submission> first;
    for (const auto number : numbers) first.push_back(submission(number, true));
    return log.sequencer->submit_genesis(std::move(first), log.now);
  };
  CHECK(genesis({1}).error().code == ErrorCode::kMalformed);
  CHECK(genesis({1, 1}).error().code == ErrorCode::kMalformed);
  REQUIRE(genesis({1, 2}));
  CHECK(genesis({3, 4}).error().code == ErrorCode::kConflict);
  CHECK(log.submit(5).error().code == ErrorCode::kNotFound);
  log.drain();
  REQUIRE(log.registered.size() == 2);
  CHECK(log.registered[0].entry == submission(1).entry);
  CHECK(log.registered[1].index == LeafIndex{1});
  CHECK(log.signer.heads.size() == 1);
  CHECK(log.signer.heads[0].size == TreeSize{2});
  CHECK(genesis({3, 4}).error().code == ErrorCode::kConflict);
  CHECK(log.submit(5).value() == Accepted::kNew);
}

TEST_CASE("sequencer: a batch closes by age, by entries and by bytes") {
  TestLog log;
  log.begin();
  SECTION("age") {
    REQUIRE(log.submit(1));
    CHECK_FALSE(log.commit());
    CHECK(log.sequencer->next_deadline() == log.now.steady_ms + 5);
    log.tick(4);
    CHECK_FALSE(log.commit());
    log.tick(1);
    CHECK(log.commit());
    CHECK(log.sequencer->status().decided->size == TreeSize{3});
  }
  SECTION("entries") {
    for (std::size_t i = 0; i < limits::kBatchEntriesMax + 3; ++i) REQUIRE(log.submit(i));
    CHECK(log.commit());
    CHECK(log.sequencer->status().decided->size == TreeSize{2 + limits::kBatchEntriesMax});
    CHECK(log.sequencer->status().pool_entries == 3);
    CHECK_FALSE(log.commit());
  }
  SECTION("bytes") {
    for (std::uint64_t i = 0; i < 3; ++i) {
      REQUIRE(log.sequencer->submit(submission(i, false, 0, 12u << 20), log.now));
    }
    CHECK(log.commit());
    CHECK(log.sequencer->status().decided->size == TreeSize{4});
    CHECK(log.sequencer->status().pool_entries == 1);
  }
}

TEST_CASE("sequencer: one decision at a time, and the pool grows meanwhile") {
  TestLog log;
  log.begin();
  REQUIRE(log.submit(1));
  log.tick(5);
  auto job = log.sequencer->next_commit(log.now).value();
  REQUIRE(job);
  for (std::uint64_t i = 2; i < 500; ++i) REQUIRE(log.submit(i).value() == Accepted::kNew);
  CHECK(log.submit(1).value() == Accepted::kPooled);
  log.tick(100);
  CHECK_FALSE(log.commit());
  CHECK_FALSE(log.sequencer->next_deadline());
  log.finish(*job);
  CHECK(log.submit(1).value() == Accepted::kDecided);
  CHECK(log.commit());
  CHECK(log.sequencer->status().decided->size == TreeSize{501});
}

TEST_CASE("sequencer: a statement is acknowledged only when its publication is durable") {
  TestLog log;
  log.begin();
  REQUIRE(log.submit(1));
  log.tick(5);
  REQUIRE(log.commit());
  CHECK(log.registered.empty());
  REQUIRE(log.sign());
  CHECK(log.registered.empty());
  CHECK(log.sequencer->publish(TreeSize{2}, "other").error().code == ErrorCode::kConflict);
  REQUIRE(log.publish());
  CHECK(log.registered.empty());
  CHECK(log.sequencer->publish(TreeSize{3}, "twice").error().code == ErrorCode::kConflict);
  REQUIRE(log.commit());
  REQUIRE(log.registered.size() == 1);
  CHECK(log.registered[0].entry == submission(1).entry);
  CHECK(log.registered[0].index == LeafIndex{2});
  CHECK(log.registered[0].published == TreeSize{3});
  const auto head = log.store.read().value()->head_covering(LeafIndex{2}).value();
  CHECK(head->checkpoint == "checkpoint 3");
  CHECK(head->head.head == log.signer.heads.back());
}

TEST_CASE("sequencer: the newest head can be published again, when nothing else is under way") {
  TestLog log;
  log.begin();
  const auto newest = [&log] { return log.store.read().value()->published().value().value(); };
  PublishedHead again = newest();
  again.checkpoint = "with cosignatures";
  REQUIRE(log.sequencer->publish_again(again));
  CHECK_FALSE(log.sequencer->may_publish_again());
  CHECK(log.sequencer->publish_again(again).error().code == ErrorCode::kConflict);
  // What fails is tried again, and statements that come meanwhile go along.
  REQUIRE(log.submit(1));
  log.store.fail_next(Error{ErrorCode::kIo, "disk full"});
  REQUIRE(log.commit());
  CHECK(newest().checkpoint != "with cosignatures");
  log.drain();
  CHECK(log.store.read().value()->head_at(TreeSize{2}).value()->checkpoint == "with cosignatures");
  REQUIRE(log.registered.size() == 1);
  CHECK(newest().head.head.size == TreeSize{3});
  CHECK(log.sequencer->publish_again(again).error().code == ErrorCode::kConflict);
  REQUIRE(log.submit(2));
  log.tick(5);
  REQUIRE(log.commit());
  REQUIRE(log.sign());
  CHECK(log.sequencer->publish_again(newest()).error().code == ErrorCode::kConflict);
}

TEST_CASE("sequencer: the next head waits for the last publication and covers all decided") {
  TestLog log;
  log.begin();
  REQUIRE(log.submit(1));
  log.tick(5);
  REQUIRE(log.commit());
  REQUIRE(log.sign());
  for (std::uint64_t i = 2; i < 5; ++i) {
    REQUIRE(log.submit(i));
    log.tick(5);
    REQUIRE(log.commit());
    CHECK_FALSE(log.sign());
  }
  REQUIRE(log.publish());
  CHECK_FALSE(log.sign());
  // The publication does not wait for the batch that is gathering, but takes it along.
  const auto commits = log.store.commits();
  REQUIRE(log.submit(5));
  CHECK(log.sequencer->next_commit_deadline() == 0);
  auto job = log.sequencer->next_commit(log.now).value();
  REQUIRE(job);
  CHECK_FALSE(log.sign());
  log.finish(*job);
  CHECK(log.store.commits() == commits + 1);
  CHECK(log.registered.size() == 1);
  REQUIRE(log.sign());
  CHECK(log.signer.heads.back().size == TreeSize{7});
}

TEST_CASE("sequencer: one append carries no more entries than the enclave takes") {
  TestLog log;
  log.begin();
  std::uint64_t number = 0;
  for (int batch = 0; batch < 20; ++batch) {
    for (std::size_t i = 0; i < limits::kBatchEntriesMax; ++i) REQUIRE(log.submit(number++));
    REQUIRE(log.commit());
  }
  const auto request = log.sequencer->next_append(log.now);
  REQUIRE(request);
  CHECK(request->entries.size() == limits::kAppendEntriesMax);
  log.sequencer->sign_failed(Error{ErrorCode::kUnavailable, "gone"}, log.now);
  log.drain();
  CHECK(log.sequencer->status().published == log.sequencer->status().decided->size);
  CHECK(log.registered.size() == number);
}

TEST_CASE("sequencer: duplicates resolve to the first place") {
  TestLog log;
  log.begin();
  REQUIRE(log.submit(1));
  log.drain();
  log.registered.clear();
  // Published: the pool takes it, and finds it at batch closing.
  CHECK(log.submit(1).value() == Accepted::kNew);
  CHECK(log.submit(1).value() == Accepted::kPooled);
  const auto commits = log.store.commits();
  log.drain();
  CHECK(log.store.commits() == commits);
  REQUIRE(log.registered.size() == 1);
  CHECK(log.registered[0].index == LeafIndex{2});
  CHECK(log.sequencer->status().decided->size == TreeSize{3});
  // And beside new ones, and after a restart.
  log.restart();
  log.registered.clear();
  REQUIRE(log.submit(2));
  REQUIRE(log.submit(1));
  REQUIRE(log.submit(3));
  log.drain();
  CHECK(log.registered.size() == 3);
  CHECK(log.sequencer->status().decided->size == TreeSize{5});
}

TEST_CASE("sequencer: a new policy ends its batch, and those behind it are checked again") {
  TestLog log;
  log.begin();
  REQUIRE(log.submit(1));
  REQUIRE(log.sequencer->submit(submission(2, true), log.now).value() == Accepted::kNew);
  REQUIRE(log.submit(3));
  auto job = log.sequencer->next_commit(log.now).value();  // at once
  REQUIRE(job);
  CHECK(job->statements() == 2);
  REQUIRE(log.submit(4));  // checked under the old policy while the new one is being decided
  SECTION("decided") {
    log.finish(*job);
    CHECK(log.sequencer->policy_generation() == 1);
    REQUIRE(log.recheck.size() == 2);
    CHECK(log.recheck[0].entry == submission(3).entry);
    CHECK(log.recheck[1].entry == submission(4).entry);
    CHECK(log.sequencer->status().pool_entries == 0);
    CHECK(log.sequencer->status().pool_bytes == 0);
    CHECK(log.sequencer->submit(submission(3, false, 0), log.now).value() ==
          Accepted::kPolicyChanged);
    CHECK(log.sequencer->submit(submission(3, false, 1), log.now).value() == Accepted::kNew);
    log.drain();
    CHECK(log.registered.size() == 3);
  }
  SECTION("failed, and decided later") {
    log.store.fail_next(Error{ErrorCode::kIo, "disk full"});
    log.finish(*job);
    CHECK(log.sequencer->policy_generation() == 0);
    CHECK(log.recheck.empty());
    CHECK(log.sequencer->status().pool_entries == 4);
    log.drain();
    CHECK(log.sequencer->policy_generation() == 1);
    CHECK(log.recheck.size() == 2);
    CHECK(log.registered.size() == 2);
  }
}

TEST_CASE("sequencer: a policy that is in the log already changes nothing") {
  TestLog log;
  log.begin();
  REQUIRE(log.sequencer->submit(submission(2, true), log.now));
  log.drain();
  REQUIRE(log.sequencer->policy_generation() == 1);
  REQUIRE(log.sequencer->submit(submission(2, true, 1), log.now));
  REQUIRE(log.submit(3));
  log.drain();
  CHECK(log.sequencer->policy_generation() == 1);
  CHECK(log.recheck.empty());
}

TEST_CASE("sequencer: what does not fit is refused as overload, and fits later") {
  TestLog log;
  log.begin();
  SECTION("entries in the pool") {
    for (std::size_t i = 0; i < limits::kPoolEntriesMax; ++i) REQUIRE(log.submit(i));
    CHECK(log.submit(9'999'999).error().code == ErrorCode::kOverloaded);
    CHECK(log.submit(5).value() == Accepted::kPooled);
  }
  SECTION("bytes in the pool") {
    for (std::uint64_t i = 0; i < 16; ++i) {
      REQUIRE(log.sequencer->submit(submission(i, false, 0, 16u << 20), log.now));
    }
    CHECK(log.submit(9'999'999).error().code == ErrorCode::kOverloaded);
  }
  SECTION("not published") {
    std::uint64_t number = 0;
    Result<Accepted> last = Accepted::kNew;
    while (last) {
      last = log.submit(number++);
      if (number % 1'024 == 0) log.commit();
    }
    CHECK(last.error().code == ErrorCode::kOverloaded);
    CHECK(number == limits::kUnpublishedEntriesMax + 1);
  }
  log.drain();
  CHECK(log.submit(9'999'999).value() == Accepted::kNew);
  CHECK(log.sequencer->submit(submission(1, false, 0, (16u << 20) + 1), log.now).error().code ==
        ErrorCode::kTooLarge);
}

TEST_CASE("sequencer: a head's time never goes back, and a clock far behind stops decisions") {
  TestLog log;
  log.begin();
  const std::uint64_t last = log.sequencer->status().decided->time_ms;
  log.now.unix_ms = last - 60'000;
  REQUIRE(log.submit(1));
  log.now.steady_ms += 5;
  REQUIRE(log.commit());
  CHECK(log.sequencer->status().decided->time_ms == last);
  REQUIRE(log.sign());
  REQUIRE(log.publish());
  REQUIRE(log.submit(2));
  log.now.unix_ms = last - 60'001;
  log.now.steady_ms += 5;
  REQUIRE(log.commit());  // the publication goes all the same
  CHECK(log.registered.size() == 1);
  const auto refused = log.sequencer->next_commit(log.now);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK_THAT(refused.error().message, ContainsSubstring("until the clock is right"));
  CHECK(log.sequencer->next_deadline() == log.now.steady_ms + Sequencer::kRetryMs);
  log.tick(Sequencer::kRetryMs);
  CHECK(log.commit());
  log.drain();
  CHECK(log.registered.size() == 2);
}

TEST_CASE("sequencer: a failed commit or signature is tried again, the same way") {
  TestLog log;
  log.begin();
  REQUIRE(log.submit(1));
  log.tick(5);
  log.store.fail_next(Error{ErrorCode::kIo, "disk full"});
  REQUIRE(log.commit());
  CHECK_FALSE(log.commit());
  CHECK(log.submit(1).value() == Accepted::kPooled);
  log.tick(Sequencer::kRetryMs);
  REQUIRE(log.commit());

  const auto request = log.sequencer->next_append(log.now);
  // The enclave did it, and its answer got lost.
  REQUIRE(log.signer.append(request->prev, request->entries, request->expected.time_ms));
  log.sequencer->sign_failed(Error{ErrorCode::kTimeout, "no answer"}, log.now);
  CHECK_FALSE(log.sign());
  REQUIRE(log.submit(2));
  log.tick(Sequencer::kRetryMs);
  REQUIRE(log.commit());
  REQUIRE(log.sign());
  CHECK(log.signer.heads.size() == 2);
  CHECK(log.sequencer->awaiting_publication()->head.size == TreeSize{3});
  // A publication that fails is tried again too.
  REQUIRE(log.publish());
  log.store.fail_next(Error{ErrorCode::kIo, "disk full"});
  REQUIRE(log.commit());
  CHECK(log.registered.empty());
  log.drain();
  CHECK(log.registered.size() == 2);
}

TEST_CASE("sequencer: a commit that was applied although it failed halts, and recovery goes on") {
  TestLog log;
  log.begin();
  REQUIRE(log.submit(1));
  log.tick(5);
  log.store.fail_next(Error{ErrorCode::kTimeout, "no answer"}, true);
  REQUIRE(log.commit());
  log.tick(Sequencer::kRetryMs);
  SECTION("the same again") {
    REQUIRE(log.commit());
    CHECK(log.registered.empty());
  }
  SECTION("with others") {
    REQUIRE(log.submit(7));
    log.tick(5);
    REQUIRE(log.commit());
    CHECK(log.registered.empty());
  }
  REQUIRE(log.sequencer->status().halted);
  CHECK(log.sequencer->status().halted->code == ErrorCode::kConflict);
  CHECK(log.submit(3).error().code == ErrorCode::kConflict);
  CHECK_FALSE(log.sequencer->next_deadline());
  log.restart();
  REQUIRE(log.submit(2));
  log.drain();
  CHECK(log.registered.size() == 2);
}

TEST_CASE("sequencer: an enclave that arrives elsewhere stops the log") {
  TestLog log;
  log.begin();
  REQUIRE(log.submit(1));
  log.tick(5);
  REQUIRE(log.commit());
  CHECK(log.sequencer->signed_head(SignedHead{}).error().code == ErrorCode::kConflict);
  CHECK_FALSE(log.sequencer->status().halted);
  const auto request = log.sequencer->next_append(log.now);
  SignedHead head{request->expected, {}, {}, {}};
  SECTION("root") {
    head.head.root[0] ^= 1;
  }
  SECTION("size") {
    ++head.head.size.value;
  }
  SECTION("time") {
    ++head.head.time_ms;
  }
  CHECK(log.sequencer->signed_head(head).error().code == ErrorCode::kConflict);
  CHECK(log.sequencer->status().halted);
  CHECK_FALSE(log.sequencer->next_commit(log.now));
  CHECK_FALSE(log.sequencer->next_append(log.now));
}
