// Two batches under way at once: one at the signer while the one before it is stored. Whatever
// fails or dies between them, nothing that was cosigned is lost, and no answer leaves too early.
#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/node/witness/held_store.h"
#include "tests/node/witness/witness_fixture.h"

namespace witan::test {
namespace {

constexpr std::size_t kLogs = 4;
constexpr std::size_t kBatches = 6;

// Several logs, a signer that outlives the witness, and a store whose writes the test sees.
class PipelineFixture {
 public:
  PipelineFixture() {
    open();
    for (std::size_t i = 0; i < kLogs; ++i) {
      worlds.emplace_back();
      CosignWorld& world = worlds.back();
      world.origin = "log.example/" + std::to_string(i);
      world.key = make_cosign_key(world.origin);
      REQUIRE(store->change_log(world.origin, [&](const std::optional<KnownLog>&) {
        KnownLog log;
        log.keys = {world.key.vkey};
        return Result<KnownLog>(std::move(log));
      }));
    }
  }

  void open() {
    held.reset();
    store.reset();
    auto opened = WitnessStore::open(dir.path() / "data");
    if (!opened) FAIL(opened.error().message);
    store = std::move(*opened);
    held = std::make_unique<HeldStore>(*store);
  }
  Result<void> start() {
    service.reset();
    metrics = std::make_unique<Metrics>();
    WITAN_ASSIGN(service, WitnessService::open(*held, cosigner, clock, *metrics));
    return {};
  }
  // As a process that dies: nothing of it is stored any more.
  void restart_store() {
    service.reset();
    open();
  }

  [[nodiscard]] std::future<CosignAnswer> send(std::size_t log, std::size_t old_size,
                                               std::size_t size) {
    const auto promise = std::make_shared<std::promise<CosignAnswer>>();
    service->add_checkpoint(
        worlds[log].request(old_size, size).encode(),
        [promise](CosignAnswer answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }
  [[nodiscard]] std::uint64_t size_in_store(std::size_t log) const {
    const auto kept = store->find_checkpoint(sha256(as_bytes(worlds[log].origin))).value();
    return kept ? kept->mark.size.value : 0;
  }
  [[nodiscard]] std::uint64_t size_at_signer(std::size_t log) {
    const auto mark = cosigner.mark(worlds[log].origin).value();
    return mark ? mark->size.value : 0;
  }

  TempDir dir;
  std::vector<CosignWorld> worlds;
  FakeCosigner cosigner;
  WitnessClock clock;
  std::unique_ptr<WitnessStore> store;
  std::unique_ptr<HeldStore> held;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<WitnessService> service;
};

CosignAnswer wait_for(std::future<CosignAnswer>& answer) {
  if (answer.wait_for(kPatience) != std::future_status::ready) throw std::runtime_error("mute");
  return answer.get();
}

TEST_CASE("witness pipeline: while a batch is stored the signer has the next, and no third") {
  PipelineFixture fixture;
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  std::atomic<std::size_t> stored = 0;
  fixture.held->before = [&](std::size_t) -> Result<void> {
    gone.wait();
    ++stored;
    return {};
  };
  // The signer is never asked for a batch before the last but one is stored.
  std::atomic<bool> too_early = false;
  fixture.cosigner.on_call([&](std::size_t call) {
    if (call > stored + 2) too_early = true;
  });
  REQUIRE(fixture.start());
  std::vector<std::future<CosignAnswer>> answers;
  for (std::size_t i = 0; i < kBatches; ++i) {
    answers.push_back(fixture.send(i % 2, i / 2, i / 2 + 1));
    // One batch each, for as long as the signer takes them.
    if (i < 2) fixture.cosigner.wait_for_signed(i + 1);
  }
  CHECK(fixture.cosigner.calls() == 2);
  CHECK(stored == 0);
  for (auto& answer : answers) {
    CHECK(answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
  }
  go.set_value();
  for (std::size_t i = 0; i < kBatches; ++i) CHECK(wait_for(answers[i]));
  CHECK_FALSE(too_early);
  CHECK(fixture.size_in_store(0) == kBatches / 2);
  CHECK(fixture.size_in_store(1) == kBatches / 2);
}

TEST_CASE("witness pipeline: when storing fails nothing leaves, and the next request mends it") {
  PipelineFixture fixture;
  std::atomic<std::size_t> failing = 1;
  fixture.held->before = [&](std::size_t number) -> Result<void> {
    if (number + 1 != failing) return {};
    // Not before the next batch is signed, too.
    fixture.cosigner.wait_for_signed(2);
    return fail(ErrorCode::kIo, "no space left");
  };
  REQUIRE(fixture.start());
  auto first = fixture.send(0, 0, 5);
  fixture.cosigner.wait_for_signed(1);
  auto second = fixture.send(0, 5, 9);
  CHECK(status_of(wait_for(first)) == 503);
  CHECK(status_of(wait_for(second)) == 503);
  CHECK(fixture.size_in_store(0) == 0);
  // Both were cosigned, and their log learns it when it asks again.
  auto again = fixture.send(0, 0, 5);
  const CosignAnswer conflict = wait_for(again);
  CHECK(status_of(conflict) == 409);
  CHECK(conflict.error().error.size == 9);
  CHECK(fixture.size_in_store(0) == 9);
  auto next = fixture.send(0, 9, 12);
  CHECK(wait_for(next));
  CHECK(fixture.service->problem().empty());
}

// Where a witness dies: at the writing of which batch, and on which side of it.
struct DeathPlace {
  std::size_t batch = 0;
  bool written = false;
};

// The batches' logs take turns, so that no batch makes up for the loss of another.
std::size_t log_of(std::size_t batch) {
  return batch % kLogs;
}

// Sends one batch after the other, each signed before the one before it is written, until the
// witness dies. Gives the largest size that was answered for each log.
std::vector<std::uint64_t> run_until(PipelineFixture& fixture, const DeathPlace& death) {
  HeldStore& held = *fixture.held;
  held.after = death.written;
  held.before = [&](std::size_t number) -> Result<void> {
    if (number + 1 < kBatches) fixture.cosigner.wait_for_signed(number + 2);
    if (number < death.batch) return {};
    held.dead = true;
    return fail(ErrorCode::kIo, "dead");
  };
  REQUIRE(fixture.start());
  std::vector<std::future<CosignAnswer>> answers;
  for (std::size_t i = 0; i < kBatches && !held.dead; ++i) {
    answers.push_back(fixture.send(log_of(i), i / kLogs, i / kLogs + 1));
    // After a death the signer is asked for no more.
    REQUIRE(eventually([&] { return held.dead || fixture.cosigner.batches_signed() > i; }));
  }
  std::vector<std::uint64_t> answered(kLogs);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const CosignAnswer got = wait_for(answers[i]);
    if (got) answered[log_of(i)] = std::max(answered[log_of(i)], got->mark.size.value);
  }
  return answered;
}

TEST_CASE("witness pipeline: dead at any batch, on either side, nothing cosigned is lost") {
  for (std::size_t batch = 0; batch < kBatches; ++batch) {
    for (const bool written : {false, true}) {
      INFO("died at batch " << batch << (written ? ", written" : ", not written"));
      PipelineFixture fixture;
      const auto answered = run_until(fixture, {batch, written});
      fixture.restart_store();
      std::uint64_t lost = 0;
      for (std::size_t log = 0; log < kLogs; ++log) {
        CHECK(fixture.size_in_store(log) >= answered[log]);
        lost += fixture.size_at_signer(log) - fixture.size_in_store(log);
      }
      const std::size_t signed_last = batch + 1 < kBatches ? 2 : 1;
      CHECK(lost == (written ? signed_last - 1 : signed_last));
      REQUIRE(fixture.start());
      for (std::size_t log = 0; log < kLogs; ++log) {
        const std::uint64_t size = fixture.size_at_signer(log);
        CHECK(fixture.size_in_store(log) == size);
        auto next = fixture.send(log, size, size + 1);
        CHECK(wait_for(next));
      }
    }
  }
}

TEST_CASE("witness pipeline: a signer that remembers less than was lost is noticed") {
  PipelineFixture fixture;
  (void)run_until(fixture, {2, false});
  fixture.restart_store();
  fixture.cosigner.forget_recent(1);
  const auto refused = fixture.start();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kStale);
  CHECK_THAT(refused.error().message, ContainsSubstring("data/"));
}

TEST_CASE("witness pipeline: an old signer behind a lost answer is told from an honest loss") {
  for (const bool old_copy : {false, true}) {
    PipelineFixture fixture;
    REQUIRE(fixture.start());
    auto first = fixture.send(0, 0, 5);
    REQUIRE(wait_for(first));
    auto second = fixture.send(0, 5, 9);
    REQUIRE(wait_for(second));
    if (old_copy) fixture.cosigner.set_back(fixture.worlds[0].origin, fixture.worlds[0].mark(5));
    fixture.cosigner.set_loses_answers(true);
    // From the old copy's size: larger than what is stored, and maybe of another history.
    auto lost = fixture.send(0, old_copy ? 5 : 9, 12);
    CHECK(status_of(wait_for(lost)) == 503);
    fixture.cosigner.set_loses_answers(false);
    auto next = fixture.send(0, 12, 13);
    const CosignAnswer answer = wait_for(next);
    CHECK(status_of(answer) == (old_copy ? 503 : 200));
    CHECK(fixture.size_in_store(0) == (old_copy ? 9 : 13));
    if (old_copy) CHECK_THAT(fixture.service->problem(), ContainsSubstring("enclave/"));
  }
}

TEST_CASE("witness pipeline: an old signer is found by the logs that were not asked for, too") {
  PipelineFixture fixture;
  REQUIRE(fixture.start());
  for (std::size_t log = 0; log < 2; ++log) {
    auto answer = fixture.send(log, 0, 9);
    REQUIRE(wait_for(answer));
  }
  fixture.cosigner.set_back(fixture.worlds[1].origin, fixture.worlds[1].mark(5));
  fixture.cosigner.set_loses_answers(true);
  auto lost = fixture.send(0, 9, 12);
  CHECK(status_of(wait_for(lost)) == 503);
  fixture.cosigner.set_loses_answers(false);
  auto next = fixture.send(0, 12, 13);
  CHECK(status_of(wait_for(next)) == 503);
  CHECK_THAT(fixture.service->problem(), ContainsSubstring("log.example/1"));
}

TEST_CASE("witness pipeline: a signer that was started again is compared, whatever is asked next") {
  for (const bool old_copy : {false, true}) {
    PipelineFixture fixture;
    REQUIRE(fixture.start());
    for (std::size_t log = 0; log < 2; ++log) {
      auto answer = fixture.send(log, 0, 9);
      REQUIRE(wait_for(answer));
    }
    if (old_copy) fixture.cosigner.set_back(fixture.worlds[1].origin, fixture.worlds[1].mark(5));
    fixture.cosigner.restart();
    // No answer was lost, and it is another log's turn.
    auto next = fixture.send(0, 9, 12);
    CHECK(status_of(wait_for(next)) == (old_copy ? 503 : 200));
    auto last = fixture.send(0, 12, 13);
    CHECK(status_of(wait_for(last)) == (old_copy ? 503 : 200));
    // Nothing of it is stored: with the newest copy of its folder the witness goes on.
    CHECK(fixture.size_in_store(0) == (old_copy ? 9 : 13));
    CHECK(fixture.service->problem().empty() == !old_copy);
    if (old_copy) CHECK_THAT(fixture.service->problem(), ContainsSubstring("log.example/1"));
  }
}

TEST_CASE("witness pipeline: of what an old signer cosigned nothing is stored at a start") {
  PipelineFixture fixture;
  REQUIRE(fixture.start());
  for (std::size_t log = 0; log < 2; ++log) {
    auto answer = fixture.send(log, 0, 9);
    REQUIRE(wait_for(answer));
  }
  fixture.service.reset();
  fixture.cosigner.set_back(fixture.worlds[1].origin, fixture.worlds[1].mark(5));
  const CosignWorld& world = fixture.worlds[0];
  const std::vector<CosignRequest> requests = {{{world.key.vkey}, world.request(9, 12)}};
  REQUIRE(fixture.cosigner.cosign(requests, 2'000).value().front());
  CHECK_THAT(fixture.start().error().message, ContainsSubstring("enclave/"));
  CHECK(fixture.size_in_store(0) == 9);
}

TEST_CASE("witness pipeline: at the end everything that waits is answered") {
  PipelineFixture fixture;
  REQUIRE(fixture.start());
  fixture.cosigner.hold(true);
  std::vector<std::future<CosignAnswer>> answers;
  for (std::size_t i = 0; i < 20; ++i)
    answers.push_back(fixture.send(i % kLogs, i / kLogs, i / kLogs + 1));
  fixture.cosigner.wait_for_calls(1);
  fixture.cosigner.hold(false);
  fixture.service.reset();
  for (auto& answer : answers) {
    REQUIRE(answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
    CHECK(answer.get());
  }
}

}  // namespace
}  // namespace witan::test
