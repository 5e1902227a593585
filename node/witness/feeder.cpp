#include "node/witness/feeder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <future>
#include <memory>
#include <pthread.h>
#include <string_view>
#include <variant>

#include "config/feed_limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/ports/random.h"
#include "node/log.h"

namespace witan {
namespace {

double feeder_jitter() {
  std::array<std::uint8_t, 4> bytes{};
  system_random().fill(bytes);
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data(), bytes.size());
  return static_cast<double>(number) / 4294967296.0;
}

// Seconds only: the other form is a date, which would need the server's clock.
std::chrono::seconds retry_after_of(const http::ClientResponse& response) {
  const auto header = response.header("retry-after");
  const auto number = header ? decimal_decode(*header) : Result<std::uint64_t>(0);
  if (!number) return {};
  const auto most = static_cast<std::uint64_t>(limits::kFeedRetryAfterMax.count());
  return std::chrono::seconds(std::min(*number, most));
}

bool is_alarm(FeedOutcome outcome) {
  return outcome == FeedOutcome::kShrunk || outcome == FeedOutcome::kForked;
}

bool is_well(FeedOutcome outcome) {
  return outcome == FeedOutcome::kCosigned || outcome == FeedOutcome::kUnchanged;
}

}  // namespace

Feeder::Feeder(WitnessService& witness, const Clock& clock, Metrics& metrics, Options options,
               FeedSchedule::Jitter jitter)
    : witness_(witness),
      clock_(clock),
      options_(std::move(options)),
      logs_gauge_(metrics.gauge("witan_witness_feeds", "Logs that the witness reads by itself")),
      late_gauge_(metrics.gauge("witan_witness_feed_late_seconds",
                                "How late the log that was read last was read")),
      alarms_gauge_(metrics.gauge("witan_witness_feed_alarms",
                                  "Logs that shrank or forked when they were read")),
      schedule_({options_.every, limits::kFeedPerHostMax},
                jitter ? std::move(jitter) : FeedSchedule::Jitter(feeder_jitter)) {
  for (std::size_t i = 0; i < kFeedOutcomes; ++i) {
    results_.push_back(
        metrics.counter("witan_witness_feed_readings_total", "Readings by what became of them",
                        {{"result", std::string(to_string(static_cast<FeedOutcome>(i)))}}));
  }
}

Feeder::~Feeder() {
  stop();
}

void Feeder::start() {
  if (!threads_.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = false;
  }
  interrupt_->clear();
  for (unsigned i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), "feeder");
  }
}

void Feeder::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  interrupt_->set();
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool Feeder::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Feeder::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    reread(lock);
    const std::uint64_t now_ms = clock_.steady_ms();
    const auto due = schedule_.take(now_ms);
    if (!due) {
      const std::uint64_t next_ms = schedule_.next_ms().value_or(now_ms + 1'000'000);
      const std::chrono::milliseconds until(next_ms > now_ms ? next_ms - now_ms : 0);
      wake_.wait_for(lock, std::min(until, options_.reread));
      continue;
    }
    late_s_ = std::chrono::duration<double>(due->late).count();
    late_gauge_.set(late_s_);
    lock.unlock();
    const FeedDone done = read(*due);
    lock.lock();
    if (stopping_) return;
    schedule_.done(due->origin, done, clock_.steady_ms());
    note(due->origin, done);
    wake_.notify_one();  // another log of that host may be read now
  }
}

void Feeder::reread(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t now_ms = clock_.steady_ms();
  if (reread_ms_ && now_ms - *reread_ms_ < static_cast<std::uint64_t>(options_.reread.count())) {
    return;
  }
  reread_ms_ = now_ms;
  const auto known = version_;
  lock.unlock();
  std::vector<std::pair<std::string, LogFeed>> feeds;
  const auto version = witness_.store().feeds_version();
  Result<void> all;
  const bool changed = version && (!known || *known != *version);
  if (changed) {
    all = witness_.store().each_feed([&](StoredFeed&& stored) {
      feeds.emplace_back(std::move(stored.origin), std::move(stored.feed));
      return true;
    });
  }
  lock.lock();
  if (!changed || !all) return;
  version_ = *version;
  schedule_.set(feeds, now_ms);
  logs_gauge_.set(static_cast<double>(feeds.size()));
  std::map<std::string, FeedAlarm> alarms;
  std::map<std::string, std::string> failing;
  for (const auto& [origin, feed] : feeds) {
    if (const auto at = alarms_.find(origin); at != alarms_.end()) alarms.insert(*at);
    if (const auto at = failing_.find(origin); at != failing_.end()) failing.insert(*at);
  }
  alarms_ = std::move(alarms);
  failing_ = std::move(failing);
  alarms_gauge_.set(static_cast<double>(alarms_.size()));
  wake_.notify_all();
}

FeedDone Feeder::read(const DueFeed& due) {
  const auto away = [](const Error& error) {
    return FeedDone{FeedOutcome::kUnavailable, error.message, {}, false};
  };
  auto log = witness_.store().find_log(due.origin);
  if (!log) return away(log.error());
  if (!*log || (*log)->disabled) {
    return {FeedOutcome::kUnknownLog, "it is disabled", {}, false};
  }
  const auto kept = witness_.store().find_checkpoint(sha256(as_bytes(due.origin)));
  if (!kept) return away(kept.error());
  FeedTarget target{due.origin, std::move((*log)->keys), due.feed.layout, std::nullopt};
  if (*kept) target.mark = (*kept)->mark;
  FeedReading reading(std::move(target));
  return read_from(due, reading);
}

FeedDone Feeder::read_from(const DueFeed& due, FeedReading& reading) {
  http::ClientOptions options;
  options.deadline = options_.request_deadline;
  options.body_bytes_max = limits::kNoteBytesMax;
  options.ca_file = options_.ca_file;
  options.interrupt = interrupt_;
  const auto client = http::Client::make(due.feed.url, options);
  if (!client) return {FeedOutcome::kUnreachable, client.error().message, {}, false};
  const std::string agent = "witan/" WITAN_VERSION " (witness " + witness_.identity().name + ")";
  const auto end = std::chrono::steady_clock::now() + options_.poll_deadline;
  FeedStep step = reading.begin();
  for (;;) {
    if (const auto* done = std::get_if<FeedDone>(&step)) return *done;
    if (const auto* request = std::get_if<FeedSubmit>(&step)) {
      step = submit(reading, *request);
      continue;
    }
    if (stopping()) return {FeedOutcome::kUnavailable, "the witness stops", {}, false};
    if (std::chrono::steady_clock::now() >= end) {
      return {FeedOutcome::kUnreachable,
              "not read whole after " + std::to_string(options_.poll_deadline.count()) + " ms",
              {},
              true};
    }
    const auto fetch = std::get<FeedFetch>(step);
    auto response = (*client)->get(fetch.target, {{"User-Agent", agent}});
    if (!response) {
      step = reading.fetched(fail(response.error()));
    } else if (response->status == 200 && response->body.size() > fetch.bytes_max) {
      step = reading.fetched(fail(ErrorCode::kTooLarge,
                                  fetch.target + ": " + std::to_string(response->body.size()) +
                                      " bytes, the limit is " + std::to_string(fetch.bytes_max)));
    } else {
      const std::chrono::seconds retry_after = retry_after_of(*response);
      step = reading.fetched(FeedBody{response->status, std::move(response->body), retry_after});
    }
  }
}

FeedStep Feeder::submit(FeedReading& reading, const FeedSubmit& request) {
  const auto promise = std::make_shared<std::promise<CosignAnswer>>();
  auto answered = promise->get_future();
  witness_.add_checkpoint(request.request.encode(), [promise](CosignAnswer answer) {
    promise->set_value(std::move(answer));
  });
  // It always answers: each of its own steps has a deadline.
  const CosignAnswer answer = answered.get();
  if (answer) return reading.answered(std::nullopt);
  return reading.answered(answer.error().error, answer.error().retry_after);
}

void Feeder::note(const std::string& origin, const FeedDone& done) {
  results_.at(static_cast<std::size_t>(done.outcome)).add();
  if (is_alarm(done.outcome)) {
    const auto [at, fresh] = alarms_.try_emplace(origin);
    if (fresh) at->second.since_s = clock_.unix_ms() / 1000;
    at->second.origin = origin;
    // That it forked outweighs whatever it does later.
    if (fresh || done.outcome == FeedOutcome::kForked ||
        at->second.outcome == FeedOutcome::kShrunk) {
      at->second.outcome = done.outcome;
      at->second.message = done.message;
    }
    log_error(done.outcome == FeedOutcome::kForked ? "a log has forked" : "a log has shrunk",
              {{"origin", origin}, {"reason", done.message}});
  } else if (is_well(done.outcome)) {
    const auto at = alarms_.find(origin);
    if (at != alarms_.end() && at->second.outcome == FeedOutcome::kShrunk) {
      log_info("a log that had shrunk goes on", {{"origin", origin}});
      alarms_.erase(at);
    }
  }
  alarms_gauge_.set(static_cast<double>(alarms_.size()));
  if (is_well(done.outcome) || is_alarm(done.outcome) || done.outcome == FeedOutcome::kUnknownLog) {
    failing_.erase(origin);
    return;
  }
  std::string& why = failing_[origin];
  const std::string text = std::string(to_string(done.outcome)) + ": " + done.message;
  if (why.empty()) log_warning("a log is not read", {{"origin", origin}, {"reason", text}});
  why = text;
}

FeedingStatus Feeder::status() const {
  const std::lock_guard lock(mutex_);
  FeedingStatus out;
  out.logs = schedule_.size();
  out.late_s = late_s_;
  for (std::size_t i = 0; i < kFeedOutcomes; ++i) {
    out.counted.emplace_back(to_string(static_cast<FeedOutcome>(i)),
                             static_cast<std::uint64_t>(results_[i].value()));
  }
  out.alarms_all = alarms_.size();
  for (const auto& [origin, alarm] : alarms_) {
    if (out.alarms.size() == limits::kFeedShownMax) break;
    out.alarms.push_back(alarm);
  }
  out.failing_all = failing_.size();
  for (const auto& entry : failing_) {
    if (out.failing.size() == limits::kFeedShownMax) break;
    out.failing.push_back(entry);
  }
  return out;
}

}  // namespace witan
