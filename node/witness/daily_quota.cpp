#include "node/witness/daily_quota.h"

namespace witan {
namespace {

constexpr std::uint64_t kDayMs = 86'400'000;

}  // namespace

std::chrono::seconds DailyQuota::take(std::string_view origin, Kind kind, std::uint32_t qpd,
                                      std::uint64_t unix_ms) {
  const std::lock_guard lock(mutex_);
  if (unix_ms / kDayMs != day_) {
    day_ = unix_ms / kDayMs;
    used_.clear();
  }
  Used& of_log = used_[std::string(origin)];
  std::uint32_t& used = kind == Kind::kGrowth ? of_log.growth : of_log.repetition;
  if (used < qpd) {
    ++used;
    return std::chrono::seconds(0);
  }
  const std::uint64_t left_ms = kDayMs - unix_ms % kDayMs;
  return std::chrono::seconds((left_ms + 999) / 1000);
}

void DailyQuota::give_back(std::string_view origin, Kind kind) {
  const std::lock_guard lock(mutex_);
  const auto found = used_.find(std::string(origin));
  if (found == used_.end()) return;
  std::uint32_t& used = kind == Kind::kGrowth ? found->second.growth : found->second.repetition;
  if (used > 0) --used;
}

}  // namespace witan
