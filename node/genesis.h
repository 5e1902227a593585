#pragma once
// The beginning of a log: entry 0, its registration policy, and entry 1, its keys with the
// enclave's evidence, registered in one batch, so that a log is never seen without them.

#include <cstdint>
#include <string>

#include "config/result.h"
#include "ledger/crypto/private_key.h"
#include "ledger/format/statement.h"
#include "ledger/ports/signer.h"
#include "ledger/ports/store.h"

namespace witan {

struct Genesis {
  std::string policy_toml;  // see config/registration_policy.h
  std::uint64_t time_ms = 0;
};

// Begins the log of a signer that has keys and has signed nothing, in an empty store. Both
// statements are signed with the operator's key, which must be an admin key of the policy.
// kConflict when the store or the signer has entries already; the policy's errors.
[[nodiscard]] Result<void> begin_log(Store& store, Signer& signer, const PrivateKey& operator_key,
                                     const Genesis& genesis);

// The statement by which a log announces the keys of `log`, whose evidence is over the nonce entry
// 0 of the log. Signed with the operator's key, which must be an admin key of the policy in force.
[[nodiscard]] Result<Statement> key_set_statement(const SignerState& log,
                                                  const PrivateKey& operator_key,
                                                  std::uint64_t time_ms);

// The whole note of a signed head: the checkpoint's text with the log's signature.
[[nodiscard]] Result<std::string> checkpoint_note(const SignerState& log, const SignedHead& head);

}  // namespace witan
