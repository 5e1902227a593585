#pragma once
// What a witness at work counts and times.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/ports/clock.h"
#include "node/metrics.h"
#include "node/witness/log_figures.h"

namespace witan {

class WitnessMetrics {
 public:
  // What became of submitted checkpoints, besides the names of CosignRefusal. Over a limit is
  // counted by which: of the client's rate, of the log's day (CosignRefusal), of the queue.
  static constexpr std::string_view kCosigned = "cosigned", kDisabled = "disabled",
                                    kClientRate = "client-rate", kQueueFull = "queue-full";

  // `picked`: see LogFiguresTable. Both must outlive it.
  WitnessMetrics(Metrics& metrics, const Clock& clock, const std::vector<std::string>& picked = {});
  WitnessMetrics(const WitnessMetrics&) = delete;
  WitnessMetrics& operator=(const WitnessMetrics&) = delete;
  ~WitnessMetrics();

  // All may be called from any thread.
  void count(std::string_view result);
  void observe_answer(double seconds) const { answer_seconds_.observe(seconds); }
  void observe_batch(double seconds, std::size_t requests) const;
  // The log was cosigned at that time: by this process, when `now`.
  void cosigned(const std::string& origin, std::uint64_t time_s, bool now);
  [[nodiscard]] LogFiguresTable& logs() { return logs_; }
  // The latest time that any cosignature carries, of this process or before; 0 when there is none.
  [[nodiscard]] std::uint64_t newest_time_s() const { return newest_time_s_; }

  // Every result with how often it was counted.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> counted() const;

 private:
  Metrics& metrics_;
  std::atomic<std::uint64_t> newest_time_s_{0};
  std::map<std::string, MetricCounter, std::less<>> results_;
  const MetricHistogram answer_seconds_;
  const MetricHistogram batch_seconds_;
  const MetricHistogram batch_requests_;
  LogFiguresTable logs_;
};

}  // namespace witan
