#pragma once
// Receipts and proofs, assembled from what the store holds. Needs no key.

#include <optional>
#include <string>

#include "config/result.h"
#include "ledger/format/receipt.h"
#include "ledger/ports/store.h"
#include "node/tile_cache.h"

namespace witan {

// A leaf, the head that its receipts refer to (the first that was published over it, so that every
// node gives the same bytes), and the path between them.
struct Located {
  LeafIndex index;
  PublishedHead head;
  std::vector<Hash32> path;
};

// nullopt when the leaf is not covered by a published head yet.
[[nodiscard]] Result<std::optional<Located>> locate(ReadView& view, TileCache& tiles,
                                                    LeafIndex index);

// RFC 9942 receipt with the witnessed checkpoint embedded.
[[nodiscard]] Bytes receipt_of(const Located& located);
// The same facts as a C2SP tlog-proof; `extra` is left out.
[[nodiscard]] std::string tlog_proof_of(const Located& located);

}  // namespace witan
