#pragma once
// Expanded tiles that proofs were lately made from. A tile costs 255 hashes to expand, and a proof
// of a tree of a million leaves needs three, of which two are nearly always the same.

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "ledger/ports/store.h"
#include "ledger/tree/tile.h"

namespace witan {

// Any thread may use it.
class TileCache {
 public:
  explicit TileCache(std::size_t tiles_max) : tiles_max_(tiles_max) {}

  // The tile, at least as wide as a tree of `size` leaves has it, read from the view when it is not
  // kept. A wider one serves too: the nodes of complete subtrees never change. Errors are the
  // view's.
  Result<std::shared_ptr<const ExpandedTile>> get(ReadView& view, TileId tile, TreeSize size);

 private:
  struct TileIdHash {
    std::size_t operator()(const TileId& tile) const noexcept {
      return std::hash<std::uint64_t>{}(tile.index * 16 + tile.level);
    }
  };
  struct Kept {
    std::shared_ptr<const ExpandedTile> tile;
    std::list<TileId>::iterator age;
  };

  const std::size_t tiles_max_;
  std::mutex mutex_;
  std::list<TileId> by_age_;                           // newest first; guarded by mutex_
  std::unordered_map<TileId, Kept, TileIdHash> kept_;  // guarded by mutex_
};

// A NodeReader over a view and the cache, for proofs in a tree of `size` leaves. All three must
// outlive it.
[[nodiscard]] NodeReader nodes_of(ReadView& view, TileCache& cache, TreeSize size);

}  // namespace witan
