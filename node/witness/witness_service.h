#pragma once
// The witness at work: takes checkpoints from any thread, hands those that wait to the signer in
// one batch, stores what it cosigned, and only then answers. While one batch is stored and
// answered, the signer has the next one.

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
#include "node/witness/subtree_signing.h"
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
  // marks and starts the threads. kStale when the store or the signer is an old copy: the message
  // names which, and the way out. All must outlive it.
  static Result<std::unique_ptr<WitnessService>> open(WitnessStore& store, Cosigner& cosigner,
                                                      const Clock& clock, Metrics& metrics,
                                                      const Options& options = {});
  // Answers what is queued, then ends the threads.
  ~WitnessService();
  WitnessService(const WitnessService&) = delete;
  WitnessService& operator=(const WitnessService&) = delete;

  // One add-checkpoint request's body. Does not block on the signer or the disk's sync.
  void add_checkpoint(std::string_view body, AnswerCosign answer);

  // The other request that witnesses take.
  [[nodiscard]] SubtreeSigning& subtrees() { return subtrees_; }

  [[nodiscard]] const CosignerState& identity() const { return identity_; }
  [[nodiscard]] WitnessStore& store() const { return store_; }
  [[nodiscard]] WitnessMetrics& metrics() { return metrics_; }
  // Why nothing can be cosigned now; empty when it can.
  [[nodiscard]] std::string problem() const;
  [[nodiscard]] std::size_t queued() const;

 private:
  struct Waiting {
    CosignRequest request;  // until the signer has it
    std::string origin;
    std::size_t bytes = 0;
    bool counted = false;  // by the quota, when it is cosigned
    DailyQuota::Kind kind = DailyQuota::Kind::kGrowth;
    std::chrono::steady_clock::time_point arrived;
    AnswerCosign answer;
  };
  // A batch that the signer has answered.
  struct Judged {
    std::vector<Waiting> requests;
    Result<std::vector<CosignResult>> results;
    bool restarted = false;  // the signer, since the batch before
    std::chrono::steady_clock::time_point begun;
  };

  WitnessService(WitnessStore& store, Cosigner& cosigner, const Clock& clock, Metrics& metrics,
                 const Options& options, CosignerState identity);
  // The log that a request is for; or the refusal.
  tl::expected<Waiting, CosignRefused> admit(std::string_view body);

  // The signer's thread.
  void run_signing();
  std::vector<Waiting> next_batch();
  Result<std::vector<CosignResult>> sign(Judged& judged);
  // When the signer may have cosigned what is not stored: stores it, and compares everything.
  Result<void> catch_up();
  // Waits until the batch before it is stored.
  void hand_over(std::unique_ptr<Judged> judged);

  // The store's thread.
  void run_storing();
  Result<void> keep(const Judged& judged);
  void answer_all(Judged& judged, const Result<void>& kept);

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
  SubtreeSigning subtrees_;
  DailyQuota quota_;

  mutable std::mutex mutex_;
  // All under mutex_, up to the next empty line.
  std::condition_variable queued_, handed_over_, stored_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  std::unique_ptr<Judged> judged_;  // handed over
  bool storing_ = false;            // one that was handed over is not stored yet
  bool signing_ended_ = false;
  bool unstored_ = false;  // storing failed, and nothing was caught up since
  std::string forgotten_;  // signer or store is an old copy: nothing may be cosigned any more
  std::string problem_;

  // Of the signer's thread alone: what it has cosigned since the last answer is unknown.
  bool uncertain_ = false;
  std::uint64_t restarts_ = 0;  // of the signer, when it was last seen
  // Of the store's thread alone.
  std::unordered_map<std::string, std::uint64_t> warned_ms_;  // of logs that are known
  std::thread signing_, storing_thread_;
};

}  // namespace witan
