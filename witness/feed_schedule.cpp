#include "witness/feed_schedule.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "config/feed_limits.h"

namespace witan {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// New logs begin so far apart, or closer together where there are many.
constexpr milliseconds kFeedStartGap{20};
constexpr unsigned kFeedDoublingsMax = 16;
constexpr seconds kFeedHostHoldMax = limits::kFeedBackoffMax / 12;

std::uint64_t to_ms(milliseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

}  // namespace

std::string feed_host(const std::string& url) {
  const std::size_t scheme = url.find("//");
  if (scheme == std::string::npos) return url;
  return url.substr(0, url.find('/', scheme + 2));
}

FeedSchedule::FeedSchedule(const Options& options, Jitter jitter)
    : options_(options), jitter_(std::move(jitter)) {}

void FeedSchedule::place(const std::string& name) {
  const auto at = hosts_.find(name);
  Host& host = at->second;
  if (host.ready_ms) ready_.erase({*host.ready_ms, name});
  host.ready_ms.reset();
  if (host.waiting.empty()) {
    if (host.in_work == 0) hosts_.erase(at);
    return;
  }
  if (host.in_work >= options_.per_host) return;
  host.ready_ms = std::max(host.waiting.begin()->first, host.hold_until_ms);
  ready_.insert({*host.ready_ms, name});
}

void FeedSchedule::add(const std::string& origin, const LogFeed& feed, std::uint64_t due_ms) {
  Log log;
  log.feed = feed;
  log.host = feed_host(feed.url);
  log.due_ms = due_ms;
  hosts_[log.host].waiting.insert({due_ms, origin});
  place(log.host);
  logs_.emplace(origin, std::move(log));
}

void FeedSchedule::remove(std::unordered_map<std::string, Log>::iterator log) {
  const std::string host = log->second.host;
  hosts_[host].waiting.erase({log->second.due_ms, log->first});
  place(host);
  logs_.erase(log);
}

void FeedSchedule::set(const std::vector<std::pair<std::string, LogFeed>>& feeds,
                       std::uint64_t now_ms) {
  std::unordered_set<std::string_view> wanted;
  std::vector<const std::pair<std::string, LogFeed>*> fresh;
  for (const auto& entry : feeds) {
    wanted.insert(entry.first);
    const auto known = logs_.find(entry.first);
    if (known == logs_.end()) {
      fresh.push_back(&entry);
      continue;
    }
    Log& log = known->second;
    log.gone = false;
    log.next.reset();
    if (log.feed == entry.second) continue;
    if (log.busy) {
      log.next = entry.second;
    } else {
      remove(known);
      fresh.push_back(&entry);
    }
  }
  for (auto log = logs_.begin(); log != logs_.end();) {
    const auto here = log++;
    if (wanted.count(here->first) > 0) continue;
    if (here->second.busy) {
      here->second.gone = true;
    } else {
      remove(here);
    }
  }
  const std::uint64_t spread = std::min(to_ms(options_.every), to_ms(kFeedStartGap) * fresh.size());
  for (const auto* entry : fresh) {
    const double share = jitter_() * static_cast<double>(spread);
    add(entry->first, entry->second, now_ms + static_cast<std::uint64_t>(share));
  }
}

std::optional<std::uint64_t> FeedSchedule::next_ms() const {
  if (ready_.empty()) return std::nullopt;
  return ready_.begin()->first;
}

std::optional<DueFeed> FeedSchedule::take(std::uint64_t now_ms) {
  if (ready_.empty() || ready_.begin()->first > now_ms) return std::nullopt;
  const std::string name = ready_.begin()->second;
  Host& host = hosts_.find(name)->second;
  const auto [due_ms, origin] = *host.waiting.begin();
  host.waiting.erase(host.waiting.begin());
  ++host.in_work;
  ++in_work_;
  Log& log = logs_.find(origin)->second;
  log.busy = true;
  place(name);
  return DueFeed{origin, log.feed, milliseconds(now_ms - due_ms)};
}

milliseconds FeedSchedule::pause(Log& log, const FeedDone& result) {
  const seconds every = log.feed.every_s == 0 ? options_.every : seconds(log.feed.every_s);
  seconds out = every;
  switch (result.outcome) {
    case FeedOutcome::kCosigned:
    case FeedOutcome::kUnchanged:
    case FeedOutcome::kUnknownLog:
    case FeedOutcome::kOverQuota:
      log.failures = 0;
      break;
    case FeedOutcome::kShrunk:
    case FeedOutcome::kForked:
      out = std::max(every, limits::kFeedSlowPace);
      break;
    default:
      log.failures = std::min(log.failures + 1, kFeedDoublingsMax);
      out = std::max(every, std::min(every * (1 << log.failures), limits::kFeedBackoffMax));
      break;
  }
  const double scale = 0.9 + 0.2 * jitter_();
  const auto jittered = static_cast<std::int64_t>(
      scale * static_cast<double>(std::chrono::duration_cast<milliseconds>(out).count()));
  const seconds asked = std::min(result.retry_after, limits::kFeedRetryAfterMax);
  return std::max(milliseconds(jittered), std::chrono::duration_cast<milliseconds>(asked));
}

void FeedSchedule::judge_host(Host& host, const FeedDone& result, std::uint64_t now_ms) {
  if (!result.host_fails) {
    host.failures = 0;
    return;
  }
  host.failures = std::min(host.failures + 1, kFeedDoublingsMax);
  const seconds doubled = std::min(seconds(1 << host.failures), kFeedHostHoldMax);
  const seconds asked = std::min(result.retry_after, limits::kFeedRetryAfterMax);
  host.hold_until_ms = std::max(host.hold_until_ms, now_ms + to_ms(std::max(doubled, asked)));
}

void FeedSchedule::done(const std::string& origin, const FeedDone& result, std::uint64_t now_ms) {
  const auto at = logs_.find(origin);
  if (at == logs_.end() || !at->second.busy) return;
  Log& log = at->second;
  log.busy = false;
  --in_work_;
  const std::string name = log.host;
  Host& host = hosts_.find(name)->second;
  --host.in_work;
  judge_host(host, result, now_ms);
  if (log.gone || log.next) {
    const std::optional<LogFeed> next = log.gone ? std::nullopt : log.next;
    logs_.erase(at);
    place(name);
    if (next) add(origin, *next, now_ms);
    return;
  }
  log.due_ms = now_ms + to_ms(pause(log, result));
  host.waiting.insert({log.due_ms, origin});
  place(name);
}

}  // namespace witan
