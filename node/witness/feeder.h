#pragma once
// Feeds a witness by reading logs that do not push: a few threads, each with one log at a time, in
// the order of a FeedSchedule. What they read goes the way of pushed checkpoints. Logs that are
// added to the store, or taken from it, are noticed while it runs.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "config/feed_limits.h"
#include "config/result.h"
#include "ledger/ports/clock.h"
#include "node/http/client.h"
#include "node/metrics.h"
#include "node/witness/witness_service.h"
#include "witness/feed_schedule.h"
#include "witness/feeding.h"

namespace witan {

struct FeederOptions {
  unsigned threads = 4;  // logs that are read at once; 0: none are
  std::chrono::seconds every{60};
  std::optional<std::string> ca_file;  // for https, besides the system's
  std::chrono::milliseconds request_deadline = limits::kFeedRequestDeadline;
  std::chrono::milliseconds poll_deadline = limits::kFeedPollDeadline;
  std::chrono::milliseconds reread = limits::kFeedReread;
};

// A log that shrank or forked: this is its own doing, or its server's, and worth a person's look.
struct FeedAlarm {
  std::string origin;
  FeedOutcome outcome = FeedOutcome::kForked;
  std::string message;
  std::uint64_t since_s = 0;  // seconds since 1970
};

struct FeedingStatus {
  std::size_t logs = 0;
  double late_s = 0;  // of the log that was read last: how long after it was due
  std::vector<std::pair<std::string, std::uint64_t>> counted;  // readings by what became of them
  std::vector<FeedAlarm> alarms;  // at most limits::kFeedShownMax, by origin
  std::size_t alarms_all = 0;
  // The last readings that failed otherwise: origin and why; at most kFeedShownMax.
  std::vector<std::pair<std::string, std::string>> failing;
  std::size_t failing_all = 0;
};

class Feeder {
 public:
  using Options = FeederOptions;
  // All must outlive it. Without `jitter`: the kernel's randomness.
  Feeder(WitnessService& witness, const Clock& clock, Metrics& metrics, Options options,
         FeedSchedule::Jitter jitter = {});
  // Stops.
  ~Feeder();
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  void start();
  // Breaks off the readings that are under way; waits for what was handed to the witness. Safe to
  // call twice, and without start.
  void stop();

  // Any thread.
  [[nodiscard]] FeedingStatus status() const;

 private:
  void run();
  // Tells the schedule what the store has, now and then. The lock is held.
  void reread(std::unique_lock<std::mutex>& lock);
  FeedDone read(const DueFeed& due);
  FeedDone read_from(const DueFeed& due, FeedReading& reading);
  [[nodiscard]] FeedStep submit(FeedReading& reading, const FeedSubmit& request);
  // Counts and says what became of a reading. The lock is held.
  void note(const std::string& origin, const FeedDone& done);
  [[nodiscard]] bool stopping() const;

  WitnessService& witness_;
  const Clock& clock_;
  const Options options_;
  std::vector<MetricCounter> results_;  // by FeedOutcome
  const MetricGauge logs_gauge_;
  const MetricGauge late_gauge_;
  const MetricGauge alarms_gauge_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // All under mutex_.
  FeedSchedule schedule_;
  std::optional<std::uint64_t> reread_ms_;  // when the store was last asked
  std::optional<std::uint64_t> version_;    // of its feeds
  std::map<std::string, FeedAlarm> alarms_;
  std::map<std::string, std::string> failing_;
  double late_s_ = 0;
  bool stopping_ = false;

  const std::shared_ptr<http::Interrupt> interrupt_ = std::make_shared<http::Interrupt>();
  std::vector<std::thread> threads_;
};

}  // namespace witan
