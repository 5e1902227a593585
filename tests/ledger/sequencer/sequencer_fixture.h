#pragma once
// A whole log without I/O: the sequencer, a store in memory, an enclave that keeps its state, and a
// clock that only the test moves.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ledger/crypto/sha256.h"
#include "ledger/sequencer/recovery.h"
#include "ledger/sequencer/sequencer.h"
#include "tests/support/memory_store.h"

namespace witan::test {

// Keeps its state as the real one does: sealed before the head is let out.
class FakeSigner final : public Signer {
 public:
  Result<SignedHead> append(TreeSize prev, std::span<const Hash32> entries,
                            std::uint64_t time_ms) override {
    if (last_ && prev == last_prev_ && time_ms == last_->head.time_ms &&
        std::equal(entries.begin(), entries.end(), last_entries_.begin(), last_entries_.end())) {
      return *last_;
    }
    if (prev != tree_.size()) return fail(ErrorCode::kConflict, "the enclave is at another size");
    if (entries.size() > 16'384) return fail(ErrorCode::kTooLarge, "too many entries");
    if (last_ && time_ms < last_->head.time_ms) return fail(ErrorCode::kStale, "time goes back");
    for (const Hash32& entry : entries) tree_.append(leaf_hash(entry));
    if (tree_.size() < TreeSize{2}) throw std::runtime_error("asked to sign a head of size 0 or 1");
    last_prev_ = prev;
    last_entries_.assign(entries.begin(), entries.end());
    last_ = SignedHead{{tree_.size(), tree_.root(), time_ms}, {}, {}, {}};
    last_->note_signature.fill(static_cast<std::uint8_t>(tree_.size().value));
    heads.push_back(last_->head);
    return *last_;
  }

  Result<SignerState> attest(BytesView) override {
    SignerState state;
    state.origin = "log.example/one";
    state.size = tree_.size();
    state.last = last_;
    return state;
  }

  std::vector<TreeHead> heads;  // every head ever signed

 private:
  Frontier tree_;
  TreeSize last_prev_;
  std::vector<Hash32> last_entries_;
  std::optional<SignedHead> last_;
};

inline Submission submission(std::uint64_t number, bool closes_batch = false,
                             std::uint64_t policy = 0, std::size_t bytes = 0) {
  Submission out;
  const std::string text = "statement " + std::to_string(number) + ".";
  out.statement = to_bytes(as_bytes(text));
  if (bytes > text.size()) out.statement.resize(bytes);
  out.entry = sha256(out.statement);
  out.closes_batch = closes_batch;
  out.policy = policy;
  return out;
}

struct TestLog {
  MemoryStore store;
  FakeSigner signer;
  Instant now{1'700'000'000'000, 50'000};
  std::unique_ptr<Sequencer> sequencer = start().value();
  std::vector<Registered> registered;
  std::vector<Submission> recheck;

  Result<std::unique_ptr<Sequencer>> start() {
    const auto view = store.read().value();
    WITAN_ASSIGN(SequencerState state, recover(*view, signer.attest({}).value()));
    return std::make_unique<Sequencer>(std::move(state));
  }

  void restart() { sequencer = start().value(); }

  void tick(std::uint64_t ms) {
    now.unix_ms += ms;
    now.steady_ms += ms;
  }

  CommitJob::Lookup lookup() {
    return [this](const Hash32& entry) { return store.read().value()->find(entry); };
  }

  // One commit, if one is due: whether there was.
  bool commit() {
    auto job = sequencer->next_commit(now).value();
    if (!job) return false;
    finish(*job);
    return true;
  }

  void finish(CommitJob& job) {
    const StoreCommit* commit = job.prepare(lookup()).value();
    const Result<void> done = commit == nullptr ? Result<void>{} : store.commit(*commit);
    if (!done) {
      sequencer->commit_failed(job, done.error(), now);
      return;
    }
    CommitOutcome outcome = sequencer->committed(job);
    registered.insert(registered.end(), outcome.registered.begin(), outcome.registered.end());
    recheck.insert(recheck.end(), std::make_move_iterator(outcome.recheck.begin()),
                   std::make_move_iterator(outcome.recheck.end()));
  }

  // One signature, if one is due: whether there was.
  bool sign() {
    const auto request = sequencer->next_append(now);
    if (!request) return false;
    const auto head = signer.append(request->prev, request->entries, request->expected.time_ms);
    if (head) {
      (void)sequencer->signed_head(*head);
    } else {
      sequencer->sign_failed(head.error(), now);
    }
    return true;
  }

  bool publish() {
    const auto& head = sequencer->awaiting_publication();
    if (!head) return false;
    const TreeSize size = head->head.size;
    return sequencer->publish(size, "checkpoint " + std::to_string(size.value)).has_value();
  }

  // Until nothing is left to do, waiting for what only time brings.
  void drain() {
    for (int round = 0; round < 100'000; ++round) {
      const bool commits = commit();
      const bool signs = sign();
      const bool publishes = publish();
      if (commits || signs || publishes) continue;
      const auto deadline = sequencer->next_deadline();
      if (!deadline) return;
      tick(std::max<std::uint64_t>(*deadline, now.steady_ms + 1) - now.steady_ms);
    }
    throw std::runtime_error("the log never comes to rest");
  }

  void begin() {
    std::vector<Submission> first;
    first.push_back(submission(1'000'000));
    first.push_back(submission(1'000'001));
    if (!sequencer->submit_genesis(std::move(first), now)) throw std::runtime_error("genesis");
    drain();
    registered.clear();
  }

  Result<Accepted> submit(std::uint64_t number) {
    return sequencer->submit(submission(number, false, sequencer->policy_generation()), now);
  }
};

}  // namespace witan::test
