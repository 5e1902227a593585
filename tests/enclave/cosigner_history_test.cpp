// Whatever is asked of the cosigner in whatever order, and whatever its disk does, no two cosigned
// heads of one origin contradict each other.

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "enclave/cosigner_host.h"
#include "enclave/cosigner_messages.h"
#include "tests/enclave/cosigner_support.h"

namespace witan::test {
namespace {

constexpr std::size_t kOrigins = 4;
constexpr std::uint64_t kSizes = 24;
constexpr std::size_t kShortJournal = 3 * kJournalBlockBytes;

// Two histories of each origin, which agree in nothing but the empty tree.
struct TwoFacedLog {
  UniformLog honest, fork;
  explicit TwoFacedLog(const std::string& origin) : honest(origin, 1), fork(origin, 2) {}
};

class CosigningRun {
 public:
  CosigningRun(std::uint64_t seed, bool ignore_sync) : random_(seed) {
    disk_.ignore_sync = ignore_sync;
    for (std::size_t i = 0; i < kOrigins; ++i) logs_.emplace_back("log" + std::to_string(i));
    REQUIRE(boot());
    disk_.ignore_sync = false;
    REQUIRE(host_->init(kCosignerName));
    disk_.ignore_sync = ignore_sync;
  }

  void run(std::size_t steps) {
    while (steps_ < steps) {
      std::vector<CosignRequest> batch;
      if (pick(6) == 0) {
        batch = last_batch_;
      } else {
        for (std::uint64_t i = 0, count = 1 + pick(6); i < count; ++i) batch.push_back(next());
      }
      steps_ += batch.size();
      perform(batch);
      last_batch_ = std::move(batch);
      if (pick(12) == 0 && !crash()) return;
    }
  }
  [[nodiscard]] std::size_t steps() const { return steps_; }
  [[nodiscard]] std::size_t cosigned() const { return cosigned_; }
  [[nodiscard]] std::size_t losses() const { return losses_; }
  [[nodiscard]] std::size_t contradictions() const { return contradictions_; }

 private:
  std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }

  bool boot() {
    host_.reset();
    auto host = open_cosigner(disk_, kShortJournal);
    if (!host) return false;
    host_.emplace(std::move(*host));
    return true;
  }

  // Made once: signing notes would take longer than everything else.
  const CosignRequest& request(std::size_t log, bool fork, std::uint64_t from, std::uint64_t to) {
    const auto place = std::tuple(log, fork, from, to);
    const auto found = requests_.find(place);
    if (found != requests_.end()) return found->second;
    const UniformLog& face = fork ? logs_[log].fork : logs_[log].honest;
    return requests_.emplace(place, face.request(from, to)).first->second;
  }

  CosignRequest next() {
    const std::size_t log = pick(kOrigins);
    const auto mark = host_->mark(logs_[log].honest.origin());
    std::uint64_t from = mark && *mark ? (*mark)->size.value : 0;
    if (pick(4) == 0) from = pick(kSizes);
    const std::uint64_t to = pick(3) == 0 ? pick(kSizes) : std::min(kSizes, from + pick(3));
    CosignRequest out = request(log, pick(3) == 0, from, to);
    if (pick(12) == 0) out.request.old_size = pick(kSizes);
    if (pick(12) == 0) out.request.note[pick(out.request.note.size())] ^= 1;
    if (pick(12) == 0 && !out.request.proof.empty()) out.request.proof.pop_back();
    if (pick(24) == 0) out.log_keys.clear();
    return out;
  }

  void perform(const std::vector<CosignRequest>& batch) {
    disk_.fail_write = pick(40) == 0;
    disk_.fail_sync = pick(40) == 0;
    using Replace = LossyCosignerDisk::Replace;
    disk_.replace = pick(40) != 0  ? Replace::kWorks
                    : pick(2) == 0 ? Replace::kFailsBefore
                                   : Replace::kFailsAfter;
    // The clock jumps.
    const auto results = host_->cosign(batch, kCosignTime + pick(1'000), pick(2));
    disk_.fail_write = disk_.fail_sync = false;
    disk_.replace = Replace::kWorks;
    if (results) {
      REQUIRE(results->size() == batch.size());
      for (const CosignResult& result : *results) {
        if (result) release(*result);
      }
    }
    if (host_->broken() && !crash()) steps_ = SIZE_MAX / 2;
  }

  // Both faces of one log, a smaller size or an earlier time would be a lie, unless it is the same
  // cosignature again.
  void release(const Cosigned& cosigned) {
    ++cosigned_;
    std::optional<Cosigned>& before = released_[cosigned.origin];
    const std::uint64_t size = cosigned.mark.size.value;
    const UniformLog& honest = logs_[cosigned.origin.back() - '0'].honest;
    if (size > 0) {
      const bool fork = cosigned.mark != honest.mark(size);
      const auto known = faces_.emplace(cosigned.origin, fork).first;
      if (known->second != fork) ++contradictions_;
    }
    if (released_lines_.count(cosigned.lines[0].signature) > 0) return;
    if (before && (size < before->mark.size.value || cosigned.time_s < before->time_s)) {
      ++contradictions_;
    }
    released_lines_.emplace(cosigned.lines[0].signature, true);
    before = cosigned;
  }

  // False when the cosigner refuses to start, which must not come of a crash.
  bool crash() {
    if (pick(2) == 0) {
      disk_.lose_power(random_);
      ++losses_;
    }
    if (boot()) return true;
    ++contradictions_;
    return false;
  }

  std::mt19937_64 random_;
  LossyCosignerDisk disk_;
  std::vector<TwoFacedLog> logs_;
  std::optional<CosignerHost> host_;
  std::map<std::tuple<std::size_t, bool, std::uint64_t, std::uint64_t>, CosignRequest> requests_;
  std::vector<CosignRequest> last_batch_;
  std::map<std::string, std::optional<Cosigned>> released_;
  std::map<Bytes, bool> released_lines_;
  std::map<std::string, bool> faces_;
  std::size_t steps_ = 0, cosigned_ = 0, losses_ = 0, contradictions_ = 0;
};

}  // namespace

TEST_CASE("cosigner history: no order of requests, failures and power losses makes it lie") {
  std::size_t steps = 0, cosigned = 0, losses = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    CosigningRun run(seed, false);
    run.run(2'000);
    REQUIRE(run.contradictions() == 0);
    REQUIRE(run.steps() >= 2'000);
    steps += run.steps();
    cosigned += run.cosigned();
    losses += run.losses();
  }
  CHECK(cosigned > 1'000);
  CHECK(losses > 100);
  std::cout << "cosigner steps checked: " << steps << " (" << cosigned << " cosigned, " << losses
            << " power losses)\n";
}

TEST_CASE("cosigner history: without its syncs the power losses are noticed") {
  std::size_t contradictions = 0;
  for (std::uint64_t seed = 1; seed <= 20 && contradictions == 0; ++seed) {
    CosigningRun run(seed, true);
    run.run(500);
    contradictions += run.contradictions();
  }
  CHECK(contradictions > 0);
}

TEST_CASE("cosigner history: killed before any step of its disk, it forgets nothing released") {
  const UniformLog log("log.example");
  std::mt19937_64 random(5);
  std::size_t kills = 0;
  for (int dies_after = 0; dies_after < 40; ++dies_after) {
    for (const bool power : {false, true}) {
      LossyCosignerDisk disk;
      disk.dies_after = dies_after;
      std::uint64_t released = 0;
      std::optional<CosignerState> made;
      if (auto host = open_cosigner(disk, kShortJournal)) {
        if (const auto state = host->init(kCosignerName)) made = *state;
        for (std::uint64_t size = 1; made && size <= 14; ++size) {
          const CosignRequest request = log.request(size - 1, size);
          const auto results = host->cosign(std::span(&request, 1), kCosignTime, 1);
          if (!results) break;
          REQUIRE(results->front());
          released = size;
        }
      }
      ++kills;
      disk.dies_after.reset();
      if (power) disk.lose_power(random);
      auto again = open_cosigner(disk, kShortJournal);
      INFO("killed after step " << dies_after);
      REQUIRE(again);
      if (made) REQUIRE(again->state()->keys == made->keys);
      REQUIRE(again->init(kCosignerName));
      const auto mark = again->mark("log.example");
      REQUIRE(mark);
      const std::uint64_t size = *mark ? (*mark)->size.value : 0;
      REQUIRE((size == released || size == released + 1));
    }
  }
  std::cout << "cosigner kills checked: " << kills << "\n";
}

}  // namespace witan::test
