#pragma once
// What a receipt file holds and where its proofs lead, before any key is asked.

#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "ledger/format/receipt.h"
#include "ledger/format/tlog_proof.h"

namespace witan {

// What a receipt file holds: a COSE receipt, with or without checkpoint, or a tlog-proof.
struct OpenedReceipt {
  std::optional<Receipt> receipt;
  std::optional<TlogProof> proof;
  std::string signed_note;
  std::optional<Note> note;
  std::optional<Checkpoint> checkpoint;
};
// kMalformed, kTooLarge, kUnsupported; kBadProof for proofs that nobody here would check.
[[nodiscard]] Result<OpenedReceipt> open_receipt(BytesView bytes);

// Where the proofs lead from an entry.
struct LedTo {
  Hash32 root{};
  std::optional<TreeSize> size;  // none under vds 2
  std::optional<LeafIndex> index;
  std::vector<Hash32> path;
};
// kBadProof when they do not fit their tree sizes, each other, or the entry.
[[nodiscard]] Result<LedTo> follow_proofs(const OpenedReceipt& opened, const Hash32& entry);

}  // namespace witan
