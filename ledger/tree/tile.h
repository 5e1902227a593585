#pragma once
// Tiles: the stored and served form of a Merkle tree. A tile of level L, index N holds up to 256
// roots of subtrees of 256^L leaves each.
// Source: C2SP tlog-tiles.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/tree/proof.h"

namespace witan {

inline constexpr unsigned kTileHeight = 8;
inline constexpr std::uint32_t kTileWidth = 256;
// Levels that a tree of up to 2^62 leaves can have tiles at.
inline constexpr unsigned kTileLevels = 8;

struct TileId {
  unsigned level = 0;
  std::uint64_t index = 0;
  friend constexpr auto operator<=>(const TileId&, const TileId&) = default;
};

// What a path below "tile/" names.
enum class TileKind { kHashes, kEntries, kStatements };

struct TilePath {
  TileKind kind = TileKind::kHashes;
  TileId tile;                       // level 0 for bundles
  std::uint32_t width = kTileWidth;  // 1..256; 256 is the full tile, without ".p/W"
  friend constexpr auto operator<=>(const TilePath&, const TilePath&) = default;
};

// "tile/0/x001/x234/067.p/44", "tile/entries/000", "tile/statements/000.p/1".
[[nodiscard]] std::string tile_path(const TilePath& path);
// Accepts exactly what tile_path writes (levels 0..63; kMalformed names what is wrong), and nothing
// that no tree of up to 2^62 leaves can have.
[[nodiscard]] Result<TilePath> parse_tile_path(std::string_view path);

// Hashes that the tile has in a tree of that size: 0 when the tile does not exist yet, 256 when
// full.
[[nodiscard]] std::uint32_t tile_width(TileId tile, TreeSize size);
// Every tile (with its width) that a tree of `to` leaves has and a tree of `from` leaves has not,
// or has narrower; by level, then index.
[[nodiscard]] std::vector<TilePath> new_tiles(TreeSize from, TreeSize to);

// All nodes inside one tile: level 0 holds its hashes, level 8 its root (full tiles only).
class ExpandedTile {
 public:
  // width*32 bytes, 1 to 256 hashes. kMalformed otherwise.
  static Result<ExpandedTile> from(BytesView hashes);
  [[nodiscard]] std::uint32_t width() const { return width_; }
  // The root of the 2^height hashes that start at index << height; they must lie within the width.
  [[nodiscard]] const Hash32& node(unsigned height, std::uint32_t index) const;

 private:
  std::uint32_t width_ = 0;
  std::vector<Hash32> nodes_;                            // height by height
  std::array<std::uint16_t, kTileHeight + 1> starts_{};  // where each height begins in nodes_
};

// A NodeReader over tiles: `tile` gives the expanded tile for an id, wide enough for the tree size
// that is asked about. Shared pointers, so that a cache may hand out what it keeps.
using TileReader = std::function<Result<std::shared_ptr<const ExpandedTile>>(TileId)>;
[[nodiscard]] NodeReader nodes_from_tiles(TileReader tile);

}  // namespace witan
