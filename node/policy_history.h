#pragma once
// The registration policies that a log has had, from its entries.

#include "config/result.h"
#include "ledger/ports/store.h"
#include "ledger/registration/policy.h"

namespace witan {

// The newest decided policy: entry 0 and every later one, each checked against the one before it.
// The store's errors; kMalformed, kBadSignature when what it holds is no such chain.
[[nodiscard]] Result<RegistrationPolicy> policy_in_force(ReadView& view);
// The policy that the statement at the leaf puts in the place of `present`, which a key set leaves
// as it is.
[[nodiscard]] Result<RegistrationPolicy> next_policy(ReadView& view, LeafIndex index,
                                                     const RegistrationPolicy& present);

}  // namespace witan
