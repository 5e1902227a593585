#pragma once
// The order of things in a log: statements gather in a pool, a batch of them is DECIDED (durable,
// the head register moves), the decided head is SIGNED by the enclave, and PUBLISHED when the
// quorum is met and the publication is durable. Only published statements are acknowledged.
//
// A state machine without I/O, threads or clock: one owner drives it under one lock, held for
// microseconds, since hashing and lookups happen in the CommitJob outside. The driver, after each
// event and at next_deadline():
//   next_commit -> CommitJob::prepare -> Store::commit -> committed or commit_failed
//   next_append -> Signer::append -> signed_head or sign_failed
//   the signed head's checkpoint is made and witnessed -> publish
// Commits and signatures run side by side, one of each at a time. A publication goes with the next
// commit and takes what is pooled by then along, however young. The next head is signed only when
// the publication of the last one is durable, and covers everything decided by then: a slow quorum
// makes heads larger, never more.
//
// Time: a head's time is the clock's, or the last head's when the clock is behind it. When the
// clock is behind by more than limits::kClockAheadMax, it jumped back, or the last head was made
// while it was wrong: nothing is decided until the clock has caught up or somebody has looked.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/ports/signer.h"
#include "ledger/ports/store.h"
#include "ledger/sequencer/commit_job.h"
#include "ledger/tree/frontier.h"

namespace witan {

// Both of ports/clock.h's clocks at one moment: ages need one that never goes back.
struct Instant {
  std::uint64_t unix_ms = 0;
  std::uint64_t steady_ms = 0;
};

enum class Accepted {
  kNew,      // now in the pool
  kPooled,   // the same statement is in the pool or being decided
  kDecided,  // the same statement is decided, and published soon
  // The policy has changed since the statement was checked: check again, then submit again.
  kPolicyChanged,
};

// A statement whose place is published. The receipt is made from ReadView::head_covering(index).
struct Registered {
  Hash32 entry{};
  LeafIndex index;
  TreeSize published;  // a published size that holds it
};

struct CommitOutcome {
  std::vector<Placed> decided;  // by this commit; published later
  std::vector<Registered> registered;
  // A new policy was decided: these were checked under the old one and have left the pool.
  std::vector<Submission> recheck;
};

// One call of Signer::append, and the head it must arrive at.
struct AppendOrder {
  TreeSize prev;
  std::vector<Hash32> entries;
  TreeHead expected;
};

// What a sequencer starts from; ledger/sequencer/recovery.h makes it from a store and an enclave.
struct SequencerState {
  std::optional<TreeHead> decided;
  Frontier frontier;  // of the decided tree
  TreeSize published;
  std::vector<Hash32> unpublished;    // entries from the published to the decided size
  TreeSize signer;                    // what the enclave has appended
  std::optional<SignedHead> last;     // signed, above the published size
  std::vector<TreeHead> signer_lags;  // heads to append next, growing to the decided one
};

struct SequencerStatus {
  std::optional<TreeHead> decided;
  TreeSize signed_size;
  TreeSize published;
  std::size_t pool_entries = 0;
  std::size_t pool_bytes = 0;
  std::optional<Error> halted;
};

class Sequencer {
 public:
  // How long after a failed commit or append it is tried again.
  static constexpr std::uint64_t kRetryMs = 250;

  explicit Sequencer(SequencerState state);

  // The first batch of a log: its policy, its keys, and what else belongs to its beginning; at
  // least 2 different entries, since heads of size 0 and 1 are never signed. kConflict when the log
  // has a beginning already or it is under way, kMalformed when there are too few or too many.
  Result<void> submit_genesis(std::vector<Submission> first, Instant now);

  // kOverloaded when the pool or what is decided and not yet published is at its bound; kNotFound
  // before the first batch is decided; kTooLarge above limits::kStatementBytesMax; the error of a
  // halted sequencer.
  Result<Accepted> submit(Submission submission, Instant now);

  // The commit to be made next; nullopt when none is due or one is under way. kUnavailable when the
  // clock has jumped back (ask again at next_deadline()); the error of a halted sequencer.
  Result<std::optional<CommitJob>> next_commit(Instant now);
  // The job's commit is durable, or it had none. The job is emptied of what is told; destroy it
  // without the lock.
  [[nodiscard]] CommitOutcome committed(CommitJob& job);
  // Nothing is lost: batch and publication wait for the next attempt. kIo, kOverloaded,
  // kUnavailable and kTimeout are tried again; other errors halt. Had such a commit been applied
  // after all, the next attempt finds entries or a register that it does not know, and halts: the
  // owner then recovers from the store.
  void commit_failed(CommitJob& job, const Error& error, Instant now);

  // The append to be made next; nullopt when none is due or one is under way. After a failure the
  // same one again, because the enclave may have done it and answers a repetition alike.
  std::optional<AppendOrder> next_append(Instant now);
  // kConflict when the enclave arrived at another head than the decided one, or none was asked for.
  // The first halts: either the store or the enclave is wrong.
  Result<void> signed_head(const SignedHead& head);
  // kIo, kOverloaded, kUnavailable, kTimeout: tried again. Others halt.
  void sign_failed(const Error& error, Instant now);

  // The head that is signed and waits for its checkpoint and quorum (also after a restart).
  [[nodiscard]] const std::optional<SignedHead>& awaiting_publication() const { return awaiting_; }
  // The quorum is met. kConflict when no head of that size waits.
  // `checkpoint` and `witnessed` as in PublishedHead.
  Result<void> publish(TreeSize size, std::string checkpoint, std::string witnessed = {});
  // Whether publish_again would be taken now: nothing else is on its way to be published.
  [[nodiscard]] bool may_publish_again() const {
    return !awaiting_ && !to_publish_ && !publishing_;
  }
  // The newest published head again, with cosignatures that it lacked. kConflict when it is not the
  // newest, or !may_publish_again().
  Result<void> publish_again(PublishedHead head);

  // The steady times at which to ask next_commit and next_append again though nothing happened, and
  // the earlier of the two.
  [[nodiscard]] std::optional<std::uint64_t> next_commit_deadline() const;
  [[nodiscard]] std::optional<std::uint64_t> next_append_deadline() const;
  [[nodiscard]] std::optional<std::uint64_t> next_deadline() const;
  // Whether the entry is pooled, or decided and not published yet.
  [[nodiscard]] bool knows(const Hash32& entry) const;
  // The index of an entry that is decided and not published yet.
  [[nodiscard]] std::optional<LeafIndex> decided_index(const Hash32& entry) const;
  // Grows when a policy is decided.
  [[nodiscard]] std::uint64_t policy_generation() const { return policy_generation_; }
  [[nodiscard]] SequencerStatus status() const;

 private:
  static constexpr std::uint64_t kNotPlaced = ~std::uint64_t{0};

  [[nodiscard]] Result<void> check_room(const Submission& submission) const;
  void pool(Submission submission, Instant now);
  [[nodiscard]] bool batch_is_due(Instant now) const;
  [[nodiscard]] bool clock_jumped_back(Instant now) const;
  void take_batch(CommitJob& job);
  void apply_publication(const CommitJob& job, CommitOutcome& outcome);
  void apply_decision(CommitJob& job, CommitOutcome& outcome);

  // The decided tree.
  std::optional<TreeHead> decided_;
  Frontier frontier_;
  std::uint64_t policy_generation_ = 0;

  // Waiting to be decided, in order of arrival.
  std::deque<PooledStatement> pool_;
  std::size_t pool_bytes_ = 0;
  std::size_t pool_closers_ = 0;  // how many of them close their batch
  bool deciding_ = false;
  std::size_t deciding_entries_ = 0;
  std::uint64_t commit_not_before_ms_ = 0;

  // Everything pooled or decided and not published: its index, or kNotPlaced. Ordered, because
  // whoever submits chooses the hashes and could make a hash table slow.
  std::map<Hash32, std::uint64_t> known_;
  std::deque<Hash32> unpublished_;  // entries from published_ on

  // Signing.
  TreeSize signed_size_;
  std::deque<TreeHead> unsigned_heads_;
  std::optional<AppendOrder> append_;  // kept until it is answered
  bool append_under_way_ = false;
  std::uint64_t append_not_before_ms_ = 0;

  // Publishing.
  TreeSize published_;
  std::optional<SignedHead> awaiting_;
  std::optional<PublishedHead> to_publish_;
  bool publishing_ = false;  // in the commit under way

  std::optional<Error> halted_;
};

}  // namespace witan
