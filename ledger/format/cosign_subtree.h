#pragma once
// ML-DSA-44 lines (type 6) over subtrees, and over checkpoints, which are subtrees from 0.
// Source: C2SP tlog-cosignature, section "ML-DSA-44 signed message".

#include "config/result.h"
#include "ledger/crypto/ml_dsa_key.h"
#include "ledger/format/cosignature.h"
#include "ledger/format/note.h"

namespace witan {

// Signs under the statement's cosigner as key name. kMalformed (subtree_message, or no key name),
// kBadSignature (as MlDsa44Key::sign).
[[nodiscard]] Result<NoteSignature> cosign_subtree(const SubtreeStatement& statement,
                                                   const MlDsa44Key& key);

// Checks a line over a subtree against a key of type 6. The statement's cosigner and time are not
// looked at: the key's name and the line's time take their places. kUnknownKey for a line or a key
// of another name, id or type.
[[nodiscard]] SignatureCheck check_subtree_signature(const SubtreeStatement& statement,
                                                     const NoteSignature& line,
                                                     const VerifierKey& key);

}  // namespace witan
