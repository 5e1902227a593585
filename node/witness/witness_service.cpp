#include "node/witness/witness_service.h"

#include <algorithm>
#include <pthread.h>
#include <utility>

#include "ledger/format/checkpoint.h"
#include "node/log.h"
#include "node/witness/marks_check.h"

namespace witan {
namespace {

constexpr std::chrono::seconds kSoon{1};
constexpr std::uint64_t kWarnAgainMs = 60'000;

tl::unexpected<CosignRefused> refused(CosignRefusal refusal, std::string message,
                                      std::chrono::seconds retry_after = {}) {
  return tl::unexpected<CosignRefused>(
      CosignRefused{CosignError{refusal, std::move(message), 0}, retry_after});
}

tl::unexpected<CosignRefused> unavailable(std::string message) {
  return refused(CosignRefusal::kUnavailable, std::move(message), kSoon);
}

// What a request counts in a message to the signer: generous, since keys and names travel too.
std::size_t request_bytes(std::string_view body, const std::vector<VerifierKey>& keys) {
  constexpr std::size_t kFraming = 64;
  std::size_t bytes = body.size() + kFraming;
  for (const VerifierKey& key : keys) bytes += key.key.size() + key.name.size() + kFraming;
  return bytes;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

CosignerState without_last(CosignerState state) {
  state.last.clear();
  return state;
}

bool is_old_copy(const Error& error) {
  return error.code == ErrorCode::kStale || error.code == ErrorCode::kConflict;
}

}  // namespace

std::string_view CosignRefused::counted_as() const {
  if (disabled) return WitnessMetrics::kDisabled;
  return queue_full ? WitnessMetrics::kQueueFull : to_string(error.refusal);
}

WitnessService::WitnessService(WitnessStore& store, Cosigner& cosigner, const Clock& clock,
                               Metrics& metrics, const Options& options, CosignerState identity)
    : store_(store),
      cosigner_(cosigner),
      clock_(clock),
      options_(options),
      identity_(without_last(std::move(identity))),
      metrics_(metrics, clock, options.metric_logs),
      subtrees_(store, cosigner, metrics, identity_) {}

Result<std::unique_ptr<WitnessService>> WitnessService::open(WitnessStore& store,
                                                             Cosigner& cosigner, const Clock& clock,
                                                             Metrics& metrics,
                                                             const Options& options) {
  WITAN_ASSIGN(CosignerState identity, cosigner.cosigner_state());
  std::unique_ptr<WitnessService> service(
      new WitnessService(store, cosigner, clock, metrics, options, std::move(identity)));
  service->restarts_ = cosigner.restarts();
  WITAN_TRY(check_marks(store, cosigner, options.accept_old_data,
                        [&](const std::string& origin, std::uint64_t time_s) {
                          service->metrics_.cosigned(origin, time_s, false);
                        }));
  service->signing_ = std::thread([raw = service.get()] { raw->run_signing(); });
  service->storing_thread_ = std::thread([raw = service.get()] { raw->run_storing(); });
  pthread_setname_np(service->signing_.native_handle(), "witness-sign");
  pthread_setname_np(service->storing_thread_.native_handle(), "witness-store");
  return service;
}

WitnessService::~WitnessService() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  queued_.notify_all();
  if (signing_.joinable()) signing_.join();
  if (storing_thread_.joinable()) storing_thread_.join();
}

tl::expected<WitnessService::Waiting, CosignRefused> WitnessService::admit(std::string_view body) {
  auto request = AddCheckpointRequest::parse(body);
  if (!request) return refused(CosignRefusal::kMalformed, request.error().message);
  const std::size_t line_end = request->note.find('\n');
  const std::size_t text_end = request->note.find("\n\n");
  if (line_end == std::string::npos || line_end == 0 || text_end == std::string::npos) {
    return refused(CosignRefusal::kMalformed,
                   "expected a signed checkpoint after the empty line: its origin first");
  }
  const auto checkpoint = Checkpoint::parse(request->note.substr(0, text_end + 1));
  if (!checkpoint) return refused(CosignRefusal::kMalformed, checkpoint.error().message);

  auto log = store_.find_log(checkpoint->origin);
  if (!log) return unavailable(log.error().message);
  if (!*log) {
    return refused(CosignRefusal::kUnknownLog, "this witness does not know a log of that origin");
  }
  if ((*log)->disabled) {
    auto refusal = refused(CosignRefusal::kUnknownLog, "this log is disabled at this witness");
    refusal.value().disabled = true;
    refusal.value().origin = checkpoint->origin;
    return refusal;
  }
  Waiting out;
  out.bytes = request_bytes(body, (*log)->keys);
  out.origin = checkpoint->origin;
  out.kind = checkpoint->size.value > request->old_size ? DailyQuota::Kind::kGrowth
                                                        : DailyQuota::Kind::kRepetition;
  if ((*log)->qpd) {
    const std::uint32_t qpd = *(*log)->qpd;
    const auto wait = quota_.wait(out.origin, out.kind, qpd, clock_.unix_ms());
    if (wait.count() > 0) {
      auto refusal = refused(CosignRefusal::kOverQuota,
                             "the log's quota (qpd) of " + std::to_string(qpd) +
                                 " checkpoints a day is used up; try again in " +
                                 std::to_string(wait.count()) + " s",
                             wait);
      refusal.value().origin = out.origin;
      return refusal;
    }
    out.counted = true;
  }
  out.request = CosignRequest{std::move((*log)->keys), std::move(*request)};
  return out;
}

void WitnessService::add_checkpoint(std::string_view body, AnswerCosign answer) {
  const auto arrived = std::chrono::steady_clock::now();
  auto waiting = admit(body);
  if (!waiting) {
    const CosignRefused& refusal = waiting.error();
    metrics_.count(refusal.counted_as());
    if (!refusal.origin.empty()) metrics_.logs().refused(refusal.origin, refusal.counted_as());
    return answer(tl::unexpected<CosignRefused>(std::move(waiting).error()));
  }
  waiting->arrived = arrived;
  waiting->answer = std::move(answer);
  {
    std::unique_lock lock(mutex_);
    if (queue_.size() < options_.queue_max && !stopping_) {
      queue_.push_back(std::move(*waiting));
      lock.unlock();
      queued_.notify_one();
      return;
    }
  }
  auto refusal = unavailable("queue: too many checkpoints wait to be cosigned");
  refusal.value().queue_full = true;
  finish(*waiting, std::move(refusal));
}

void WitnessService::run_signing() {
  for (;;) {
    auto judged = std::make_unique<Judged>();
    judged->requests = next_batch();
    if (judged->requests.empty()) break;
    judged->begun = std::chrono::steady_clock::now();
    judged->results = sign(*judged);
    hand_over(std::move(judged));
  }
  const std::lock_guard lock(mutex_);
  signing_ended_ = true;
  handed_over_.notify_one();
}

std::vector<WitnessService::Waiting> WitnessService::next_batch() {
  std::vector<Waiting> batch;
  std::unique_lock lock(mutex_);
  queued_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  std::size_t bytes = 0;
  while (!queue_.empty() && batch.size() < limits::kCosignBatchMax) {
    bytes += queue_.front().bytes;
    if (!batch.empty() && bytes > limits::kCosignBatchBytesMax) break;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

Result<std::vector<CosignResult>> WitnessService::sign(Judged& judged) {
  WITAN_TRY(catch_up());
  std::vector<CosignRequest> requests;
  requests.reserve(judged.requests.size());
  for (Waiting& waiting : judged.requests) requests.push_back(std::move(waiting.request));
  uncertain_ = true;
  WITAN_ASSIGN(std::vector<CosignResult> results,
               cosigner_.cosign(requests, clock_.unix_ms() / 1000));
  if (results.size() != requests.size()) {
    return fail(ErrorCode::kUnavailable, "the signer answered " + std::to_string(results.size()) +
                                             " of " + std::to_string(requests.size()) +
                                             " requests");
  }
  uncertain_ = false;
  const std::uint64_t restarts = cosigner_.restarts();
  judged.restarted = std::exchange(restarts_, restarts) != restarts;
  return results;
}

// At most two batches are ever signed and not stored: the one that is handed over, and the one that
// the signer has just answered, or was asked for. It remembers as many.
Result<void> WitnessService::catch_up() {
  {
    std::unique_lock lock(mutex_);
    if (!forgotten_.empty()) return fail(ErrorCode::kStale, forgotten_);
    if (!uncertain_ && !unstored_) return {};
    stored_.wait(lock, [this] { return !storing_; });
    if (!forgotten_.empty()) return fail(ErrorCode::kStale, forgotten_);
  }
  const Result<void> checked = check_marks(store_, cosigner_, false);
  const std::lock_guard lock(mutex_);
  if (!checked && is_old_copy(checked.error())) forgotten_ = checked.error().message;
  WITAN_TRY(checked);
  uncertain_ = false;
  unstored_ = false;
  return {};
}

void WitnessService::hand_over(std::unique_ptr<Judged> judged) {
  std::unique_lock lock(mutex_);
  stored_.wait(lock, [this] { return !storing_; });
  judged_ = std::move(judged);
  storing_ = true;
  handed_over_.notify_one();
}

void WitnessService::run_storing() {
  for (;;) {
    std::unique_ptr<Judged> judged;
    {
      std::unique_lock lock(mutex_);
      handed_over_.wait(lock, [this] { return signing_ended_ || judged_ != nullptr; });
      if (judged_ == nullptr) return;
      judged = std::move(judged_);
    }
    const Result<void> kept = keep(*judged);
    {
      const std::lock_guard lock(mutex_);
      storing_ = false;
    }
    stored_.notify_one();
    answer_all(*judged, kept);
  }
}

// What the signer cosigned must go on from what is stored. A signer that was started again from an
// old copy of its folder goes on from less: what it signs then may be another history.
Result<void> WitnessService::keep(const Judged& judged) {
  WITAN_TRY(judged.results);
  {
    const std::lock_guard lock(mutex_);
    if (!forgotten_.empty()) return fail(ErrorCode::kStale, forgotten_);
    if (unstored_) {
      return fail(ErrorCode::kUnavailable, "the checkpoints before these could not be stored");
    }
  }
  std::vector<const Cosigned*> cosigned;
  for (const CosignResult& result : *judged.results) {
    if (result) cosigned.push_back(&*result);
  }
  // Logs that are not in this batch may show that it came back from an old copy, too.
  std::string found;
  Result<void> stored = judged.restarted ? check_signer_knows(store_, cosigner_) : Result<void>();
  if (stored) {
    found = "the signer has forgotten what it cosigned (restarting tells the way out): ";
    stored = store_.put_cosigned(cosigned, WitnessStore::Cosigning::kNew);
  }
  if (stored) return {};
  const std::lock_guard lock(mutex_);
  unstored_ = true;
  if (!is_old_copy(stored.error())) return stored;
  forgotten_ = found + stored.error().message;
  return fail(ErrorCode::kStale, forgotten_);
}

void WitnessService::answer_all(Judged& judged, const Result<void>& kept) {
  metrics_.observe_batch(seconds_since(judged.begun), judged.requests.size());
  set_problem(kept ? "" : kept.error().message);
  if (!kept) {
    // The details are the operator's: they name files.
    for (Waiting& waiting : judged.requests) {
      finish(waiting, unavailable("this witness cannot cosign at the moment"));
    }
    return;
  }
  for (std::size_t i = 0; i < judged.requests.size(); ++i) {
    CosignResult& result = (*judged.results)[i];
    if (result) {
      metrics_.cosigned(result->origin, result->time_s, true);
      finish(judged.requests[i], std::move(*result));
      continue;
    }
    const bool soon = result.error().refusal == CosignRefusal::kUnavailable;
    finish(judged.requests[i],
           tl::unexpected<CosignRefused>(
               CosignRefused{std::move(result.error()), soon ? kSoon : std::chrono::seconds(0)}));
  }
}

void WitnessService::finish(Waiting& waiting, CosignAnswer answer) {
  if (answer) {
    metrics_.count(WitnessMetrics::kCosigned);
    if (waiting.counted) quota_.count(waiting.origin, waiting.kind, clock_.unix_ms());
  } else {
    const CosignError& error = answer.error().error;
    metrics_.count(answer.error().counted_as());
    metrics_.logs().refused(waiting.origin, answer.error().counted_as());
    if (error.refusal == CosignRefusal::kUnprocessable) warn_of(waiting.origin, error.message);
  }
  const double seconds = seconds_since(waiting.arrived);
  metrics_.observe_answer(seconds);
  metrics_.logs().answered(waiting.origin, seconds);
  waiting.answer(std::move(answer));
}

void WitnessService::warn_of(const std::string& origin, const std::string& reason) {
  const std::uint64_t now_ms = clock_.unix_ms();
  std::uint64_t& warned_ms = warned_ms_[origin];
  if (warned_ms != 0 && now_ms - warned_ms < kWarnAgainMs) return;
  warned_ms = now_ms;
  log_warning("checkpoint refused", {{"origin", origin}, {"reason", reason}});
}

void WitnessService::set_problem(std::string problem) {
  const std::lock_guard lock(mutex_);
  if (problem == problem_) return;
  if (problem.empty()) {
    log_info("cosigning again");
  } else {
    log_error("cannot cosign", {{"reason", problem}});
  }
  problem_ = std::move(problem);
}

std::string WitnessService::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

std::size_t WitnessService::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

}  // namespace witan
