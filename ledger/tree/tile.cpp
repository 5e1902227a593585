#include "ledger/tree/tile.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::string_view kPrefix = "tile/";
constexpr std::string_view kEntries = "entries/";
constexpr std::string_view kStatements = "statements/";
constexpr std::string_view kPartial = ".p/";
// An index has at most 17 digits: six elements.
constexpr std::size_t kPathCharsMax = 64;
constexpr std::uint64_t kLevelMax = 63;

tl::unexpected<Error> bad_path(std::string_view path, std::string_view why) {
  return fail(ErrorCode::kMalformed, "tile path \"" + std::string(path.substr(0, kPathCharsMax)) +
                                         "\": " + std::string(why));
}

// Takes the prefix off the text when it is there.
bool consume(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Hashes that a tree of that size has at a tile level.
std::uint64_t hashes_at(unsigned level, TreeSize size) {
  return level < kTileLevels ? size.value >> (level * kTileHeight) : 0;
}

std::string three_digits(std::uint64_t value) {
  const std::string digits = std::to_string(value);
  return std::string(3 - digits.size(), '0') + digits;
}

// "x001/x234/067". False when the text is not of that form; leading zero elements are found by
// writing the path again.
bool parse_index(std::string_view text, std::uint64_t& index) {
  index = 0;
  while (true) {
    const bool more = consume(text, "x");
    if (text.size() < 3) return false;
    for (const char digit : text.substr(0, 3)) {
      if (digit < '0' || digit > '9') return false;
      index = index * 10 + static_cast<std::uint64_t>(digit - '0');
    }
    text.remove_prefix(3);
    if (!more) return text.empty();
    if (index > limits::kTreeSizeMax / 1000 || !consume(text, "/")) return false;
  }
}

}  // namespace

std::string tile_path(const TilePath& path) {
  std::string text(kPrefix);
  switch (path.kind) {
    case TileKind::kHashes:
      text += std::to_string(path.tile.level) + "/";
      break;
    case TileKind::kEntries:
      text += kEntries;
      break;
    case TileKind::kStatements:
      text += kStatements;
      break;
  }
  std::string index = three_digits(path.tile.index % 1000);
  for (std::uint64_t rest = path.tile.index / 1000; rest != 0; rest /= 1000) {
    index.insert(0, "/").insert(0, three_digits(rest % 1000)).insert(0, "x");
  }
  text += index;
  if (path.width < kTileWidth) text += std::string(kPartial) + std::to_string(path.width);
  return text;
}

Result<TilePath> parse_tile_path(std::string_view path) {
  if (path.size() > kPathCharsMax) return bad_path(path, "longer than any tile's path");
  std::string_view rest = path;
  if (!consume(rest, kPrefix)) return bad_path(path, "expected to begin with \"tile/\"");
  TilePath parsed;
  if (consume(rest, kEntries)) {
    parsed.kind = TileKind::kEntries;
  } else if (consume(rest, kStatements)) {
    parsed.kind = TileKind::kStatements;
  } else {
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) return bad_path(path, "expected a level and an index");
    const auto level = decimal_decode(rest.substr(0, slash));
    if (!level || *level > kLevelMax) return bad_path(path, "expected a level from 0 to 63");
    parsed.tile.level = static_cast<unsigned>(*level);
    rest.remove_prefix(slash + 1);
  }
  if (const std::size_t dot = rest.find('.'); dot != std::string_view::npos) {
    std::string_view partial = rest.substr(dot);
    rest = rest.substr(0, dot);
    if (!consume(partial, kPartial)) return bad_path(path, "expected \".p/\" and a width");
    const auto width = decimal_decode(partial);
    if (!width || *width == 0 || *width >= kTileWidth) {
      return bad_path(path, "expected a partial width from 1 to 255");
    }
    parsed.width = static_cast<std::uint32_t>(*width);
  }
  if (!parse_index(rest, parsed.tile.index)) {
    return bad_path(path, "expected an index in elements of three digits, like x001/x234/067");
  }
  if (tile_path(parsed) != path) return bad_path(path, "expected an index without leading zeroes");
  if (tile_width(parsed.tile, TreeSize{limits::kTreeSizeMax}) < parsed.width) {
    return bad_path(path, "no tree of at most 2^62 leaves has that tile");
  }
  return parsed;
}

std::uint32_t tile_width(TileId tile, TreeSize size) {
  const std::uint64_t hashes = hashes_at(tile.level, size);
  if (tile.index > hashes / kTileWidth) return 0;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(kTileWidth, hashes - tile.index * kTileWidth));
}

std::vector<TilePath> new_tiles(TreeSize from, TreeSize to) {
  std::vector<TilePath> tiles;
  for (unsigned level = 0; level < kTileLevels; ++level) {
    const std::uint64_t hashes_to = hashes_at(level, to);
    if (hashes_to <= hashes_at(level, from)) continue;
    const std::uint64_t last = (hashes_to - 1) / kTileWidth;
    for (std::uint64_t i = hashes_at(level, from) / kTileWidth; i <= last; ++i) {
      const TileId tile{level, i};
      tiles.push_back({TileKind::kHashes, tile, tile_width(tile, to)});
    }
  }
  return tiles;
}

Result<ExpandedTile> ExpandedTile::from(BytesView hashes) {
  constexpr std::size_t kHashBytes = sizeof(Hash32);
  if (hashes.empty() || hashes.size() % kHashBytes != 0 ||
      hashes.size() > kTileWidth * kHashBytes) {
    return fail(ErrorCode::kMalformed, "tile of " + std::to_string(hashes.size()) +
                                           " bytes, expected 1 to 256 hashes of 32 bytes");
  }
  ExpandedTile tile;
  tile.width_ = static_cast<std::uint32_t>(hashes.size() / kHashBytes);
  // Fewer than two nodes a hash: each height has at most half of the one below.
  tile.nodes_.reserve(std::size_t{2} * tile.width_);
  tile.nodes_.resize(tile.width_);
  for (std::size_t i = 0; i < tile.width_; ++i) {
    std::copy_n(hashes.begin() + static_cast<std::ptrdiff_t>(i * kHashBytes), kHashBytes,
                tile.nodes_[i].begin());
  }
  std::size_t below = 0;
  for (unsigned height = 1; height <= kTileHeight; ++height) {
    const std::size_t start = tile.nodes_.size();
    tile.starts_[height] = static_cast<std::uint16_t>(start);
    for (std::size_t i = 0; i < tile.width_ >> height; ++i) {
      tile.nodes_.push_back(node_hash(tile.nodes_[below + 2 * i], tile.nodes_[below + 2 * i + 1]));
    }
    below = start;
  }
  return tile;
}

const Hash32& ExpandedTile::node(unsigned height, std::uint32_t index) const {
  if (height > kTileHeight || index >= width_ >> height) {
    throw std::out_of_range("node " + std::to_string(index) + " of height " +
                            std::to_string(height) + " is outside a tile of width " +
                            std::to_string(width_));
  }
  return nodes_[starts_[height] + index];
}

NodeReader nodes_from_tiles(TileReader tile) {
  return [tile = std::move(tile)](NodeId node) -> Result<Hash32> {
    const unsigned height = node.level % kTileHeight;
    const unsigned bits = kTileHeight - height;
    const TileId id{node.level / kTileHeight, node.index >> bits};
    const auto inside = static_cast<std::uint32_t>(node.index & ((std::uint64_t{1} << bits) - 1));
    WITAN_ASSIGN(const std::shared_ptr<const ExpandedTile> expanded, tile(id));
    if (inside >= expanded->width() >> height) {
      return fail(ErrorCode::kMalformed, tile_path({TileKind::kHashes, id, kTileWidth}) + " has " +
                                             std::to_string(expanded->width()) +
                                             " hashes, expected at least " +
                                             std::to_string((inside + 1) << height));
    }
    return expanded->node(height, inside);
  };
}

}  // namespace witan
