#include "node/witness/witness_service.h"

#include <algorithm>
#include <pthread.h>
#include <unordered_map>
#include <utility>

#include "ledger/crypto/sha256.h"
#include "ledger/format/checkpoint.h"
#include "node/log.h"

namespace witan {
namespace {

constexpr std::chrono::seconds kRetrySoon{1};
constexpr std::uint64_t kWarnAgainMs = 60'000;

tl::unexpected<CosignRefused> refused(CosignRefusal refusal, std::string message,
                                      std::chrono::seconds retry_after = {}) {
  return tl::unexpected<CosignRefused>(
      CosignRefused{CosignError{refusal, std::move(message), 0}, retry_after});
}

tl::unexpected<CosignRefused> unavailable(std::string message) {
  return refused(CosignRefusal::kUnavailable, std::move(message), kRetrySoon);
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
      identity_(std::move(identity)),
      metrics_(metrics, clock, options.metric_logs) {}

Result<std::unique_ptr<WitnessService>> WitnessService::open(WitnessStore& store,
                                                             Cosigner& cosigner, const Clock& clock,
                                                             Metrics& metrics,
                                                             const Options& options) {
  WITAN_ASSIGN(CosignerState identity, cosigner.cosigner_state());
  std::unique_ptr<WitnessService> service(
      new WitnessService(store, cosigner, clock, metrics, options, std::move(identity)));
  WITAN_TRY(service->check_against_signer(options.accept_old_data));
  service->thread_ = std::thread([raw = service.get()] { raw->run(); });
  pthread_setname_np(service->thread_.native_handle(), "witness");
  return service;
}

WitnessService::~WitnessService() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
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
      wake_.notify_one();
      return;
    }
  }
  auto refusal = unavailable("queue: too many checkpoints wait to be cosigned");
  refusal.value().queue_full = true;
  finish(*waiting, std::move(refusal));
}

void WitnessService::run() {
  for (;;) {
    std::vector<Waiting> batch = next_batch();
    if (batch.empty()) return;
    work(batch);
  }
}

std::vector<WitnessService::Waiting> WitnessService::next_batch() {
  std::vector<Waiting> batch;
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  std::size_t bytes = 0;
  while (!queue_.empty() && batch.size() < limits::kCosignBatchMax) {
    bytes += queue_.front().bytes;
    if (!batch.empty() && bytes > limits::kCosignBatchBytesMax) break;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

Result<std::vector<CosignResult>> WitnessService::cosign(const std::vector<Waiting>& batch) {
  if (broken_) return fail(ErrorCode::kStale, problem());
  std::vector<Cosigned> last;
  if (behind_) {
    WITAN_ASSIGN(CosignerState state, cosigner_.cosigner_state());
    WITAN_TRY(store_.put_cosigned(state.last));
    last = std::move(state.last);
    behind_ = false;
  }
  std::vector<CosignRequest> requests;
  requests.reserve(batch.size());
  for (const Waiting& waiting : batch) requests.push_back(waiting.request);
  // Until it is stored again. After a failure nobody knows what the signer has cosigned.
  behind_ = true;
  WITAN_ASSIGN(std::vector<CosignResult> results,
               cosigner_.cosign(requests, clock_.unix_ms() / 1000));
  if (results.size() != batch.size()) {
    return fail(ErrorCode::kUnavailable, "the signer answered " + std::to_string(results.size()) +
                                             " of " + std::to_string(batch.size()) + " requests");
  }
  std::vector<Cosigned> cosigned;
  for (const CosignResult& result : results) {
    if (result) cosigned.push_back(*result);
  }
  Result<void> stored = check_continues(batch, results, last);
  if (stored) stored = store_.put_cosigned(cosigned);
  if (!stored &&
      (stored.error().code == ErrorCode::kStale || stored.error().code == ErrorCode::kConflict)) {
    broken_ = true;
    return fail(stored.error().within(
        "the signer has forgotten what it cosigned (restarting tells the way out)"));
  }
  WITAN_TRY(stored);
  behind_ = false;
  return results;
}

// The signer must have gone on from what is stored. One that was started again from an old copy of
// its folder goes on from less: what it signs then may be another history.
Result<void> WitnessService::check_continues(const std::vector<Waiting>& batch,
                                             const std::vector<CosignResult>& results,
                                             const std::vector<Cosigned>& last) const {
  std::unordered_map<std::string_view, std::uint64_t> sizes;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!results[i]) continue;
    // A batch that is sent again is answered as it was: it is stored already.
    if (std::find(last.begin(), last.end(), *results[i]) != last.end()) {
      sizes[batch[i].origin] = results[i]->mark.size.value;
      continue;
    }
    const std::uint64_t old_size = batch[i].request.request.old_size;
    const auto [at, first] = sizes.try_emplace(batch[i].origin, old_size);
    if (first) {
      WITAN_ASSIGN(const auto kept, store_.find_checkpoint(sha256(as_bytes(batch[i].origin))));
      if (kept) at->second = kept->mark.size.value;
    }
    if (at->second != old_size) {
      return fail(ErrorCode::kStale, "the signer cosigned " + batch[i].origin + " from size " +
                                         std::to_string(old_size) + ", and size " +
                                         std::to_string(at->second) + " was cosigned before");
    }
    at->second = results[i]->mark.size.value;
  }
  return {};
}

void WitnessService::work(std::vector<Waiting>& batch) {
  const auto begin = std::chrono::steady_clock::now();
  auto results = cosign(batch);
  metrics_.observe_batch(seconds_since(begin), batch.size());
  if (!results) {
    set_problem(results.error().message);
    // The details are the operator's: they name files.
    for (Waiting& waiting : batch) {
      finish(waiting, unavailable("this witness cannot cosign at the moment"));
    }
    return;
  }
  set_problem("");
  for (std::size_t i = 0; i < batch.size(); ++i) {
    CosignResult& result = (*results)[i];
    if (result) {
      metrics_.cosigned(result->origin, result->time_s, true);
      finish(batch[i], std::move(*result));
      continue;
    }
    const bool soon = result.error().refusal == CosignRefusal::kUnavailable;
    finish(batch[i], tl::unexpected<CosignRefused>(CosignRefused{
                         std::move(result.error()), soon ? kRetrySoon : std::chrono::seconds(0)}));
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
