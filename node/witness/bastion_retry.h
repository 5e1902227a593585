#pragma once
// When a bastion is tried again: waits that double, with jitter, so that the witnesses that lost a
// bastion at one moment do not come back at one moment.

#include <chrono>
#include <cstdint>
#include <optional>

#include "config/limits.h"
#include "ledger/ports/random.h"

namespace witan {

struct BastionRetryOptions {
  std::chrono::milliseconds first = limits::kBastionRetryFirst;
  std::chrono::milliseconds last = limits::kBastionRetryLast;
  // A connection that was up for so long makes the next wait a first one.
  std::chrono::milliseconds lasted = limits::kBastionLasted;
};

class BastionRetry {
 public:
  // `random` must outlive it.
  explicit BastionRetry(Random& random, const BastionRetryOptions& options = {})
      : random_(random), options_(options) {}

  // An attempt has ended; `up` is how long its connection was up, none when it never was. The time
  // to wait before the next one: between half of the step and all of it.
  [[nodiscard]] std::chrono::milliseconds wait_after(std::optional<std::chrono::milliseconds> up);

 private:
  Random& random_;
  const BastionRetryOptions options_;
  std::chrono::milliseconds step_{0};
};

}  // namespace witan
