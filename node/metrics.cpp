#include "node/metrics.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace witan {

void MetricCounter::add(double amount) const {
  counter_->Increment(amount);
}
double MetricCounter::value() const {
  return counter_->Value();
}
void MetricGauge::set(double value) const {
  gauge_->Set(value);
}
void MetricGauge::add(double amount) const {
  gauge_->Increment(amount);
}
double MetricGauge::value() const {
  return gauge_->Value();
}
void MetricHistogram::observe(double value) const {
  histogram_->Observe(value);
}

struct Metrics::Impl {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  mutable std::mutex mutex;
  std::vector<std::function<void()>> before_text;  // under mutex
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

MetricCounter Metrics::counter(const std::string& name, const std::string& help,
                               const Labels& labels) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  return MetricCounter(family.Add(prometheus::Labels(labels.begin(), labels.end())));
}

MetricGauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
  return MetricGauge(family.Add(prometheus::Labels(labels.begin(), labels.end())));
}

MetricHistogram Metrics::histogram(const std::string& name, const std::string& help,
                                   const std::vector<double>& bounds, const Labels& labels) {
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  return MetricHistogram(family.Add(prometheus::Labels(labels.begin(), labels.end()), bounds));
}

void Metrics::gauge_of(const std::string& name, const std::string& help,
                       std::function<double()> read, const Labels& labels) {
  const MetricGauge series = gauge(name, help, labels);
  const std::lock_guard lock(impl_->mutex);
  impl_->before_text.emplace_back([series, read = std::move(read)] { series.set(read()); });
}

void Metrics::counter_of(const std::string& name, const std::string& help,
                         std::function<double()> read, const Labels& labels) {
  const MetricCounter series = counter(name, help, labels);
  const std::lock_guard lock(impl_->mutex);
  impl_->before_text.emplace_back(
      [series, read = std::move(read)] { series.add(std::max(0.0, read() - series.value())); });
}

std::string Metrics::text() const {
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& update : impl_->before_text) update();
  }
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

std::vector<double> Metrics::duration_bounds() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
          0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30};
}

}  // namespace witan
