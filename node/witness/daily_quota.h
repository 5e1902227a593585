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
  // Checkpoints that grow the log need its key, so that nobody but the log can use up its quota;
  // anybody can send its newest checkpoint again, so repetitions are counted by themselves.
  enum class Kind { kGrowth, kRepetition };

  // Takes one of the log's `qpd` of this kind. 0 when there was one; else the whole seconds to the
  // next day. From any thread.
  [[nodiscard]] std::chrono::seconds take(std::string_view origin, Kind kind, std::uint32_t qpd,
                                          std::uint64_t unix_ms);
  // Gives one back that was taken and led to no cosignature.
  void give_back(std::string_view origin, Kind kind);

 private:
  struct Used {
    std::uint32_t growth = 0;
    std::uint32_t repetition = 0;
  };
  std::mutex mutex_;
  std::uint64_t day_ = 0;                       // under mutex_
  std::unordered_map<std::string, Used> used_;  // of logs with a quota; under mutex_
};

}  // namespace witan
