#pragma once
// How often a log was cosigned today: the `qpd` of the log lists. Days are those of UTC; what a
// process counted is gone when it ends.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace witan {

class DailyQuota {
 public:
  // Growth needs a checkpoint that the log signed and was not cosigned yet; anybody can send the
  // newest one again, so repetitions are counted by themselves.
  enum class Kind { kGrowth, kRepetition };

  // 0 while fewer than the log's `qpd` of this kind were cosigned today; else the whole seconds to
  // the next day. What is under way does not count, so that forged requests use nothing up. From
  // any thread, as count().
  [[nodiscard]] std::chrono::seconds wait(std::string_view origin, Kind kind, std::uint32_t qpd,
                                          std::uint64_t unix_ms);
  // One was cosigned.
  void count(std::string_view origin, Kind kind, std::uint64_t unix_ms);

 private:
  // Of today. Wants mutex_ held.
  std::uint32_t& used(std::string_view origin, Kind kind, std::uint64_t unix_ms);

  struct Used {
    std::uint32_t growth = 0;
    std::uint32_t repetition = 0;
  };
  std::mutex mutex_;
  std::uint64_t day_ = 0;                       // under mutex_
  std::unordered_map<std::string, Used> used_;  // of logs with a quota; under mutex_
};

}  // namespace witan
