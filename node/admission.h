#pragma once
// What a statement has to pass before it is sequenced, under the registration policy in force.

#include <memory>
#include <mutex>
#include <optional>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/statement.h"
#include "ledger/ports/store.h"
#include "ledger/registration/policy.h"
#include "ledger/sequencer/commit_job.h"

namespace witan {

// Any thread may use it.
class Admission {
 public:
  Admission(Store& store, RegistrationPolicy policy);

  [[nodiscard]] std::shared_ptr<const RegistrationPolicy> policy() const {
    const std::lock_guard lock(mutex_);
    return policy_;
  }
  // The policy that the log's own statement makes out of the present one; a key set leaves it as it
  // is. Not in force yet, so that whatever is wrong with it shows before it is decided. Errors as
  // RegistrationPolicy::successor and check_key_set.
  [[nodiscard]] Result<RegistrationPolicy> successor(BytesView statement) const;
  // It is decided: what is checked from now on is checked under it. Cannot fail.
  void replace_policy(RegistrationPolicy next);

  // A statement that was decoded and named, before its signature was looked at.
  struct Candidate {
    Statement statement;
    Bytes canonical;
    Hash32 entry{};
  };
  [[nodiscard]] static StatementResult<Candidate> decode(BytesView bytes);

  // Where it stands when it has its receipt already. It keeps its place under every later policy,
  // so this is asked before the policy is.
  [[nodiscard]] std::optional<LeafIndex> published(const Hash32& entry) const;

  // The policy's decision. `generation` is Sequencer::policy_generation() of before the call.
  [[nodiscard]] StatementResult<Submission> admit(Candidate candidate,
                                                  std::uint64_t generation) const;

 private:
  [[nodiscard]] StatementResult<RegistrationPolicy> governed(
      const Statement& statement, const RegistrationPolicy& present) const;

  Store& store_;
  mutable std::mutex mutex_;
  std::shared_ptr<const RegistrationPolicy> policy_;  // under mutex_
};

}  // namespace witan
