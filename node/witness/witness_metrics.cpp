#include "node/witness/witness_metrics.h"

#include <array>
#include <memory>

#include "config/limits.h"
#include "witness/cosigning.h"

namespace witan {

struct WitnessMetrics::Shared {
  explicit Shared(const Clock& the_clock) : clock(the_clock) {}
  const Clock& clock;
  std::mutex mutex;
  std::map<std::string, OfLog, std::less<>> logs;  // under mutex
};

WitnessMetrics::WitnessMetrics(Metrics& metrics, const Clock& clock)
    : metrics_(metrics),
      answer_seconds_(metrics.histogram("witan_witness_answer_seconds",
                                        "From a checkpoint's arrival to its answer",
                                        Metrics::duration_bounds())),
      batch_seconds_(metrics.histogram("witan_witness_batch_seconds",
                                       "Cosigning and storing one batch of checkpoints",
                                       Metrics::duration_bounds())),
      batch_requests_(metrics.histogram("witan_witness_batch_requests",
                                        "Checkpoints that were cosigned and stored together",
                                        {1, 2, 4, 8, 16, 32, 64, 128, 256})),
      shared_(std::make_shared<Shared>(clock)) {
  const auto add = [this](std::string_view result) {
    results_.emplace(result, metrics_.counter("witan_witness_checkpoints_total",
                                              "Submitted checkpoints by what became of them",
                                              {{"result", std::string(result)}}));
  };
  for (const std::string_view result : {kCosigned, kDisabled, kClientRate}) add(result);
  for (const CosignRefusal refusal :
       {CosignRefusal::kMalformed, CosignRefusal::kUnknownLog, CosignRefusal::kBadSignature,
        CosignRefusal::kConflict, CosignRefusal::kUnprocessable, CosignRefusal::kOverQuota,
        CosignRefusal::kUnavailable}) {
    add(to_string(refusal));
  }
}

WitnessMetrics::~WitnessMetrics() = default;

void WitnessMetrics::count(std::string_view result) {
  const auto found = results_.find(result);
  if (found != results_.end()) found->second.add();
}

void WitnessMetrics::observe_batch(double seconds, std::size_t requests) const {
  batch_seconds_.observe(seconds);
  batch_requests_.observe(static_cast<double>(requests));
}

void WitnessMetrics::cosigned(const std::string& origin, std::uint64_t time_s, bool now) {
  {
    const std::lock_guard lock(shared_->mutex);
    const auto found = shared_->logs.find(origin);
    if (found != shared_->logs.end()) {
      found->second.time_s = time_s;
      if (now) found->second.cosigned.add();
      return;
    }
    if (shared_->logs.size() >= limits::kWitnessLogMetricsMax) return;
  }
  // Outside the lock: the metrics take their own and call back under it.
  const MetricCounter counter =
      metrics_.counter("witan_witness_log_cosigned_total",
                       "Checkpoints of a log that were cosigned", {{"origin", origin}});
  if (now) counter.add();
  {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->logs.emplace(origin, OfLog{counter, time_s}).second) return;
  }
  const std::shared_ptr<Shared> shared = shared_;
  metrics_.gauge_of("witan_witness_log_age_seconds", "Since a log's newest checkpoint was cosigned",
                    [shared, origin] {
                      const std::lock_guard lock(shared->mutex);
                      const auto found = shared->logs.find(origin);
                      const double then =
                          found == shared->logs.end() ? 0 : double(found->second.time_s);
                      return static_cast<double>(shared->clock.unix_ms()) / 1000 - then;
                    },
                    {{"origin", origin}});
}

std::vector<std::pair<std::string, std::uint64_t>> WitnessMetrics::counted() const {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  for (const auto& [result, counter] : results_) {
    out.emplace_back(result, static_cast<std::uint64_t>(counter.value()));
  }
  return out;
}

}  // namespace witan
