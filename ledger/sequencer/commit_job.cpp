#include "ledger/sequencer/commit_job.h"

#include <utility>

#include "ledger/crypto/sha256.h"

namespace witan {

Result<const StoreCommit*> CommitJob::prepare(const Lookup& lookup) {
  StoreCommit::Decide decide;
  for (const PooledStatement& item : batch_) {
    const Hash32& entry = item.submission.entry;
    auto found = lookup(entry);
    if (!found) return fail(std::move(found).error());
    if (*found) {
      duplicates_.push_back({entry, **found});
      continue;
    }
    decided_.push_back({entry, LeafIndex{frontier_.size().value}});
    frontier_.append(leaf_hash(entry));
    decide.entries.push_back({entry, item.submission.statement});
    if (item.submission.closes_batch) own_ = decided_.back().index;
  }
  if (publish_) commit_.publish.push_back(*publish_);
  if (!decide.entries.empty()) {
    next_ = TreeHead{frontier_.size(), frontier_.root(), time_ms_};
    decide.expected = expected_;
    decide.next = *next_;
    decide.own = own_;
    commit_.decide = std::move(decide);
  }
  const bool nothing = commit_.publish.empty() && !commit_.decide;
  return nothing ? nullptr : &commit_;
}

}  // namespace witan
