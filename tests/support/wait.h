#pragma once
// Waiting for what another process does: asked again and again, with a deadline.

#include <chrono>
#include <poll.h>

namespace witan::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

inline constexpr std::chrono::seconds kPatience{kSanitized ? 60 : 20};

// Whether the condition came true within the time.
template <typename Condition>
bool eventually(const Condition& condition, std::chrono::milliseconds time = kPatience) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

}  // namespace witan::test
