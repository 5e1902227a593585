#pragma once
// What a witness at work counts and times.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/ports/clock.h"
#include "node/metrics.h"

namespace witan {

class WitnessMetrics {
 public:
  // What became of submitted checkpoints, besides the names of CosignRefusal.
  static constexpr std::string_view kCosigned = "cosigned", kDisabled = "disabled",
                                    kClientRate = "client-rate";

  // Both must outlive it.
  WitnessMetrics(Metrics& metrics, const Clock& clock);
  WitnessMetrics(const WitnessMetrics&) = delete;
  WitnessMetrics& operator=(const WitnessMetrics&) = delete;
  ~WitnessMetrics();

  // All may be called from any thread.
  void count(std::string_view result);
  void observe_answer(double seconds) const { answer_seconds_.observe(seconds); }
  void observe_batch(double seconds, std::size_t requests) const;
  // The log was cosigned at that time: by this process, when `now`. The first
  // limits::kWitnessLogMetricsMax logs have series of their own.
  void cosigned(const std::string& origin, std::uint64_t time_s, bool now);

  // Every result with how often it was counted.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> counted() const;

 private:
  struct OfLog {
    MetricCounter cosigned;
    std::uint64_t time_s;
  };
  struct Shared;

  Metrics& metrics_;
  std::map<std::string, MetricCounter, std::less<>> results_;
  const MetricHistogram answer_seconds_;
  const MetricHistogram batch_seconds_;
  const MetricHistogram batch_requests_;
  const std::shared_ptr<Shared> shared_;  // with the series, which outlive this object
};

}  // namespace witan
