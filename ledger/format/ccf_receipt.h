#pragma once
// The inclusion proofs of CCF ledgers (vds 2).
// Source: draft-ietf-scitt-receipts-ccf-profile.

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/receipt.h"

namespace witan {

// {1: [tx hash, evidence, data hash], 2: [+ [left, hash]]}. kUnsupported for a list (the shape of
// vds 1), kMalformed, kTooLarge (path above kCcfPathMax, evidence above 1024 bytes).
[[nodiscard]] Result<CcfProof> parse_ccf_proof(BytesView encoded);
[[nodiscard]] Bytes encode_ccf_proof(const CcfProof& proof);

// The root that the proof leads to from its own leaf.
[[nodiscard]] Hash32 ccf_root(const CcfProof& proof);

}  // namespace witan
