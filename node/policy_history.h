#pragma once
// What a log says of itself in its entries: its registration policies and its keys.

#include "config/result.h"
#include "ledger/ports/signer.h"
#include "ledger/ports/store.h"
#include "ledger/registration/policy.h"

namespace witan {

// The newest decided policy: entry 0 and every later one, each checked against the one before it.
// The store's errors; kMalformed, kBadSignature when what it holds is no such chain.
[[nodiscard]] Result<RegistrationPolicy> policy_in_force(ReadView& view);
// The policy that the statement at the leaf puts in the place of `present`.
[[nodiscard]] Result<RegistrationPolicy> next_policy(ReadView& view, LeafIndex index,
                                                     const RegistrationPolicy& present);

// Whether the enclave holds the keys that the log's entry 1 names. kConflict when it holds others:
// a folder of another log, or a new enclave put in the place of a lost one.
[[nodiscard]] Result<void> check_log_keys(ReadView& view, const SignerState& enclave);

}  // namespace witan
