#include "ledger/sequencer/sequencer.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"

namespace witan {

namespace {

constexpr auto kBatchAgeMs = static_cast<std::uint64_t>(limits::kBatchAge.count());
constexpr auto kClockAheadMaxMs = static_cast<std::uint64_t>(
    std::chrono::duration_cast<std::chrono::milliseconds>(limits::kClockAheadMax).count());

bool may_pass(const Error& error) {
  return error.code == ErrorCode::kIo || is_retryable(error.code);
}

std::string describe(const TreeHead& head) {
  return "size " + std::to_string(head.size.value) + ", root " + hex_encode(head.root) + ", time " +
         std::to_string(head.time_ms);
}

}  // namespace

Sequencer::Sequencer(SequencerState state)
    : decided_(state.decided),
      frontier_(std::move(state.frontier)),
      unpublished_(state.unpublished.begin(), state.unpublished.end()),
      signed_size_(state.signer),
      unsigned_heads_(state.signer_lags.begin(), state.signer_lags.end()),
      published_(state.published),
      awaiting_(std::move(state.last)) {
  for (std::size_t i = 0; i < unpublished_.size(); ++i) {
    known_.emplace(unpublished_[i], published_.value + i);
  }
}

Result<void> Sequencer::check_room(const Submission& submission) const {
  const std::size_t size = submission.statement.size();
  if (size > limits::kStatementBytesMax) {
    return fail(ErrorCode::kTooLarge, "a statement of " + std::to_string(size) +
                                          " bytes is above the maximum of " +
                                          std::to_string(limits::kStatementBytesMax));
  }
  if (pool_.size() >= limits::kPoolEntriesMax || pool_bytes_ + size > limits::kPoolBytesMax) {
    return fail(ErrorCode::kOverloaded, std::to_string(pool_.size()) + " statements of " +
                                            std::to_string(pool_bytes_) +
                                            " bytes wait to be sequenced; try again later");
  }
  if (unpublished_.size() + deciding_entries_ + pool_.size() >= limits::kUnpublishedEntriesMax) {
    return fail(ErrorCode::kOverloaded, std::to_string(unpublished_.size()) +
                                            " statements wait to be published; try again later");
  }
  return {};
}

void Sequencer::pool(Submission submission, Instant now) {
  known_.emplace(submission.entry, kNotPlaced);
  pool_bytes_ += submission.statement.size();
  if (submission.closes_batch) ++pool_closers_;
  pool_.push_back({std::move(submission), now.steady_ms});
}

Result<void> Sequencer::submit_genesis(std::vector<Submission> first, Instant now) {
  if (halted_) return fail(*halted_);
  if (decided_ || deciding_ || !pool_.empty()) {
    return fail(ErrorCode::kConflict, "the log has its first entries already");
  }
  std::set<Hash32> distinct;
  std::size_t bytes = 0;
  for (const Submission& item : first) {
    distinct.insert(item.entry);
    bytes += item.statement.size();
  }
  if (first.size() < 2 || distinct.size() != first.size() ||
      first.size() > limits::kBatchEntriesMax || bytes > limits::kBatchBytesMax) {
    return fail(ErrorCode::kMalformed, "the first batch has " + std::to_string(distinct.size()) +
                                           " different entries of " + std::to_string(bytes) +
                                           " bytes; expected 2 to " +
                                           std::to_string(limits::kBatchEntriesMax) +
                                           " of at most " + std::to_string(limits::kBatchBytesMax));
  }
  for (Submission& item : first) {
    item.closes_batch = false;  // all of them are one batch
    pool(std::move(item), now);
  }
  return {};
}

Result<Accepted> Sequencer::submit(Submission submission, Instant now) {
  if (halted_) return fail(*halted_);
  if (!decided_) return fail(ErrorCode::kNotFound, "the log has no registration policy yet");
  if (const auto found = known_.find(submission.entry); found != known_.end()) {
    return found->second == kNotPlaced ? Accepted::kPooled : Accepted::kDecided;
  }
  if (submission.policy != policy_generation_) return Accepted::kPolicyChanged;
  WITAN_TRY(check_room(submission));
  pool(std::move(submission), now);
  return Accepted::kNew;
}

bool Sequencer::batch_is_due(Instant now) const {
  if (pool_.empty()) return false;
  // A publication is never kept waiting for more to gather; what is there goes with it in one sync.
  if (to_publish_) return true;
  return pool_.size() >= limits::kBatchEntriesMax || pool_bytes_ >= limits::kBatchBytesMax ||
         pool_closers_ > 0 || now.steady_ms >= pool_.front().accepted_steady_ms + kBatchAgeMs;
}

bool Sequencer::clock_jumped_back(Instant now) const {
  return decided_ && decided_->time_ms > now.unix_ms &&
         decided_->time_ms - now.unix_ms > kClockAheadMaxMs;
}

void Sequencer::take_batch(CommitJob& job) {
  std::size_t bytes = 0;
  while (!pool_.empty() && job.batch_.size() < limits::kBatchEntriesMax) {
    const Submission& next = pool_.front().submission;
    const std::size_t size = next.statement.size();
    if (!job.batch_.empty() && bytes + size > limits::kBatchBytesMax) break;
    const bool closes = next.closes_batch;
    bytes += size;
    job.batch_.push_back(std::move(pool_.front()));
    pool_.pop_front();
    if (closes) {
      --pool_closers_;
      break;
    }
  }
  pool_bytes_ -= bytes;
  deciding_entries_ = job.batch_.size();
}

Result<std::optional<CommitJob>> Sequencer::next_commit(Instant now) {
  if (halted_) return fail(*halted_);
  if (deciding_ || now.steady_ms < commit_not_before_ms_) return std::optional<CommitJob>{};
  const bool batch = batch_is_due(now);
  const bool publication = to_publish_.has_value();
  if (!batch && !publication) return std::optional<CommitJob>{};
  const bool stopped = batch && clock_jumped_back(now);
  if (stopped && !publication) {
    commit_not_before_ms_ = now.steady_ms + kRetryMs;
    return fail(ErrorCode::kUnavailable,
                "the clock says " + std::to_string(now.unix_ms) + " ms and the last head " +
                    std::to_string(decided_->time_ms) + " ms, more than the " +
                    std::to_string(kClockAheadMaxMs) +
                    " ms that a head may be ahead: nothing is sequenced until the clock is right");
  }
  CommitJob job;
  if (publication) {
    job.publish_ = std::exchange(to_publish_, std::nullopt);
    publishing_ = true;
  }
  if (batch && !stopped) {
    take_batch(job);
    job.expected_ = decided_;
    job.frontier_ = frontier_;
    job.time_ms_ = decided_ ? std::max(decided_->time_ms, now.unix_ms) : now.unix_ms;
  }
  deciding_ = true;
  return std::optional<CommitJob>{std::move(job)};
}

void Sequencer::apply_publication(const CommitJob& job, CommitOutcome& outcome) {
  const TreeSize size = job.publish_->head.head.size;
  while (published_ < size) {
    const Hash32& entry = unpublished_.front();
    outcome.registered.push_back({entry, LeafIndex{published_.value}, size});
    known_.erase(entry);
    unpublished_.pop_front();
    ++published_.value;
  }
  publishing_ = false;
}

void Sequencer::apply_decision(CommitJob& job, CommitOutcome& outcome) {
  for (const Placed& placed : job.duplicates_) {
    if (!decided_ || !(placed.index < decided_->size)) {
      halted_ = Error{ErrorCode::kConflict, "the log has stopped: the store holds entry " +
                                                std::to_string(placed.index.value) +
                                                ", which was not known to be decided"};
    }
    // One that is decided and not published is told when it is published, as the others.
    if (placed.index < published_) {
      known_.erase(placed.entry);
      outcome.registered.push_back({placed.entry, placed.index, published_});
    } else {
      known_[placed.entry] = placed.index.value;
    }
  }
  if (!job.next_) return;
  for (const Placed& placed : job.decided_) {
    known_[placed.entry] = placed.index.value;
    unpublished_.push_back(placed.entry);
  }
  decided_ = job.next_;
  frontier_ = std::move(job.frontier_);
  unsigned_heads_.push_back(*decided_);
  outcome.decided = std::move(job.decided_);
  if (!job.own_) return;
  ++policy_generation_;
  for (PooledStatement& item : pool_) {
    known_.erase(item.submission.entry);
    outcome.recheck.push_back(std::move(item.submission));
  }
  pool_.clear();
  pool_bytes_ = 0;
  pool_closers_ = 0;
}

CommitOutcome Sequencer::committed(CommitJob& job) {
  CommitOutcome outcome;
  if (job.publish_) apply_publication(job, outcome);
  apply_decision(job, outcome);
  deciding_ = false;
  deciding_entries_ = 0;
  return outcome;
}

void Sequencer::commit_failed(CommitJob& job, const Error& error, Instant now) {
  for (auto item = job.batch_.rbegin(); item != job.batch_.rend(); ++item) {
    pool_bytes_ += item->submission.statement.size();
    if (item->submission.closes_batch) ++pool_closers_;
    pool_.push_front(std::move(*item));
  }
  job.batch_.clear();
  if (job.publish_) to_publish_ = std::exchange(job.publish_, std::nullopt);
  publishing_ = false;
  deciding_ = false;
  deciding_entries_ = 0;
  commit_not_before_ms_ = now.steady_ms + kRetryMs;
  if (!may_pass(error)) halted_ = error.within("the log has stopped at a commit");
}

std::optional<AppendOrder> Sequencer::next_append(Instant now) {
  if (halted_ || append_under_way_ || now.steady_ms < append_not_before_ms_) return std::nullopt;
  if (!append_) {
    if (awaiting_ || to_publish_ || publishing_ || unsigned_heads_.empty()) return std::nullopt;
    // The farthest decided head within one message; the first always is.
    const std::uint64_t limit = signed_size_.value + limits::kAppendEntriesMax;
    const auto above =
        std::find_if(std::next(unsigned_heads_.begin()), unsigned_heads_.end(),
                     [limit](const TreeHead& head) { return head.size.value > limit; });
    AppendOrder request;
    request.prev = signed_size_;
    request.expected = *std::prev(above);
    const auto from = static_cast<std::ptrdiff_t>(signed_size_.value - published_.value);
    const auto to = static_cast<std::ptrdiff_t>(request.expected.size.value - published_.value);
    request.entries.assign(unpublished_.begin() + from, unpublished_.begin() + to);
    append_ = std::move(request);
  }
  append_under_way_ = true;
  return append_;
}

Result<void> Sequencer::signed_head(const SignedHead& head) {
  if (!append_under_way_) {
    return fail(ErrorCode::kConflict, "a signed head of " + describe(head.head) + " came unasked");
  }
  append_under_way_ = false;
  if (head.head != append_->expected) {
    halted_ = Error{ErrorCode::kConflict, "the log has stopped: the enclave signed " +
                                              describe(head.head) + ", decided is " +
                                              describe(append_->expected)};
    return fail(*halted_);
  }
  append_.reset();
  signed_size_ = head.head.size;
  while (!unsigned_heads_.empty() && unsigned_heads_.front().size <= signed_size_) {
    unsigned_heads_.pop_front();
  }
  awaiting_ = head;
  return {};
}

void Sequencer::sign_failed(const Error& error, Instant now) {
  append_under_way_ = false;
  append_not_before_ms_ = now.steady_ms + kRetryMs;
  if (!may_pass(error)) halted_ = error.within("the log has stopped at a signature");
}

Result<void> Sequencer::publish(TreeSize size, std::string checkpoint, std::string witnessed) {
  if (!awaiting_ || awaiting_->head.size != size) {
    return fail(ErrorCode::kConflict,
                "no head of size " + std::to_string(size.value) + " waits to be published" +
                    (awaiting_ ? ", but one of size " + std::to_string(awaiting_->head.size.value)
                               : std::string()));
  }
  to_publish_ = PublishedHead{std::move(*awaiting_), std::move(checkpoint), std::move(witnessed)};
  awaiting_.reset();
  return {};
}

Result<void> Sequencer::publish_again(PublishedHead head) {
  const TreeSize size = head.head.head.size;
  if (!may_publish_again() || size != published_) {
    return fail(ErrorCode::kConflict, "a head of size " + std::to_string(size.value) +
                                          " cannot be published again; the newest has size " +
                                          std::to_string(published_.value));
  }
  to_publish_ = std::move(head);
  return {};
}

std::optional<std::uint64_t> Sequencer::next_commit_deadline() const {
  if (halted_ || deciding_) return std::nullopt;
  if (!pool_.empty()) {
    const bool now = to_publish_ || pool_closers_ > 0 || pool_.size() >= limits::kBatchEntriesMax ||
                     pool_bytes_ >= limits::kBatchBytesMax;
    const std::uint64_t due = now ? 0 : pool_.front().accepted_steady_ms + kBatchAgeMs;
    return std::max(due, commit_not_before_ms_);
  }
  if (to_publish_) return commit_not_before_ms_;
  return std::nullopt;
}

std::optional<std::uint64_t> Sequencer::next_append_deadline() const {
  if (halted_ || append_under_way_) return std::nullopt;
  if (append_ || (may_publish_again() && !unsigned_heads_.empty())) return append_not_before_ms_;
  return std::nullopt;
}

std::optional<std::uint64_t> Sequencer::next_deadline() const {
  const auto commit = next_commit_deadline();
  const auto append = next_append_deadline();
  if (commit && append) return std::min(*commit, *append);
  return commit ? commit : append;
}

bool Sequencer::knows(const Hash32& entry) const {
  return known_.contains(entry);
}

std::optional<LeafIndex> Sequencer::decided_index(const Hash32& entry) const {
  const auto found = known_.find(entry);
  if (found == known_.end() || found->second == kNotPlaced) return std::nullopt;
  return LeafIndex{found->second};
}

SequencerStatus Sequencer::status() const {
  return {decided_, signed_size_, published_, pool_.size(), pool_bytes_, halted_};
}

}  // namespace witan
