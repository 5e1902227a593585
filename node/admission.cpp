#include "node/admission.h"

#include <utility>

#include "ledger/crypto/sha256.h"
#include "node/key_sets.h"

namespace witan {

Admission::Admission(Store& store, RegistrationPolicy policy)
    : store_(store), policy_(std::make_shared<const RegistrationPolicy>(std::move(policy))) {}

Result<RegistrationPolicy> Admission::successor(BytesView statement) const {
  WITAN_ASSIGN(const Statement parsed, Statement::parse(statement, statement.size()));
  WITAN_ASSIGN(RegistrationPolicy next, governed(parsed, *policy()));
  return next;
}

StatementResult<RegistrationPolicy> Admission::governed(const Statement& statement,
                                                        const RegistrationPolicy& present) const {
  if (is_policy_statement(statement)) return present.successor(statement);
  WITAN_ASSIGN(const auto view, store_.read());
  WITAN_ASSIGN(const Hash32 entry0, view->entry(LeafIndex{0}));
  WITAN_TRY(check_key_set(statement, present, present.subject(), entry0));
  return present;
}

void Admission::replace_policy(RegistrationPolicy next) {
  auto replacement = std::make_shared<const RegistrationPolicy>(std::move(next));
  const std::lock_guard lock(mutex_);
  policy_ = std::move(replacement);
}

StatementResult<Admission::Candidate> Admission::decode(BytesView bytes) {
  WITAN_ASSIGN(Statement statement, Statement::parse(bytes, bytes.size()));
  Bytes canonical = statement.canonical();
  const Hash32 entry = sha256(canonical);
  return Candidate{std::move(statement), std::move(canonical), entry};
}

std::optional<LeafIndex> Admission::published(const Hash32& entry) const {
  const auto view = store_.read();
  if (!view) return std::nullopt;
  const auto index = (*view)->find(entry);
  if (!index || !*index) return std::nullopt;
  const auto head = (*view)->published();
  if (!head || !*head || !(**index < (*head)->head.head.size)) return std::nullopt;
  return **index;
}

StatementResult<Submission> Admission::admit(Candidate candidate, std::uint64_t generation) const {
  const auto rules = policy();
  Submission submission;
  if (is_own_statement(candidate.statement)) {
    WITAN_TRY(governed(candidate.statement, *rules));
    submission.closes_batch = true;
  } else {
    WITAN_TRY(rules->check(candidate.statement));
  }
  submission.entry = candidate.entry;
  submission.statement = std::move(candidate.canonical);
  submission.policy = generation;
  return submission;
}

}  // namespace witan
