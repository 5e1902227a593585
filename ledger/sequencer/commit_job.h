#pragma once
// One commit on its way: taken from the sequencer under its lock, prepared and written without it,
// and handed back.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/ports/store.h"
#include "ledger/tree/frontier.h"

namespace witan {

// A statement that passed the policy, asking to be sequenced.
struct Submission {
  Hash32 entry{};  // SHA-256 of the statement
  Bytes statement;
  // A new policy or key set: the last of its batch. What waits behind it has to be checked again.
  bool closes_batch = false;
  // Sequencer::policy_generation() when the policy was read that the statement was checked under.
  std::uint64_t policy = 0;
};

struct PooledStatement {
  Submission submission;
  std::uint64_t accepted_steady_ms = 0;
};

// Where an entry stands in the log.
struct Placed {
  Hash32 entry{};
  LeafIndex index;
};

// Used by one thread at a time. Owns the statements, so that their memory goes where the job goes.
class CommitJob {
 public:
  // The leaf index of an entry in the store's newest state.
  using Lookup = std::function<Result<std::optional<LeafIndex>>(const Hash32&)>;

  CommitJob(CommitJob&&) = default;
  CommitJob& operator=(CommitJob&&) = default;

  // Leaves out what the store has already, hashes the rest, and makes the commit. Call it once,
  // without the sequencer's lock, on the only thread that commits. Gives nullptr when nothing is to
  // be written (all were duplicates): the job is then handed back as committed. The commit points
  // into the job. Errors are the lookup's.
  Result<const StoreCommit*> prepare(const Lookup& lookup);

  [[nodiscard]] std::size_t statements() const { return batch_.size(); }
  // After prepare(): the leaf that closes the batch, a new policy or key set, if it has one.
  [[nodiscard]] std::optional<LeafIndex> own_index() const { return own_; }

 private:
  friend class Sequencer;
  CommitJob() = default;

  std::vector<PooledStatement> batch_;
  std::optional<PublishedHead> publish_;
  std::optional<TreeHead> expected_;
  std::uint64_t time_ms_ = 0;
  Frontier frontier_;  // before the batch, then after it

  // What prepare() finds.
  std::optional<TreeHead> next_;
  std::vector<Placed> decided_;
  std::vector<Placed> duplicates_;
  std::optional<LeafIndex> own_;
  StoreCommit commit_;
};

}  // namespace witan
