#include "node/witness/bastion_retry.h"

#include <algorithm>
#include <array>

namespace witan {

std::chrono::milliseconds BastionRetry::wait_after(std::optional<std::chrono::milliseconds> up) {
  const bool anew = step_.count() == 0 || (up && *up >= options_.lasted);
  step_ = anew ? options_.first : std::min(step_ * 2, options_.last);
  std::array<std::uint8_t, 4> bytes{};
  random_.fill(bytes);
  std::uint32_t number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8U | byte;
  const auto half = static_cast<std::uint64_t>(step_.count()) / 2;
  const std::uint64_t jitter = half * number >> 32U;
  return step_ - std::chrono::milliseconds(half - jitter);
}

}  // namespace witan
