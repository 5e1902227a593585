#pragma once
// The witness at work: takes checkpoints from any thread, hands those that wait to the signer in
// one batch, stores what it cosigned, and only then answers.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "config/limits.h"
#include "config/result.h"
#include "ledger/ports/clock.h"
#include "node/witness/daily_quota.h"
#include "node/witness/witness_metrics.h"
#include "node/witness/witness_store.h"
#include "witness/cosigner.h"

namespace witan {

struct CosignRefused {
  CosignError error;
  std::chrono::seconds retry_after{0};  // 0: nothing to wait for
  bool disabled = false;                // an unknown log only because it was disabled
  bool queue_full = false;              // unavailable only because of it
  std::string origin{};                 // of a log that is known, while it is not queued

  // As WitnessMetrics counts it.
  [[nodiscard]] std::string_view counted_as() const;
};
using CosignAnswer = tl::expected<Cosigned, CosignRefused>;
// Called exactly once, from any thread.
using AnswerCosign = std::function<void(CosignAnswer)>;

struct WitnessServiceOptions {
  std::size_t queue_max = limits::kCosignQueueMax;
  // Goes on with a store that is older than the signer's marks, without what it has lost.
  bool accept_old_data = false;
  // Logs with metrics of their own; see LogFiguresTable.
  std::vector<std::string> metric_logs{};
};

class WitnessService {
 public:
  using Options = WitnessServiceOptions;
  // Brings the store up to what the signer cosigned last, compares all of it with the signer's
  // marks and starts the thread. kStale when the store or the signer is an old copy: the message
  // names which, and the way out. All must outlive it.
  static Result<std::unique_ptr<WitnessService>> open(WitnessStore& store, Cosigner& cosigner,
                                                      const Clock& clock, Metrics& metrics,
                                                      const Options& options = {});
  // Answers what is queued, then ends the thread.
  ~WitnessService();
  WitnessService(const WitnessService&) = delete;
  WitnessService& operator=(const WitnessService&) = delete;

  // One add-checkpoint request's body. Does not block on the signer or the disk's sync.
  void add_checkpoint(std::string_view body, AnswerCosign answer);

  [[nodiscard]] const CosignerState& identity() const { return identity_; }
  [[nodiscard]] WitnessStore& store() const { return store_; }
  [[nodiscard]] WitnessMetrics& metrics() { return metrics_; }
  // Why nothing can be cosigned now; empty when it can.
  [[nodiscard]] std::string problem() const;
  [[nodiscard]] std::size_t queued() const;

 private:
  struct Waiting {
    CosignRequest request;
    std::string origin;
    std::size_t bytes = 0;
    bool counted = false;  // by the quota, when it is cosigned
    DailyQuota::Kind kind = DailyQuota::Kind::kGrowth;
    std::chrono::steady_clock::time_point arrived;
    AnswerCosign answer;
  };

  WitnessService(WitnessStore& store, Cosigner& cosigner, const Clock& clock, Metrics& metrics,
                 const Options& options, CosignerState identity);
  // The log that a request is for; or the refusal.
  tl::expected<Waiting, CosignRefused> admit(std::string_view body);
  Result<void> check_against_signer(bool accept_old_data);
  void run();
  std::vector<Waiting> next_batch();
  void work(std::vector<Waiting>& batch);
  // Gives the batch to the signer and stores what it cosigned.
  Result<std::vector<CosignResult>> cosign(const std::vector<Waiting>& batch);
  // kStale when a cosignature does not follow the size that is stored for its log.
  // `last` is what was stored of the batch before, which the signer may have been sent again.
  [[nodiscard]] Result<void> check_continues(const std::vector<Waiting>& batch,
                                             const std::vector<CosignResult>& results,
                                             const std::vector<Cosigned>& last) const;
  // Says, at most once a minute for each log, that a signed checkpoint did not fit. Anybody can
  // cause it with a wrong proof.
  void warn_of(const std::string& origin, const std::string& reason);
  void set_problem(std::string problem);
  // Ends one request: counts, logs, answers.
  void finish(Waiting& waiting, CosignAnswer answer);

  WitnessStore& store_;
  Cosigner& cosigner_;
  const Clock& clock_;
  const Options options_;
  const CosignerState identity_;
  WitnessMetrics metrics_;
  DailyQuota quota_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> queue_;  // under mutex_
  bool stopping_ = false;      // under mutex_
  std::string problem_;        // under mutex_
  // Of the thread alone: the signer may have cosigned what is not stored; that nothing may be
  // cosigned any more.
  bool behind_ = false;
  bool broken_ = false;
  std::unordered_map<std::string, std::uint64_t> warned_ms_;  // of logs that are known
  std::thread thread_;
};

}  // namespace witan
