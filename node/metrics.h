#pragma once
// Counters, gauges and histograms, and their text for Prometheus. A name belongs to one kind; the
// same name with other labels is another series. All functions may be called from any thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace witan {

// Handles are small, are copied freely and stay valid as long as their Metrics.
class MetricCounter {
 public:
  void add(double amount = 1) const;
  [[nodiscard]] double value() const;

 private:
  friend class Metrics;
  explicit MetricCounter(prometheus::Counter& counter) : counter_(&counter) {}
  prometheus::Counter* counter_;
};

class MetricGauge {
 public:
  void set(double value) const;
  void add(double amount) const;
  [[nodiscard]] double value() const;

 private:
  friend class Metrics;
  explicit MetricGauge(prometheus::Gauge& gauge) : gauge_(&gauge) {}
  prometheus::Gauge* gauge_;
};

class MetricHistogram {
 public:
  void observe(double value) const;

 private:
  friend class Metrics;
  explicit MetricHistogram(prometheus::Histogram& histogram) : histogram_(&histogram) {}
  prometheus::Histogram* histogram_;
};

class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;
  // The content type of text().
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Asking twice for the same name and labels gives the same series.
  [[nodiscard]] MetricCounter counter(const std::string& name, const std::string& help,
                                      const Labels& labels = {});
  [[nodiscard]] MetricGauge gauge(const std::string& name, const std::string& help,
                                  const Labels& labels = {});
  // `bounds` are the buckets' upper bounds, ascending, without infinity.
  [[nodiscard]] MetricHistogram histogram(const std::string& name, const std::string& help,
                                          const std::vector<double>& bounds,
                                          const Labels& labels = {});

  // Values that are counted elsewhere: read when text() is made.
  void gauge_of(const std::string& name, const std::string& help, std::function<double()> read,
                const Labels& labels = {});
  // The same for what only grows.
  void counter_of(const std::string& name, const std::string& help, std::function<double()> read,
                  const Labels& labels = {});

  // Prometheus text exposition format 0.0.4.
  [[nodiscard]] std::string text() const;

  // Bounds in seconds from 100 us to 30 s, for durations.
  [[nodiscard]] static std::vector<double> duration_bounds();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace witan
