#pragma once
// A cosigner in memory that can be held, made to fail, and set back: what the service must cope
// with. It judges by the same rules as the signer.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "enclave/cosigner_core.h"
#include "ledger/crypto/sha256.h"
#include "tests/witness/cosign_world.h"
#include "witness/cosigner.h"

namespace witan::test {

class FakeCosigner final : public Cosigner {
 public:
  explicit FakeCosigner(std::string name = "witness.example/w")
      : name_(std::move(name)), key_(make_cosign_key(name_, NoteAlgorithm::kCosignatureEd25519)) {}

  Result<std::vector<CosignResult>> cosign(std::span<const CosignRequest> requests,
                                           std::uint64_t time_s) override {
    std::unique_lock lock(mutex_);
    ++calls_;
    if (on_call_) on_call_(calls_);
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    if (fails_) return fail(ErrorCode::kUnavailable, "the signer is away");
    WITAN_TRY(check_cosign_batch(requests));
    time_s_ = std::max(time_s_, time_s);
    std::vector<CosignResult> results;
    std::vector<Cosigned> cosigned;
    for (const CosignRequest& request : requests) {
      results.push_back(judge(request));
      if (results.back()) cosigned.push_back(*results.back());
    }
    if (!cosigned.empty()) {
      recent_.push_back(std::move(cosigned));
      if (recent_.size() > limits::kCosignBatchesKept) recent_.pop_front();
    }
    ++batches_signed_;
    changed_.notify_all();
    if (loses_answers_) return fail(ErrorCode::kTimeout, "the signer's answer is late");
    return results;
  }

  // Without a key for subtrees.
  Result<SubtreeResult> cosign_subtree(const SignSubtreeRequest& /*request*/) override {
    return fail(ErrorCode::kUnsupported, "no key that signs subtrees");
  }

  Result<CosignerState> cosigner_state() override {
    const std::lock_guard lock(mutex_);
    if (fails_) return fail(ErrorCode::kUnavailable, "the signer is away");
    CosignerState out{name_, {key_.vkey}, marks_.size(), {}, {}};
    for (const auto& batch : recent_) out.last.insert(out.last.end(), batch.begin(), batch.end());
    return out;
  }

  Result<std::optional<CosignMark>> mark(const std::string& origin) override {
    const std::lock_guard lock(mutex_);
    const auto found = marks_.find(origin);
    if (found == marks_.end()) return std::optional<CosignMark>{};
    return std::optional<CosignMark>(found->second);
  }

  Result<std::vector<OriginMark>> marks(std::uint64_t first) override {
    const std::lock_guard lock(mutex_);
    std::vector<OriginMark> out;
    std::uint64_t number = 0;
    for (const auto& [origin, mark] : marks_) {
      if (number++ < first || out.size() == limits::kMarksPageMax) continue;
      out.push_back({sha256(as_bytes(origin)), mark});
    }
    return out;
  }

  // While held, calls of cosign() wait.
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void set_fails(bool fails) {
    const std::lock_guard lock(mutex_);
    fails_ = fails;
  }
  // Cosigns, and says that it could not.
  void set_loses_answers(bool loses) {
    const std::lock_guard lock(mutex_);
    loses_answers_ = loses;
  }
  // An old copy of its folder is put back: the log has that mark again, or none.
  void set_back(const std::string& origin, std::optional<CosignMark> mark) {
    const std::lock_guard lock(mutex_);
    recent_.clear();
    if (mark) {
      marks_[origin] = *mark;
    } else {
      marks_.erase(origin);
    }
  }
  // It was started again.
  void restart() { ++restarts_; }
  [[nodiscard]] std::uint64_t restarts() const override { return restarts_; }
  // It remembers only that many of the batches that it cosigned last.
  void forget_recent(std::size_t kept) {
    const std::lock_guard lock(mutex_);
    while (recent_.size() > kept) recent_.pop_front();
  }
  // Called with the number of each call of cosign(), from 1. Before the service begins.
  void on_call(std::function<void(std::size_t)> called) { on_call_ = std::move(called); }
  [[nodiscard]] std::size_t batches_signed() {
    const std::lock_guard lock(mutex_);
    return batches_signed_;
  }
  void wait_for_signed(std::size_t batches) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return batches_signed_ >= batches; });
  }
  void wait_for_calls(std::size_t calls) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return calls_ >= calls; });
  }
  [[nodiscard]] std::size_t calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  [[nodiscard]] const VerifierKey& vkey() const { return key_.vkey; }

 private:
  CosignResult judge(const CosignRequest& request) {
    const std::string origin = request.request.note.substr(0, request.request.note.find('\n'));
    const auto known = marks_.find(origin);
    const CosignMark mark = known == marks_.end() ? CosignMark{{}, empty_root()} : known->second;
    const auto checked = check_cosignable(request.request, request.log_keys, mark, name_);
    if (!checked) return tl::unexpected<CosignError>(checked.error());
    Cosigned out;
    out.origin = origin;
    out.mark = {checked->checkpoint.size, checked->checkpoint.root};
    out.old_size = request.request.old_size;
    out.time_s = time_s_;
    out.text = checked->text;
    out.log_lines = checked->log_lines;
    out.lines = {cosign_note(out.text, name_, key_.secret, time_s_).value()};
    marks_[origin] = out.mark;
    return out;
  }

  const std::string name_;
  const CosignKey key_;
  std::function<void(std::size_t)> on_call_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All under mutex_.
  std::map<std::string, CosignMark> marks_;
  std::deque<std::vector<Cosigned>> recent_;
  std::uint64_t time_s_ = 1;
  std::atomic<std::uint64_t> restarts_ = 0;  // not under mutex_
  std::size_t calls_ = 0;
  std::size_t batches_signed_ = 0;
  bool held_ = false;
  bool fails_ = false;
  bool loses_answers_ = false;
};

}  // namespace witan::test
