// Random interleavings with failures and crashes. WITAN_SEED runs one seed, WITAN_ROUNDS more of
// them.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/ledger/sequencer/sequencer_fixture.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::test;

namespace {

class CrashRun {
 public:
  explicit CrashRun(std::uint64_t seed) : random_(seed) { log_.begin(); }

  void run() {
    for (int step = 0; step < 400; ++step) one_step();
    crash(false);
    log_.drain();
    collect();
    for (const std::uint64_t number : since_crash_) REQUIRE(acknowledged_.count(number) == 1);
    check();
  }

  [[nodiscard]] std::size_t acknowledged() const { return acknowledged_.size(); }
  [[nodiscard]] int crashes() const { return crashes_; }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  void one_step() {
    switch (below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        submit(next_number_++);
        break;
      case 4:
        submit(below(next_number_ + 1));
        break;
      case 5:
        submit_policy();
        break;
      case 6:
        log_.tick(below(8));
        break;
      case 7:
        log_.now.unix_ms -= below(2'000);
        break;
      case 8:
        begin_commit();
        break;
      case 9:
      case 10:
        end_commit();
        break;
      case 11:
        begin_append();
        break;
      case 12:
      case 13:
        end_append();
        break;
      case 14:
        log_.publish();
        break;
      default:
        if (below(6) == 0) crash(true);
    }
    collect();
    if (log_.sequencer->status().halted) crash(true);  // an applied failure: recover
  }

  void submit(std::uint64_t number) {
    const auto result = log_.submit(number);
    if (result && *result != Accepted::kPolicyChanged) since_crash_.push_back(number);
  }

  void submit_policy() {
    if (below(4) != 0) return;
    const std::uint64_t number = next_number_++;
    const auto generation = log_.sequencer->policy_generation();
    if (log_.sequencer->submit(submission(number, true, generation), log_.now)) {
      since_crash_.push_back(number);
    }
  }

  void begin_commit() {
    if (job_) return;
    auto job = log_.sequencer->next_commit(log_.now);
    if (job && *job) job_.emplace(std::move(**job));
  }

  void end_commit() {
    if (!job_) return;
    const auto dice = below(12);
    if (dice == 0) log_.store.fail_next({ErrorCode::kIo, "disk full"});
    if (dice == 1) log_.store.fail_next({ErrorCode::kTimeout, "no answer"}, true);
    log_.finish(*job_);
    job_.reset();
    log_.tick(below(2) * Sequencer::kRetryMs);
  }

  void begin_append() {
    if (!request_) request_ = log_.sequencer->next_append(log_.now);
  }

  void end_append() {
    if (!request_) return;
    const auto dice = below(8);
    const Error lost{ErrorCode::kUnavailable, "the enclave went away"};
    if (dice == 0) {
      log_.sequencer->sign_failed(lost, log_.now);
    } else {
      const auto head =
          log_.signer.append(request_->prev, request_->entries, request_->expected.time_ms);
      REQUIRE(head);
      if (dice == 1) {
        log_.sequencer->sign_failed(lost, log_.now);
      } else {
        REQUIRE(log_.sequencer->signed_head(*head));
      }
    }
    request_.reset();
  }

  // The process dies; what it had under way may have happened or not.
  void crash(bool under_way) {
    ++crashes_;
    if (under_way && job_ && below(2) == 0) {
      const auto commit = job_->prepare(log_.lookup());
      if (commit && *commit != nullptr) (void)log_.store.commit(**commit);
    }
    if (under_way && request_ && below(2) == 0) {
      REQUIRE(log_.signer.append(request_->prev, request_->entries, request_->expected.time_ms));
    }
    job_.reset();
    request_.reset();
    log_.store.crash();
    log_.recheck.clear();
    since_crash_.clear();
    log_.restart();
    check();
  }

  // Notes what was acknowledged, and brings back what has to be checked again.
  void collect() {
    for (const Registered& item : log_.registered) {
      const std::uint64_t number = number_of(item.entry);
      const auto [place, is_new] = acknowledged_.emplace(number, item.index.value);
      REQUIRE(place->second == item.index.value);
      REQUIRE(item.index < item.published);
    }
    log_.registered.clear();
    std::vector<Submission> recheck;
    recheck.swap(log_.recheck);
    for (Submission& item : recheck) {
      item.policy = log_.sequencer->policy_generation();
      const auto again = log_.sequencer->submit(std::move(item), log_.now);
      if (!log_.sequencer->status().halted) REQUIRE(again);
    }
    if (!recheck.empty()) log_.tick(1);
  }

  std::uint64_t number_of(const Hash32& entry) {
    while (numbers_.size() < next_number_ + 2) {
      const std::uint64_t number = numbers_.size();
      numbers_.emplace(submission(number).entry, number);
    }
    return numbers_.at(entry);
  }

  // Whatever happened: acknowledged statements are where they were said to be and under a published
  // head; every head that the enclave ever signed is one of the log's, growing in size and time.
  void check() {
    const auto view = log_.store.read().value();
    for (const auto& [number, index] : acknowledged_) {
      const Hash32 entry = submission(number).entry;
      REQUIRE(view->find(entry).value() == LeafIndex{index});
      REQUIRE(view->entry(LeafIndex{index}).value() == entry);
      const auto head = view->head_covering(LeafIndex{index}).value();
      REQUIRE(head);
      REQUIRE(frontier_from_tiles(*view, head->head.head.size).value().root() ==
              head->head.head.root);
    }
    TreeHead last;
    for (const TreeHead& head : log_.signer.heads) {
      REQUIRE(head.size > last.size);
      REQUIRE(head.time_ms >= last.time_ms);
      REQUIRE(frontier_from_tiles(*view, head.size).value().root() == head.root);
      last = head;
    }
  }

  TestLog log_;
  std::mt19937_64 random_;
  std::optional<CommitJob> job_;
  std::optional<AppendOrder> request_;
  std::uint64_t next_number_ = 0;
  std::vector<std::uint64_t> since_crash_;
  std::map<std::uint64_t, std::uint64_t> acknowledged_;
  std::map<Hash32, std::uint64_t> numbers_;
  int crashes_ = 0;
};

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("sequencer: nothing acknowledged is lost over random crashes") {
  const std::uint64_t first = number_from("WITAN_SEED", 1);
  const std::uint64_t rounds =
      number_from("WITAN_ROUNDS", std::getenv("WITAN_SEED") == nullptr ? 150 : 1);
  std::size_t acknowledged = 0;
  int crashes = 0;
  for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
    INFO("WITAN_SEED=" << seed);
    CrashRun run(seed);
    run.run();
    acknowledged += run.acknowledged();
    crashes += run.crashes();
  }
  std::cout << "sequencer crash runs: " << rounds << " from seed " << first << ", " << crashes
            << " crashes, " << acknowledged << " statements acknowledged\n";
  CHECK(acknowledged > rounds * 10);
}
