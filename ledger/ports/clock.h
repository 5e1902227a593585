#pragma once

#include <cstdint>

namespace witan {

// Time, so that the simulator and the tests can own it.
class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since 1970-01-01 UTC. May jump.
  [[nodiscard]] virtual std::uint64_t unix_ms() const = 0;
  // Milliseconds since an arbitrary start. Never goes back.
  [[nodiscard]] virtual std::uint64_t steady_ms() const = 0;
};

// The machine's clocks.
[[nodiscard]] const Clock& system_clock();

}  // namespace witan
