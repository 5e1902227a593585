#include "node/witness/list_refresh.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <pthread.h>
#include <utility>

#include "config/feed_limits.h"
#include "ledger/ports/random.h"
#include "node/log.h"

namespace witan {
namespace {

constexpr std::chrono::seconds kListRetryMin{60};
constexpr std::chrono::minutes kListIdle{60};
constexpr unsigned kListDoublingsMax = 16;

double random_jitter() {
  std::array<std::uint8_t, 4> bytes{};
  system_random().fill(bytes);
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data(), bytes.size());
  return static_cast<double>(number) / 4294967296.0;
}

void keep_warnings(ListState& state, const std::vector<std::string>& of_keys,
                   const std::vector<std::string>& all) {
  state.shown_warnings.clear();
  for (const std::vector<std::string>* from : {&of_keys, &all}) {
    for (const std::string& warning : *from) {
      if (state.shown_warnings.size() == limits::kLogListShownWarningsMax) return;
      auto& shown = state.shown_warnings;
      if (std::find(shown.begin(), shown.end(), warning) == shown.end()) shown.push_back(warning);
    }
  }
}

}  // namespace

ListRefresher::ListRefresher(WitnessStore& store, const Clock& clock, Metrics& metrics,
                             Options options, Fetch fetch, Jitter jitter)
    : store_(store),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)),
      fetch_(fetch ? std::move(fetch)
                   : [this](const std::string& source, const ListValidators& known) {
                       const std::string at =
                           is_list_url(source) ? source : (options_.folder / source).string();
                       return fetch_log_list(at, known, options_.fetch);
                     }),
      jitter_(jitter ? std::move(jitter) : random_jitter) {
  options_.fetch.interrupt = interrupt_;
}

ListRefresher::~ListRefresher() {
  stop();
}

Result<void> ListRefresher::load() {
  WITAN_TRY(store_.keep_lists(options_.sources));
  WITAN_ASSIGN(const std::vector<ListState> known, store_.lists());
  sources_.clear();
  for (const std::string& name : options_.sources) {
    const Metrics::Labels labels{{"source", name}};
    Source source{
        {},
        clock_.steady_ms(),
        0,
        metrics_.gauge("witan_witness_list_read_timestamp_seconds",
                       "When a list of logs was last read", labels),
        metrics_.gauge("witan_witness_list_logs", "Logs that a list has", labels),
        metrics_.gauge("witan_witness_list_key_changes",
                       "Known logs for which a list has another key", labels),
        metrics_.gauge("witan_witness_list_failing", "1: a list could not be read", labels)};
    source.state.source = name;
    for (const ListState& state : known) {
      if (state.source == name) source.state = state;
    }
    show(source);
    sources_.push_back(std::move(source));
  }
  loaded_ = true;
  return {};
}

Result<void> ListRefresher::start() {
  if (thread_.joinable()) return {};
  WITAN_TRY(load());
  if (sources_.empty()) return {};
  stopping_ = false;
  interrupt_->clear();
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      const std::chrono::milliseconds wait = step();
      lock.lock();
      wake_.wait_for(lock, wait, [this] { return stopping_; });
    }
  });
  pthread_setname_np(thread_.native_handle(), "lists");
  return {};
}

void ListRefresher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  interrupt_->set();
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::chrono::milliseconds ListRefresher::step() {
  if (!loaded_) {
    if (const auto loaded = load(); !loaded) {
      log_warning("lists cannot be read", {{"reason", loaded.error().message}});
      return kListRetryMin;
    }
  }
  std::uint64_t wait_ms = std::chrono::milliseconds(kListIdle).count();
  for (Source& source : sources_) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return std::chrono::milliseconds(0);
    }
    if (source.due_ms <= clock_.steady_ms()) refresh(source);
    const std::uint64_t now_ms = clock_.steady_ms();
    wait_ms = std::min(wait_ms, source.due_ms > now_ms ? source.due_ms - now_ms : 0);
  }
  return std::chrono::milliseconds(wait_ms);
}

void ListRefresher::refresh(Source& source) {
  ListState next = source.state;
  next.tried_s = clock_.unix_ms() / 1000;
  const auto taken = take(next);
  if (!taken && interrupt_->is_set()) return;
  std::chrono::seconds pause = options_.refresh;
  if (taken) {
    next.read_s = next.tried_s;
    next.error.clear();
    source.failures = 0;
  } else {
    // Whatever it held before stays true: the logs were added.
    const std::uint64_t tried_s = next.tried_s;
    next = source.state;
    next.tried_s = tried_s;
    next.error = taken.error().message;
    pause = std::min(pause, kListRetryMin * (1 << std::min(source.failures, kListDoublingsMax)));
    ++source.failures;
  }
  if (!next.error.empty() && next.error != source.state.error) {
    log_warning("list of logs not read", {{"source", next.source}, {"reason", next.error}});
  }
  if (next.added != source.state.added) {
    log_info("logs added", {{"source", next.source}, {"logs", next.added - source.state.added}});
  }
  if (next.key_changes > 0 && next.shown_warnings != source.state.shown_warnings) {
    for (std::size_t i = 0; i < std::min<std::size_t>(next.key_changes, next.shown_warnings.size());
         ++i) {
      log_error("a list has another key for a known log",
                {{"source", next.source}, {"warning", next.shown_warnings[i]}});
    }
  }
  source.state = std::move(next);
  const double scale = 0.9 + 0.2 * jitter_();
  source.due_ms = clock_.steady_ms() +
                  static_cast<std::uint64_t>(
                      scale * static_cast<double>(std::chrono::milliseconds(pause).count()));
  if (const auto put = store_.put_list(source.state); !put) {
    log_warning("a list's state is not stored", {{"reason", put.error().message}});
  }
  show(source);
}

Result<void> ListRefresher::take(ListState& state) {
  WITAN_ASSIGN(const FetchedList fetched, fetch_(state.source, {state.etag, state.last_modified}));
  if (!fetched.text) return {};
  auto list = parse_any_log_list(*fetched.text);
  if (!list) return fail(list.error().within(state.source));
  WITAN_ASSIGN(const MergeOutcome outcome, store_.merge(*list, options_.own_name));
  state.logs = list->logs.size();
  state.added += outcome.added.size();
  state.warnings = list->warnings.size() + outcome.warnings.size();
  state.key_changes = outcome.key_changes.size();
  std::vector<std::string> others = outcome.warnings;
  others.insert(others.end(), list->warnings.begin(), list->warnings.end());
  keep_warnings(state, outcome.key_changes, others);
  state.etag = fetched.validators.etag;
  state.last_modified = fetched.validators.last_modified;
  return {};
}

void ListRefresher::show(const Source& source) {
  source.read_time.set(static_cast<double>(source.state.read_s));
  source.logs.set(static_cast<double>(source.state.logs));
  source.key_changes.set(static_cast<double>(source.state.key_changes));
  source.failing.set(source.state.error.empty() ? 0 : 1);
}

}  // namespace witan
