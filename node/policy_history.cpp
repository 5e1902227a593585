#include "node/policy_history.h"

#include <algorithm>

#include "ledger/format/note.h"
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
  WITAN_ASSIGN(const auto later, view.policies());
  for (const LeafIndex index : later) {
    WITAN_ASSIGN(policy, next_policy(view, index, policy));
  }
  return policy;
}

Result<RegistrationPolicy> next_policy(ReadView& view, LeafIndex index,
                                       const RegistrationPolicy& present) {
  WITAN_ASSIGN(const Statement statement, statement_at(view, index));
  WITAN_ASSIGN(RegistrationPolicy policy, present.successor(statement));
  return policy;
}

Result<void> check_log_keys(ReadView& view, const SignerState& enclave) {
  WITAN_ASSIGN(const Statement statement, statement_at(view, LeafIndex{1}));
  WITAN_ASSIGN(const LogKeys keys, parse_log_keys(statement.payload));
  WITAN_ASSIGN(const VerifierKey vkey,
               VerifierKey::make(enclave.origin, NoteAlgorithm::kEd25519, enclave.note_key));
  const bool same_receipt_key =
      std::any_of(keys.keys.begin(), keys.keys.end(), [&](const CoseKey& key) {
        return key.key.kind() == KeyKind::kP256 && key.key.raw() == enclave.cose_key;
      });
  if (keys.vkey == vkey.text() && same_receipt_key) return {};
  return fail(ErrorCode::kConflict, "the enclave holds the keys of " + vkey.text() +
                                        ", but entry 1 of the log names " + keys.vkey +
                                        ": put back the enclave's folder that belongs to this log");
}

}  // namespace witan
