#include "node/witness/subtree_signing.h"

#include <algorithm>
#include <optional>
#include <pthread.h>
#include <utility>

#include "config/limits.h"
#include "node/log.h"

namespace witan {
namespace {

constexpr std::string_view kSubtreeSigned = "signed";

tl::unexpected<CosignError> subtree_refusal(CosignRefusal refusal, std::string message) {
  return tl::unexpected<CosignError>(CosignError{refusal, std::move(message), 0});
}

bool has_subtree_key(const CosignerState& identity) {
  return std::any_of(identity.keys.begin(), identity.keys.end(), [](const VerifierKey& key) {
    return key.algorithm == NoteAlgorithm::kMlDsa44;
  });
}

}  // namespace

SubtreeSigning::SubtreeSigning(WitnessStore& store, Cosigner& cosigner, Metrics& metrics,
                               const CosignerState& identity)
    : store_(store), cosigner_(cosigner), offered_(has_subtree_key(identity)) {
  for (const std::string_view result :
       {kSubtreeSigned, to_string(CosignRefusal::kMalformed), to_string(CosignRefusal::kUnknownLog),
        to_string(CosignRefusal::kBadSignature), to_string(CosignRefusal::kUnprocessable),
        to_string(CosignRefusal::kUnavailable)}) {
    results_.emplace(result, metrics.counter("witan_witness_subtrees_total",
                                             "Requests for subtrees by what became of them",
                                             {{"result", std::string(result)}}));
  }
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "witness-subtree");
}

SubtreeSigning::~SubtreeSigning() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  for (const Waiting& waiting : queue_) {
    finish(waiting.answer,
           subtree_refusal(CosignRefusal::kUnavailable, "this witness is stopping"));
  }
}

tl::expected<SignSubtreeRequest, CosignError> SubtreeSigning::admit(std::string_view body) const {
  auto request = SignSubtreeRequest::parse(body);
  if (!request) return subtree_refusal(CosignRefusal::kMalformed, request.error().message);
  const auto note = Note::parse(request->note);
  if (!note) return subtree_refusal(CosignRefusal::kMalformed, note.error().message);
  const auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint) return subtree_refusal(CosignRefusal::kMalformed, checkpoint.error().message);
  const auto log = store_.find_log(checkpoint->origin);
  if (!log) return subtree_refusal(CosignRefusal::kUnavailable, log.error().message);
  if (!*log) {
    return subtree_refusal(CosignRefusal::kUnknownLog,
                           "this witness does not know a log of that origin");
  }
  if ((*log)->disabled) {
    return subtree_refusal(CosignRefusal::kUnknownLog, "this log is disabled at this witness");
  }
  return std::move(*request);
}

void SubtreeSigning::sign(std::string_view body, AnswerSubtree answer) {
  auto request = admit(body);
  if (!request) return finish(answer, tl::unexpected<CosignError>(std::move(request).error()));
  {
    std::unique_lock lock(mutex_);
    if (queue_.size() < limits::kSubtreeQueueMax && !stopping_) {
      queue_.push_back({std::move(*request), std::move(answer)});
      lock.unlock();
      wake_.notify_one();
      return;
    }
  }
  finish(answer, subtree_refusal(CosignRefusal::kUnavailable, "too many subtrees wait"));
}

void SubtreeSigning::run() {
  for (;;) {
    std::optional<Waiting> next;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      next.emplace(std::move(queue_.front()));
      queue_.pop_front();
    }
    const Result<SubtreeResult> result = cosigner_.cosign_subtree(next->request);
    if (result) {
      failing_ = false;
      finish(next->answer, *result);
      continue;
    }
    // The details are the operator's: they name files.
    if (!std::exchange(failing_, true)) {
      log_error("cannot sign subtrees", {{"reason", result.error().message}});
    }
    finish(next->answer, subtree_refusal(CosignRefusal::kUnavailable,
                                         "this witness cannot sign subtrees at the moment"));
  }
}

void SubtreeSigning::finish(const AnswerSubtree& answer, const SubtreeResult& result) const {
  const std::string_view name = result ? kSubtreeSigned : to_string(result.error().refusal);
  if (const auto counter = results_.find(name); counter != results_.end()) counter->second.add();
  answer(result);
}

}  // namespace witan
