#include "node/metrics.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

using witan::Metrics;

TEST_CASE("metrics: the text has every series with help, type, labels and value") {
  Metrics metrics;
  const auto entries = metrics.counter("witan_entries_total", "Entries.", {{"log", "a"}});
  entries.add();
  entries.add(2);
  metrics.gauge("witan_tree_size", "Size.").set(42);
  metrics.histogram("witan_request_seconds", "Time.", {0.1, 1}).observe(0.5);
  const std::string text = metrics.text();
  CHECK(entries.value() == 3);
  CHECK_THAT(text, ContainsSubstring("# HELP witan_entries_total Entries."));
  CHECK_THAT(text, ContainsSubstring("# TYPE witan_entries_total counter"));
  CHECK_THAT(text, ContainsSubstring("witan_entries_total{log=\"a\"} 3"));
  CHECK_THAT(text, ContainsSubstring("witan_tree_size 42"));
  CHECK_THAT(text, ContainsSubstring("witan_request_seconds_bucket{le=\"0.1\"} 0"));
  CHECK_THAT(text, ContainsSubstring("witan_request_seconds_bucket{le=\"1\"} 1"));
  CHECK_THAT(text, ContainsSubstring("witan_request_seconds_count 1"));
}

TEST_CASE("metrics: asking twice gives the same series") {
  Metrics metrics;
  metrics.counter("a_total", "A.").add(1);
  metrics.counter("a_total", "A.").add(1);
  CHECK(metrics.counter("a_total", "A.").value() == 2);
  CHECK(metrics.counter("a_total", "A.", {{"x", "1"}}).value() == 0);
}

TEST_CASE("metrics: values counted elsewhere are read when the text is made") {
  Metrics metrics;
  double now = 5;
  metrics.gauge_of("g", "G.", [&] { return now; });
  metrics.counter_of("c_total", "C.", [&] { return now; });
  CHECK_THAT(metrics.text(), ContainsSubstring("\ng 5"));
  now = 7;
  const std::string text = metrics.text();
  CHECK_THAT(text, ContainsSubstring("\ng 7"));
  CHECK_THAT(text, ContainsSubstring("c_total 7"));
}
