#include "ledger/ports/clock.h"

#include <chrono>

namespace witan {
namespace {

template <typename Source>
std::uint64_t milliseconds() {
  const auto since = Source::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::uint64_t unix_ms() const override {
    return milliseconds<std::chrono::system_clock>();
  }
  [[nodiscard]] std::uint64_t steady_ms() const override {
    return milliseconds<std::chrono::steady_clock>();
  }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace witan
