#pragma once
// Subtrees for whoever asks (C2SP tlog-witness, section "sign-subtree"): looked up here, judged and
// signed by the signer, one after the other, between the batches of checkpoints. Nothing is stored.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "node/metrics.h"
#include "node/witness/witness_store.h"
#include "witness/cosigner.h"
#include "witness/subtree_cosigning.h"

namespace witan {

using AnswerSubtree = std::function<void(const SubtreeResult&)>;

class SubtreeSigning {
 public:
  // Starts a thread. All must outlive it.
  SubtreeSigning(WitnessStore& store, Cosigner& cosigner, Metrics& metrics,
                 const CosignerState& identity);
  // Refuses what is queued as unavailable, then ends the thread.
  ~SubtreeSigning();
  SubtreeSigning(const SubtreeSigning&) = delete;
  SubtreeSigning& operator=(const SubtreeSigning&) = delete;

  // Whether the witness has a key that can sign subtrees. Only then may sign() be called.
  [[nodiscard]] bool offered() const { return offered_; }
  // One sign-subtree request's body. Does not wait for the signer; answers on another thread, or at
  // once what is refused without it. kUnavailable above limits::kSubtreeQueueMax requests.
  void sign(std::string_view body, AnswerSubtree answer);

 private:
  struct Waiting {
    SignSubtreeRequest request;
    AnswerSubtree answer;
  };
  void run();
  // The request, of a log that is known and not disabled; or the refusal.
  [[nodiscard]] tl::expected<SignSubtreeRequest, CosignError> admit(std::string_view body) const;
  void finish(const AnswerSubtree& answer, const SubtreeResult& result) const;

  WitnessStore& store_;
  Cosigner& cosigner_;
  const bool offered_;
  std::map<std::string, MetricCounter, std::less<>> results_;  // never changed once made

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> queue_;  // under mutex_
  bool stopping_ = false;      // under mutex_
  bool failing_ = false;       // of the thread alone
  std::thread thread_;
};

}  // namespace witan
