#include "node/waiters.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace witan::test {
namespace {

Hash32 entry(std::uint8_t number) {
  Hash32 out{};
  out[0] = number;
  return out;
}

// Waiters, their time, and what they were told, in order.
class Queue {
 public:
  std::uint64_t now_ms = 1'000;
  std::vector<std::string> told;

  void wait(const std::string& name, std::uint8_t number, std::uint64_t for_ms,
            std::optional<LeafIndex> index = std::nullopt) {
    waiters_.add(entry(number), now_ms + for_ms, index,
                 [this, name](const StatementResult<Registration>& result) {
                   told.push_back(name + " " + describe(result));
                 });
  }
  void decided(std::uint8_t number, std::uint64_t index) {
    waiters_.decided(entry(number), LeafIndex{index}, now_ms, due_);
    answer();
  }
  void published(std::uint8_t number, std::uint64_t index) {
    waiters_.published(entry(number), LeafIndex{index}, due_);
    answer();
  }
  void failed(std::uint8_t number, const std::string& why) {
    waiters_.failed(entry(number),
                    StatementError(ErrorCode::kRefused, why, StatementFault::kRejected), due_);
    answer();
  }
  void fail_all(const std::string& why) {
    waiters_.fail_all(StatementError(ErrorCode::kUnavailable, why, StatementFault::kRejected),
                      due_);
    answer();
  }
  void expire(bool crowded = false) {
    waiters_.expire(now_ms, crowded, kGraceMs, due_);
    answer();
  }
  [[nodiscard]] bool empty() const { return waiters_.empty(); }

  static constexpr std::uint64_t kGraceMs = 500;

 private:
  static std::string describe(const StatementResult<Registration>& result) {
    if (!result) return std::string(to_string(result.error().code));
    const std::string at = std::to_string(result->index.value);
    return (result->stage == Stage::kPublished ? "published " : "decided ") + at;
  }
  void answer() {
    for (DueAnswer& answer : due_) answer.done(std::move(answer.result));
    due_.clear();
  }

  Waiters waiters_;
  std::vector<DueAnswer> due_;
};

using Told = std::vector<std::string>;

TEST_CASE("waiters: publication answers everybody who waits for the statement, and nobody else") {
  Queue queue;
  queue.wait("a", 1, 100);
  queue.wait("b", 1, 0);
  queue.wait("c", 2, 100);
  queue.published(1, 7);
  CHECK(queue.told == Told{"a published 7", "b published 7"});
  queue.published(1, 7);
  queue.published(3, 9);
  CHECK(queue.told.size() == 2);
  CHECK_FALSE(queue.empty());
  queue.published(2, 8);
  CHECK(queue.told.back() == "c published 8");
  CHECK(queue.empty());
}

TEST_CASE("waiters: once decided, those whose time is over are answered, the others wait on") {
  Queue queue;
  queue.wait("asynchronous", 1, 0);
  queue.wait("patient", 1, 100);
  queue.decided(1, 5);
  CHECK(queue.told == Told{"asynchronous decided 5"});
  queue.now_ms += 99;
  queue.expire();
  CHECK(queue.told.size() == 1);
  queue.now_ms += 1;
  queue.expire();
  CHECK(queue.told.back() == "patient decided 5");
  CHECK(queue.empty());
}

TEST_CASE("waiters: who comes when the statement is decided already needs no second decision") {
  Queue queue;
  queue.wait("late", 1, 50, LeafIndex{5});
  queue.expire();
  CHECK(queue.told.empty());
  queue.now_ms += 50;
  queue.expire();
  CHECK(queue.told == Told{"late decided 5"});
}

TEST_CASE("waiters: a statement that is never decided is given up on after the grace time") {
  Queue queue;
  queue.wait("a", 1, 100);
  queue.now_ms += 100 + Queue::kGraceMs - 1;
  queue.expire();
  CHECK(queue.told.empty());
  queue.now_ms += 1;
  queue.expire();
  CHECK(queue.told == Told{"a timeout"});
  CHECK(queue.empty());
}

TEST_CASE("waiters: in a crowd, whoever's statement is decided waits no longer") {
  Queue queue;
  queue.wait("a", 1, 1'000);
  queue.wait("b", 1, 2'000);
  queue.wait("undecided", 2, 1'000);
  queue.decided(1, 3);
  queue.expire(true);
  CHECK(queue.told == Told{"a decided 3", "b decided 3"});
  CHECK_FALSE(queue.empty());
}

TEST_CASE("waiters: failures reach those who wait for the statement, or everybody") {
  Queue queue;
  queue.wait("a", 1, 100);
  queue.wait("b", 2, 100);
  queue.wait("c", 2, 100);
  queue.wait("d", 3, 100);
  queue.failed(2, "not any more");
  CHECK(queue.told == Told{"b refused", "c refused"});
  queue.told.clear();
  queue.fail_all("stopping");
  CHECK(queue.told.size() == 2);
  CHECK(queue.told.front().find("unavailable") != std::string::npos);
  CHECK(queue.empty());
}

}  // namespace
}  // namespace witan::test
