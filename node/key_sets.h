#pragma once
// Key sets: what a log says of the keys that sign it. Entry 1 is the first; a later one announces
// the keys that come next, before they sign anything.

#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/note.h"
#include "ledger/format/statement.h"
#include "ledger/ports/signer.h"
#include "ledger/ports/store.h"
#include "ledger/registration/log_keys.h"
#include "ledger/registration/policy.h"

namespace witan {

struct KeySet {
  LogKeys keys;
  VerifierKey log_key;  // the parsed keys.vkey
  Grade grade;          // that its evidence states
};

// The key set of a statement that an admin key of `policy` signed, of this origin and with enclave
// evidence under its own log key over the nonce `entry0` (SHA-256 of the log's first statement), so
// that it belongs to this log only. kBadIdentity (another origin, a receipt key that the evidence
// does not name), and the errors of RegistrationPolicy::check_log_keys and verify_evidence.
[[nodiscard]] StatementResult<KeySet> check_key_set(const Statement& statement,
                                                    const RegistrationPolicy& policy,
                                                    const std::string& origin,
                                                    const Hash32& entry0);

// All decided key sets in their order, entry 1 first. They were checked when they were registered.
// The store's errors; kMalformed when what it holds is no key set.
[[nodiscard]] Result<std::vector<LogKeys>> key_sets_of(ReadView& view);

// Whether the log has announced the keys that the enclave holds. kConflict when it has not: a
// folder of another log, or a new enclave put in the place of a lost one.
[[nodiscard]] Result<void> check_log_keys(ReadView& view, const SignerState& enclave);

}  // namespace witan
