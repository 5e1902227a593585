#pragma once

#include <cstdint>
#include <span>

namespace witan {

// Random bytes, so that the simulator and the tests can replay them.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
};

// The kernel's.
[[nodiscard]] Random& system_random();

}  // namespace witan
