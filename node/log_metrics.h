#pragma once
// What a log at work counts and times.

#include "node/metrics.h"

namespace witan {

struct LogMetrics {
  explicit LogMetrics(Metrics& metrics)
      : registered(statements(metrics, "registered")),
        refused(statements(metrics, "refused")),
        repeated(statements(metrics, "repeated")),
        commit_seconds(metrics.histogram("witan_commit_seconds", "Duration of a store commit",
                                         Metrics::duration_bounds())),
        sign_seconds(metrics.histogram("witan_sign_seconds", "Duration of an enclave append",
                                       Metrics::duration_bounds())) {}

  const MetricCounter registered;  // have their receipt
  const MetricCounter refused;     // by the policy, or not statements at all
  const MetricCounter repeated;    // were known already
  const MetricHistogram commit_seconds;
  const MetricHistogram sign_seconds;

 private:
  static MetricCounter statements(Metrics& metrics, const char* result) {
    return metrics.counter("witan_statements_total", "Statements by what became of them",
                           {{"result", result}});
  }
};

}  // namespace witan
