#include "node/policy_history.h"

#include "ledger/format/statement.h"
#include "ledger/registration/log_keys.h"

namespace witan {
namespace {

Result<Statement> statement_at(ReadView& view, LeafIndex index) {
  WITAN_ASSIGN(const BytesView bytes, view.statement(index));
  WITAN_ASSIGN(Statement statement, Statement::parse(bytes, bytes.size()));
  return statement;
}

}  // namespace

Result<RegistrationPolicy> policy_in_force(ReadView& view) {
  WITAN_ASSIGN(const Statement first, statement_at(view, LeafIndex{0}));
  WITAN_ASSIGN(RegistrationPolicy policy, RegistrationPolicy::first_policy(first));
  WITAN_ASSIGN(const auto later, view.own_statements());
  for (const LeafIndex index : later) {
    WITAN_ASSIGN(policy, next_policy(view, index, policy));
  }
  return policy;
}

Result<RegistrationPolicy> next_policy(ReadView& view, LeafIndex index,
                                       const RegistrationPolicy& present) {
  WITAN_ASSIGN(const Statement statement, statement_at(view, index));
  if (is_log_keys_statement(statement)) return present;
  WITAN_ASSIGN(RegistrationPolicy policy, present.successor(statement));
  return policy;
}

}  // namespace witan
