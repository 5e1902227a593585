#pragma once
// When which log is read: those that are due longest first, few of one host at a time, and those
// that fail ever less often. No I/O, no clock: the caller says what time it is.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/feed_limits.h"
#include "witness/feeding.h"
#include "witness/log_list.h"

namespace witan {

struct FeedScheduleOptions {
  std::chrono::seconds every{60};  // for logs without a pace of their own
  std::size_t per_host = limits::kFeedPerHostMax;
};

// A log that is to be read now.
struct DueFeed {
  std::string origin;
  LogFeed feed;
  std::chrono::milliseconds late{0};  // how long it has been due
};

// Times are milliseconds of a clock that never goes back. Not for several threads at once.
class FeedSchedule {
 public:
  using Options = FeedScheduleOptions;
  // Gives a number from 0 to 1, so that not everything is read at once.
  using Jitter = std::function<double()>;
  FeedSchedule(const Options& options, Jitter jitter);

  // The feeds that there are from now on, by origin. New ones are due soon: many are spread over
  // the time that one takes until it is read again.
  void set(const std::vector<std::pair<std::string, LogFeed>>& feeds, std::uint64_t now_ms);
  // The log that is due longest, if any may be read; done() has to follow.
  std::optional<DueFeed> take(std::uint64_t now_ms);
  // When take() will give one; nullopt when not before the next done() or set().
  [[nodiscard]] std::optional<std::uint64_t> next_ms() const;
  // The log is read again after its pace, a tenth more or less. After a failure later, twice as
  // long each time; one that shrank or forked at limits::kFeedSlowPace. Never before `retry_after`.
  // A host that fails is not asked for other logs either, for seconds first, then minutes.
  void done(const std::string& origin, const FeedDone& result, std::uint64_t now_ms);

  [[nodiscard]] std::size_t size() const { return logs_.size(); }
  [[nodiscard]] std::size_t in_work() const { return in_work_; }

 private:
  struct Log {
    LogFeed feed;
    std::string host;
    std::uint64_t due_ms = 0;
    unsigned failures = 0;
    bool busy = false;
    bool gone = false;            // removed while it was read
    std::optional<LogFeed> next;  // changed while it was read
  };
  struct Host {
    std::set<std::pair<std::uint64_t, std::string>> waiting;  // due time, origin
    std::size_t in_work = 0;
    unsigned failures = 0;
    std::uint64_t hold_until_ms = 0;
    std::optional<std::uint64_t> ready_ms;  // its place in ready_
  };

  void add(const std::string& origin, const LogFeed& feed, std::uint64_t due_ms);
  void remove(std::unordered_map<std::string, Log>::iterator log);
  // Puts the host where it belongs in ready_, or forgets it when it has nothing.
  void place(const std::string& name);
  [[nodiscard]] std::chrono::milliseconds pause(Log& log, const FeedDone& result);
  static void judge_host(Host& host, const FeedDone& result, std::uint64_t now_ms);

  const Options options_;
  const Jitter jitter_;
  std::unordered_map<std::string, Log> logs_;
  std::map<std::string, Host> hosts_;
  std::set<std::pair<std::uint64_t, std::string>> ready_;  // hosts that may be asked, from when on
  std::size_t in_work_ = 0;
};

// "https://host:port" of a URL, which is what is asked: the part before the path.
[[nodiscard]] std::string feed_host(const std::string& url);

}  // namespace witan
