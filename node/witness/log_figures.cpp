#include "node/witness/log_figures.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "config/limits.h"

namespace witan {
namespace {

constexpr const char* kOriginLabel = "origin";
// Stands for all logs without series of their own: no log has it.
const std::string kRest;

}  // namespace

std::uint64_t LogFigures::refused_sum() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : refused) sum += count;
  return sum;
}

struct LogFiguresTable::Log {
  LogFigures figures;
  bool shown = false;
};

struct LogFiguresTable::Shared {
  explicit Shared(const Clock& the_clock) : clock(the_clock) {}

  // Of one log, or of all that are not shown.
  LogFigures read(const std::string& origin) const {
    const std::lock_guard lock(mutex);
    if (origin == kRest) return rest;
    const auto found = logs.find(origin);
    return found == logs.end() ? LogFigures() : found->second.figures;
  }
  [[nodiscard]] bool may_be_shown(const std::string& origin) const {
    if (!picked.empty()) return picked.count(origin) != 0;
    return shown < limits::kWitnessLogMetricsMax;
  }

  const Clock& clock;
  std::set<std::string> picked;
  mutable std::mutex mutex;
  // All under mutex.
  std::unordered_map<std::string, Log> logs;
  LogFigures rest;  // of the logs that are not shown
  std::size_t shown = 0;
  // Whose refusals by which reason are shown already.
  std::set<std::pair<std::string, std::size_t>> reasons;
};

LogFiguresTable::LogFiguresTable(Metrics& metrics, const Clock& clock,
                                 const std::vector<std::string>& picked)
    : metrics_(metrics), shared_(std::make_shared<Shared>(clock)) {
  for (const std::string& origin : picked) {
    if (shared_->picked.size() < limits::kWitnessLogMetricsMax) shared_->picked.insert(origin);
  }
  show(kRest);
}

template <typename Change>
void LogFiguresTable::change(const std::string& origin, const Change& change) {
  bool begins = false;
  {
    const std::lock_guard lock(shared_->mutex);
    const auto [at, is_new] = shared_->logs.try_emplace(origin);
    if (is_new && shared_->may_be_shown(origin)) {
      at->second.shown = begins = true;
      ++shared_->shown;
    }
    change(at->second.figures);
    if (!at->second.shown) change(shared_->rest);
  }
  // Outside the lock: the metrics take their own and call back under it.
  if (begins) show(origin);
}

void LogFiguresTable::cosigned(const std::string& origin, std::uint64_t time_s, bool now) {
  change(origin, [&](LogFigures& figures) {
    figures.time_s = std::max(figures.time_s, time_s);
    if (now) ++figures.cosigned;
  });
}

void LogFiguresTable::refused(const std::string& origin, std::string_view reason) {
  const auto* const found = std::find(kLogRefusals.begin(), kLogRefusals.end(), reason);
  if (found == kLogRefusals.end()) return;
  const auto number = static_cast<std::size_t>(found - kLogRefusals.begin());
  change(origin, [&](LogFigures& figures) { ++figures.refused[number]; });
  bool begins = false;
  std::string shown_as;
  {
    const std::lock_guard lock(shared_->mutex);
    shown_as = shared_->logs[origin].shown ? origin : kRest;
    begins = shared_->reasons.emplace(shown_as, number).second;
  }
  if (begins) show_refusal(shown_as, number);
}

void LogFiguresTable::answered(const std::string& origin, double seconds) {
  change(origin, [&](LogFigures& figures) {
    ++figures.answers;
    figures.answer_seconds += seconds;
  });
}

LogFigures LogFiguresTable::of(const std::string& origin) const {
  return shared_->read(origin);
}

void LogFiguresTable::show(const std::string& origin) {
  const std::shared_ptr<Shared> shared = shared_;
  const Metrics::Labels labels{{kOriginLabel, origin}};
  const auto count_of = [&](const char* name, const char* help, auto member) {
    metrics_.counter_of(
        name, help,
        [shared, origin, member] { return static_cast<double>(shared->read(origin).*member); },
        labels);
  };
  count_of("witan_witness_log_cosigned_total", "Checkpoints of a log that were cosigned",
           &LogFigures::cosigned);
  count_of("witan_witness_log_answers_total", "Answers to a log that waited for the signer",
           &LogFigures::answers);
  count_of("witan_witness_log_answer_seconds_total", "Seconds that a log waited for these answers",
           &LogFigures::answer_seconds);
  if (origin == kRest) return;
  metrics_.gauge_of(
      "witan_witness_log_age_seconds", "Since a log's newest checkpoint was cosigned",
      [shared, origin] {
        const std::uint64_t time_s = shared->read(origin).time_s;
        if (time_s == 0) return std::nan("");
        return static_cast<double>(shared->clock.unix_ms()) / 1000 - static_cast<double>(time_s);
      },
      labels);
}

void LogFiguresTable::show_refusal(const std::string& origin, std::size_t reason) {
  const std::shared_ptr<Shared> shared = shared_;
  metrics_.counter_of("witan_witness_log_refused_total",
                      "Refused checkpoints of a log that is known, by reason",
                      [shared, origin, reason] {
                        return static_cast<double>(shared->read(origin).refused[reason]);
                      },
                      {{kOriginLabel, origin}, {"reason", std::string(kLogRefusals[reason])}});
}

}  // namespace witan
