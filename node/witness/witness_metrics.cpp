#include "node/witness/witness_metrics.h"

#include "witness/cosigning.h"

namespace witan {

WitnessMetrics::WitnessMetrics(Metrics& metrics, const Clock& clock,
                               const std::vector<std::string>& picked)
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
      logs_(metrics, clock, picked) {
  const auto add = [this](std::string_view result) {
    results_.emplace(result, metrics_.counter("witan_witness_checkpoints_total",
                                              "Submitted checkpoints by what became of them",
                                              {{"result", std::string(result)}}));
  };
  for (const std::string_view result : {kCosigned, kDisabled, kClientRate, kQueueFull}) add(result);
  for (const CosignRefusal refusal :
       {CosignRefusal::kMalformed, CosignRefusal::kUnknownLog, CosignRefusal::kBadSignature,
        CosignRefusal::kConflict, CosignRefusal::kUnprocessable, CosignRefusal::kOverQuota,
        CosignRefusal::kUnavailable, CosignRefusal::kHeld}) {
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
  std::uint64_t newest = newest_time_s_;
  while (newest < time_s && !newest_time_s_.compare_exchange_weak(newest, time_s)) {
  }
  logs_.cosigned(origin, time_s, now);
}

std::vector<std::pair<std::string, std::uint64_t>> WitnessMetrics::counted() const {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  for (const auto& [result, counter] : results_) {
    out.emplace_back(result, static_cast<std::uint64_t>(counter.value()));
  }
  return out;
}

}  // namespace witan
