#pragma once
// Which subtrees a witness may cosign: the rules, without I/O. They run inside the signer, as those
// of cosigning.h. Source: C2SP tlog-witness, section "sign-subtree".

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/note.h"
#include "ledger/tree/proof.h"
#include "witness/add_checkpoint.h"
#include "witness/cosigning.h"

namespace witan {

// Different lines of one own key in one note; each is verified. A witness signs a checkpoint once.
inline constexpr std::size_t kOwnLinesPerKeyMax = 4;

// A subtree that may be cosigned, of the log with that origin.
struct CosignableSubtree {
  std::string origin;
  Subtree subtree;
  Hash32 hash{};
};

// The lines over the subtree, one for each key that can sign some; or why there are none.
using SubtreeResult = tl::expected<std::vector<NoteSignature>, CosignError>;

// Judges one request. `own`: the witness's keys, of types 4 and 6. `mark`: that of the reference
// checkpoint's origin (its first line), null when nothing was ever cosigned for it. Refused as
// malformed: no checkpoint, a range that is no subtree or ends above the checkpoint; as bad
// signature: no line of the own ML-DSA-44 key, more than kOwnLinesPerKeyMax different ones, or any
// own line that is forged (an Ed25519 line alone does not do: it is of no key that signs
// subtrees); as unprocessable: hash or proof. As unavailable: a checkpoint that the witness has
// cosigned and that its mark contradicts (or that has none), since then the mark is an old copy. An
// own line without a time counts: it is over a subtree that starts at
// 0, of which the same was checked.
[[nodiscard]] tl::expected<CosignableSubtree, CosignError> check_subtree_cosignable(
    const SignSubtreeRequest& request, std::span<const VerifierKey> own, const CosignMark* mark);

}  // namespace witan
