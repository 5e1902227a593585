// Whatever witnesses do and the network loses, and however often the log restarts: as soon as
// enough honest witnesses can be reached, the newest head is published.

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/wait.h"
#include "tests/witness/collector_world.h"

namespace witan::test {
namespace {

constexpr std::uint64_t kChaosMs = 30'000;

// One run, in virtual time, decided by its seed.
class Chaos {
 public:
  Chaos(CollectorKeys& keys, std::uint64_t seed)
      : keys_(keys),
        random_(seed),
        count_(1 + below(CollectorKeys::kWitnesses - 1)),
        honest_(1 + below(count_)),
        threshold_(1 + below(honest_)) {
    for (std::size_t i = 0; i < honest_; ++i) witnesses_.push_back({i, TreeSize{0}});
    down_until_.assign(count_, 0);
    options_.deadline_ms = 200 + below(3'000);
    options_.beyond_quorum_ms = below(300);
    options_.backoff_max_ms = 1'000 + below(9'000);
    options_.retry_after_max_ms = 1 + below(9'000);
    if (chance(30)) options_.unwitnessed_after_ms = 100 + below(5'000);
    restart();
    next_head(0);
  }

  // Chaos first, then calm; an empty text when the newest head was published in time.
  std::string run() {
    while (now_ < kChaosMs) step();
    calm_ = true;
    const TreeSize newest = head_;
    const std::uint64_t start = now_;
    // The longest that a pause, a question that is lost already, and two answers can take.
    const std::uint64_t patience = std::max(options_.backoff_max_ms, options_.retry_after_max_ms) +
                                   2 * options_.deadline_ms + options_.beyond_quorum_ms + 3'000;
    while (witnessed_ < newest) {
      if (now_ > start + patience) return describe(newest);
      step();
    }
    return problem_;
  }
  [[nodiscard]] std::uint64_t published() const { return heads_published_; }
  [[nodiscard]] std::uint64_t witnessed_later() const { return witnessed_later_; }
  [[nodiscard]] std::uint64_t asked() const { return asked_; }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool chance(unsigned percent) { return below(100) < percent; }

  [[nodiscard]] std::string describe(TreeSize newest) const {
    return "head " + std::to_string(newest.value) + " is not witnessed, but " +
           std::to_string(witnessed_.value) + "; " + collector_->waiting_for() +
           collector_->lacking();
  }

  void at(std::uint64_t time_ms, std::function<void()> what) {
    events_.emplace(time_ms, std::move(what));
  }

  // The log's process ends and begins: what it knew of witnesses is gone, the signed head is not.
  void restart() {
    ++life_;
    collector_.emplace(Collector::make(keys_.policy(count_, threshold_), keys_.log_vkey(), options_,
                                       published_, random_())
                           .value());
    if (head_ > witnessed_) {
      REQUIRE(collector_->offer(keys_.head(head_), now_, head_ == published_));
    }
  }

  void next_head(std::uint64_t after_ms) {
    at(now_ + after_ms, [this] {
      if (head_ > published_) return;
      head_.value += 1 + below(5);
      REQUIRE(collector_->offer(keys_.head(head_), now_));
    });
  }

  void step() {
    for (const WitnessQuestion& question : collector_->questions(now_)) send(question);
    if (const auto head = collector_->decide(now_)) publish(*head);
    if (!calm_ && chance(1)) restart();
    if (!calm_ && chance(2)) down_until_[below(count_)] = now_ + below(5'000);
    const auto deadline = collector_->next_deadline(now_);
    std::uint64_t next = now_ + 1'000;
    if (deadline) next = std::min(next, std::max(*deadline, now_));
    if (!events_.empty()) next = std::min(next, std::max(events_.begin()->first, now_));
    now_ = next;
    while (!events_.empty() && events_.begin()->first <= now_) {
      const auto what = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      what();
    }
  }

  void send(const WitnessQuestion& question) {
    ++asked_;
    const unsigned lost = calm_ ? 0 : 10;
    if (chance(lost)) return;
    const std::uint64_t there = now_ + 1 + below(calm_ ? 100 : 2 * options_.deadline_ms);
    const std::uint64_t life = life_;
    at(there, [this, question, life] {
      if (!calm_ && now_ < down_until_[question.witness]) {
        return answer(question, life, {0, "connection refused"});
      }
      if (question.witness >= honest_) return answer(question, life, lie(question));
      WitnessAnswer honest = witnesses_[question.witness].answer(keys_, question);
      if (!calm_ && chance(10)) return;
      if (!calm_ && chance(3)) honest = {500, "oops\n"};
      if (!calm_ && chance(3)) honest = {429, "too many\n", 1 + below(1'000'000)};
      const std::uint64_t back = 1 + below(calm_ ? 100 : options_.deadline_ms);
      at(now_ + back, [this, question, life, honest] { answer(question, life, honest); });
    });
  }

  void answer(const WitnessQuestion& question, std::uint64_t life, const WitnessAnswer& given) {
    if (life != life_) return;
    answer_to(*collector_, question, given, now_);
  }

  WitnessAnswer lie(const WitnessQuestion& question) {
    switch (below(8)) {
      case 0:
        return {409, encode_tlog_size(below(2 * head_.value + 2))};
      case 1:
        return {409, encode_tlog_size(question.old.value)};
      case 2:
        return {409, "many\n"};
      case 3:
        return {200, keys_.forged(question.witness, question.size)};
      case 4:
        return {200, keys_.cosigned(0, question.size)};
      case 5:
        return {200, keys_.cosigned(question.witness, question.size)};
      case 6:
        return {503, "later", ~std::uint64_t{0}};
      default:
        return {static_cast<unsigned>(400 + below(100)), "no"};
    }
  }

  void publish(const WitnessedHead& head) {
    const auto whole = check_checkpoint(collector_->policy(), head.note);
    const auto small = check_checkpoint(collector_->policy(), head.small_note);
    if (head.size != head_) problem_ = "published another head than the newest";
    if (head.again != (head.size == published_)) problem_ = "published twice";
    if (!head.quorum && (!options_.unwitnessed_after_ms || head.again)) {
      problem_ = "published without its quorum";
    }
    if (head.quorum && (!whole || !small)) problem_ = "does not have the quorum that it claims";
    if (small && small->smallest.size() != threshold_) problem_ = "not the smallest set";
    if (head.quorum) witnessed_ = head.size;
    if (!head.again) {
      ++heads_published_;
      if (!calm_) next_head(below(2'000));
    } else {
      ++witnessed_later_;
    }
    published_ = head.size;
  }

  CollectorKeys& keys_;
  std::mt19937_64 random_;
  const std::size_t count_, honest_, threshold_;
  std::vector<HonestWitness> witnesses_;
  std::vector<std::uint64_t> down_until_;
  CollectorOptions options_;
  std::optional<Collector> collector_;
  std::multimap<std::uint64_t, std::function<void()>> events_;
  std::uint64_t now_ = 0, life_ = 0;
  TreeSize head_, published_, witnessed_;
  bool calm_ = false;
  std::uint64_t heads_published_ = 0, witnessed_later_ = 0, asked_ = 0;
  std::string problem_;
};

TEST_CASE("collector: no order of answers, losses, lies and restarts keeps a log from publishing") {
  constexpr std::uint64_t kSeeds = kSanitized ? 200 : 2'000;
  CollectorKeys keys;
  std::uint64_t published = 0, later = 0, asked = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Chaos chaos(keys, seed);
    const std::string problem = chaos.run();
    INFO("seed " << seed);
    REQUIRE(problem.empty());
    published += chaos.published();
    later += chaos.witnessed_later();
    asked += chaos.asked();
  }
  CHECK(later > 0);
  std::cout << "collector runs: " << kSeeds << ", heads published: " << published
            << ", witnessed later: " << later << ", questions: " << asked << "\n";
}

}  // namespace
}  // namespace witan::test
