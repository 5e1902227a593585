#pragma once
// A witness at work on a folder and a cosigner in memory, with a clock of the test's.

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "ledger/crypto/sha256.h"
#include "node/metrics.h"
#include "node/witness/witness_service.h"
#include "tests/node/witness/fake_cosigner.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace witan::test {

class WitnessClock final : public Clock {
 public:
  static constexpr std::uint64_t kDayMs = 86'400'000;
  std::atomic<std::uint64_t> now_ms{20'000 * kDayMs + 1'000};
  [[nodiscard]] std::uint64_t unix_ms() const override { return now_ms; }
  [[nodiscard]] std::uint64_t steady_ms() const override { return now_ms; }
};

class WitnessFixture {
 public:
  explicit WitnessFixture(WitnessServiceOptions options = {}) {
    open_store();
    add_log();
    REQUIRE(open_service(options));
  }

  void open_store() {
    auto opened = WitnessStore::open(dir.path() / "data");
    if (!opened) FAIL(opened.error().message);
    store = std::move(*opened);
  }
  // Ends a service that runs and begins another one, as after a restart.
  Result<void> open_service(const WitnessServiceOptions& options = {}) {
    service.reset();
    metrics = std::make_unique<Metrics>();
    WITAN_ASSIGN(service, WitnessService::open(*store, cosigner, clock, *metrics, options));
    return {};
  }

  void add_log(std::optional<std::uint32_t> qpd = {}, bool disabled = false) {
    const auto added = store->change_log(world.origin, [&](const std::optional<KnownLog>&) {
      KnownLog log;
      log.keys = {world.key.vkey};
      log.qpd = qpd;
      log.disabled = disabled;
      return Result<KnownLog>(std::move(log));
    });
    if (!added) FAIL(added.error().message);
  }

  [[nodiscard]] std::future<CosignAnswer> send(const std::string& body) {
    const auto promise = std::make_shared<std::promise<CosignAnswer>>();
    service->add_checkpoint(
        body, [promise](CosignAnswer answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }
  [[nodiscard]] CosignAnswer submit(const std::string& body) {
    auto answer = send(body);
    if (answer.wait_for(kPatience) != std::future_status::ready) throw std::runtime_error("mute");
    return answer.get();
  }
  [[nodiscard]] CosignAnswer submit(std::size_t old_size, std::size_t size) {
    return submit(world.request(old_size, size).encode());
  }
  [[nodiscard]] std::optional<StoredCheckpoint> kept() const {
    return store->find_checkpoint(sha256(as_bytes(world.origin))).value();
  }
  [[nodiscard]] std::uint64_t counted(std::string_view result) const {
    for (const auto& [name, count] : service->metrics().counted()) {
      if (name == result) return count;
    }
    return 0;
  }

  TempDir dir;
  CosignWorld world;
  FakeCosigner cosigner;
  WitnessClock clock;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<WitnessStore> store;
  std::unique_ptr<WitnessService> service;
};

// The status that a client would see.
inline unsigned status_of(const CosignAnswer& answer) {
  return answer ? 200 : http_status(answer.error().error.refusal);
}

}  // namespace witan::test
