#include "node/witness/daily_quota.h"

namespace witan {
namespace {

constexpr std::uint64_t kDayMs = 86'400'000;

}  // namespace

std::uint32_t& DailyQuota::used(std::string_view origin, Kind kind, std::uint64_t unix_ms) {
  if (unix_ms / kDayMs != day_) {
    day_ = unix_ms / kDayMs;
    used_.clear();
  }
  Used& of_log = used_[std::string(origin)];
  return kind == Kind::kGrowth ? of_log.growth : of_log.repetition;
}

std::chrono::seconds DailyQuota::wait(std::string_view origin, Kind kind, std::uint32_t qpd,
                                      std::uint64_t unix_ms) {
  const std::lock_guard lock(mutex_);
  if (used(origin, kind, unix_ms) < qpd) return std::chrono::seconds(0);
  const std::uint64_t left_ms = kDayMs - unix_ms % kDayMs;
  return std::chrono::seconds((left_ms + 999) / 1000);
}

void DailyQuota::count(std::string_view origin, Kind kind, std::uint64_t unix_ms) {
  const std::lock_guard lock(mutex_);
  ++used(origin, kind, unix_ms);
}

}  // namespace witan
