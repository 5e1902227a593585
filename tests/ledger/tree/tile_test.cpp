#include "ledger/tree/tile.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/limits.h"
#include "tests/ledger/tree/reference_tree.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

using test::Hashes;
using test::ReferenceTree;

constexpr std::uint64_t kTop = limits::kTreeSizeMax;

Bytes joined(std::span<const Hash32> hashes) {
  Bytes bytes;
  for (const Hash32& hash : hashes) append(bytes, hash);
  return bytes;
}

// All tiles of a tree, made by their definition.
class TiledTree {
 public:
  explicit TiledTree(const Hashes& leaves) {
    Hashes level = leaves;
    for (unsigned number = 0; !level.empty(); ++number) {
      Hashes next;
      for (std::size_t start = 0; start < level.size(); start += kTileWidth) {
        const std::size_t width = std::min<std::size_t>(kTileWidth, level.size() - start);
        auto tile = ExpandedTile::from(joined(std::span(level).subspan(start, width)));
        if (width == kTileWidth) next.push_back(tile.value().node(kTileHeight, 0));
        tiles_[{number, start / kTileWidth}] = std::make_shared<ExpandedTile>(*std::move(tile));
      }
      level = next;
    }
  }

  [[nodiscard]] NodeReader reader() const {
    return nodes_from_tiles([this](TileId id) -> Result<std::shared_ptr<const ExpandedTile>> {
      const auto found = tiles_.find(id);
      if (found == tiles_.end()) return fail(ErrorCode::kNotFound, "no such tile");
      return found->second;
    });
  }

 private:
  std::map<TileId, std::shared_ptr<const ExpandedTile>> tiles_;
};

}  // namespace

TEST_CASE("tile: paths are written and read as the specification shows them") {
  const std::vector<std::pair<std::string, TilePath>> examples = {
      {"tile/0/000", {TileKind::kHashes, {0, 0}, 256}},
      {"tile/0/x001/x234/067", {TileKind::kHashes, {0, 1234067}, 256}},
      {"tile/0/x001/x234/067.p/44", {TileKind::kHashes, {0, 1234067}, 44}},
      {"tile/3/999.p/1", {TileKind::kHashes, {3, 999}, 1}},
      {"tile/1/x001/000.p/255", {TileKind::kHashes, {1, 1000}, 255}},
      {"tile/entries/000", {TileKind::kEntries, {0, 0}, 256}},
      {"tile/entries/x123/456.p/7", {TileKind::kEntries, {0, 123456}, 7}},
      {"tile/statements/000.p/1", {TileKind::kStatements, {0, 0}, 1}},
      {"tile/7/000.p/64", {TileKind::kHashes, {7, 0}, 64}},
      {"tile/6/063", {TileKind::kHashes, {6, 63}, 256}},
      {"tile/0/x018/x014/x398/x509/x481/983", {TileKind::kHashes, {0, (kTop >> 8) - 1}, 256}},
  };
  for (const auto& [text, path] : examples) {
    INFO(text);
    CHECK(tile_path(path) == text);
    CHECK(parse_tile_path(text) == path);
  }
}

TEST_CASE("tile: every other spelling of a path is refused") {
  const std::vector<std::string> bad = {"",
                                        "/",
                                        "tile",
                                        "tile/",
                                        "/tile/0/000",
                                        "tile//000",
                                        "tile/0",
                                        "tile/0/",
                                        "tile/0/0",
                                        "tile/0/00",
                                        "tile/0/0000",
                                        "tile/0/000/",
                                        "tile/0/000 ",
                                        " tile/0/000",
                                        "tile/00/000",
                                        "tile/01/000",
                                        "tile/-1/000",
                                        "tile/+1/000",
                                        "tile/64/000",
                                        "tile/a/000",
                                        "tile/0/x000/001",
                                        "tile/0/x001",
                                        "tile/0/x001/",
                                        "tile/0/001/002",
                                        "tile/0/x001/x002",
                                        "tile/0/x001x002",
                                        "tile/0/x0001/002",
                                        "tile/0/X001/002",
                                        "tile/0/000.p",
                                        "tile/0/000.p/",
                                        "tile/0/000.p/0",
                                        "tile/0/000.p/01",
                                        "tile/0/000.p/256",
                                        "tile/0/000.p/1/",
                                        "tile/0/000.p/1.p/1",
                                        "tile/0/000.q/1",
                                        "tile/0/000p/1",
                                        "tile/0/.p/1",
                                        "tile/0/000.P/1",
                                        "tile/0/000.p/-1",
                                        "tile/0/000.p/4294967297",
                                        "tile/0/000%2ep/1",
                                        "tile/0/../000",
                                        "tile/0//000",
                                        "tile/entries",
                                        "tile/entries/",
                                        "tile/entries/0/000",
                                        "tile/Entries/000",
                                        "tile/data/000",
                                        "tile/names/000",
                                        "tile/entriesx/000",
                                        "tile/statements/",
                                        "tile/statements/0",
                                        std::string("tile/0/000\0", 11),
                                        std::string("tile/0/0\0000", 11),
                                        "tile/0/00\xc3\xa9",
                                        "tile/0/" + std::string(100'000, 'x'),
                                        std::string(1'000'000, '/')};
  for (const std::string& text : bad) {
    INFO(text.substr(0, 80));
    const auto parsed = parse_tile_path(text);
    REQUIRE(!parsed);
    CHECK(parsed.error().code == ErrorCode::kMalformed);
    CHECK(parsed.error().message.size() < 200);
  }
}

TEST_CASE("tile: paths that no tree of up to 2^62 leaves has are refused") {
  for (const char* text :
       {"tile/7/000", "tile/7/000.p/65", "tile/7/001.p/1", "tile/6/064.p/1", "tile/8/000.p/1",
        "tile/63/000.p/1", "tile/0/x018/x014/x398/x509/x481/984",
        "tile/0/x018/x014/x398/x509/x481/984.p/1", "tile/0/x999/x999/x999/x999/x999/999",
        "tile/0/x018/x446/x744/x073/x709/x551/616", "tile/entries/x999/x999/x999/x999/x999/999"}) {
    INFO(text);
    CHECK(!parse_tile_path(text));
  }
  CHECK_THAT(parse_tile_path("tile/8/000.p/1").error().message, ContainsSubstring("no tree"));
}

TEST_CASE("tile: a tree of 70,000 leaves has the tiles that the specification counts") {
  const TreeSize size{70'000};
  CHECK(tile_width({0, 0}, size) == 256);
  CHECK(tile_width({0, 272}, size) == 256);
  CHECK(tile_width({0, 273}, size) == 112);
  CHECK(tile_width({0, 274}, size) == 0);
  CHECK(tile_width({1, 0}, size) == 256);
  CHECK(tile_width({1, 1}, size) == 17);
  CHECK(tile_width({2, 0}, size) == 1);
  CHECK(tile_width({2, 1}, size) == 0);
  CHECK(tile_width({3, 0}, size) == 0);
  CHECK(new_tiles(TreeSize{0}, size).size() == 274 + 2 + 1);
  CHECK(tile_width({0, 0}, TreeSize{256}) == 256);
  CHECK(tile_width({1, 0}, TreeSize{256}) == 1);
}

TEST_CASE("tile: widths of huge trees and of levels that do not exist") {
  CHECK(tile_width({7, 0}, TreeSize{kTop}) == 64);
  CHECK(tile_width({7, 1}, TreeSize{kTop}) == 0);
  CHECK(tile_width({0, (kTop >> 8) - 1}, TreeSize{kTop}) == 256);
  CHECK(tile_width({0, kTop >> 8}, TreeSize{kTop}) == 0);
  CHECK(tile_width({0, (kTop >> 8) - 1}, TreeSize{kTop - 1}) == 255);
  CHECK(tile_width({0, ~std::uint64_t{0}}, TreeSize{kTop}) == 0);
  CHECK(tile_width({8, 0}, TreeSize{kTop}) == 0);
  CHECK(tile_width({63, 0}, TreeSize{kTop}) == 0);
  CHECK(tile_width({~0u, 0}, TreeSize{~std::uint64_t{0}}) == 0);
}

TEST_CASE("tile: new tiles are exactly those that are wider than before") {
  const std::vector<std::uint64_t> sizes = {0,   1,   2,     255,    256,    257,    300,
                                            511, 512, 1'000, 65'535, 65'536, 65'537, 66'000};
  for (const std::uint64_t from : sizes) {
    for (const std::uint64_t to : sizes) {
      std::vector<TilePath> expected;
      for (unsigned level = 0; level < kTileLevels && from <= to; ++level) {
        for (std::uint64_t index = 0; tile_width({level, index}, TreeSize{to}) != 0; ++index) {
          const std::uint32_t width = tile_width({level, index}, TreeSize{to});
          if (width > tile_width({level, index}, TreeSize{from})) {
            expected.push_back({TileKind::kHashes, {level, index}, width});
          }
        }
      }
      REQUIRE(new_tiles(TreeSize{from}, TreeSize{to}) == expected);
    }
  }
  // The last leaf of the largest tree widens one tile at each level.
  CHECK(new_tiles(TreeSize{kTop - 1}, TreeSize{kTop}).size() == kTileLevels);
}

TEST_CASE("tile: an expanded tile holds the roots of all full subtrees, for each width") {
  const ReferenceTree tree(kTileWidth);
  for (std::uint32_t width = 1; width <= kTileWidth; ++width) {
    const auto tile = ExpandedTile::from(joined(std::span(tree.leaves()).first(width)));
    REQUIRE(tile);
    REQUIRE(tile->width() == width);
    for (unsigned height = 0; height <= kTileHeight; ++height) {
      const std::uint32_t count = width >> height;
      for (std::uint32_t index = 0; index < count; ++index) {
        const std::size_t start = std::size_t{index} << height;
        REQUIRE(tile->node(height, index) == tree.mth(start, start + (std::size_t{1} << height)));
      }
      CHECK_THROWS_AS(tile->node(height, count), std::out_of_range);
    }
    CHECK_THROWS_AS(tile->node(kTileHeight + 1, 0), std::out_of_range);
  }
}

TEST_CASE("tile: bytes that are not 1 to 256 hashes are refused") {
  for (const std::size_t size : {0u, 1u, 31u, 33u, 8'191u, 8'193u, 8'224u, 1'000'000u}) {
    const auto tile = ExpandedTile::from(Bytes(size));
    REQUIRE(!tile);
    CHECK(tile.error().code == ErrorCode::kMalformed);
    CHECK_THAT(tile.error().message, ContainsSubstring("tile of " + std::to_string(size)));
  }
}

TEST_CASE("tile: proofs read from tiles are the defined ones") {
  for (const std::size_t size : {1u, 2u, 255u, 256u, 257u, 600u, 1'025u}) {
    const ReferenceTree tree(size);
    const TiledTree tiles(tree.leaves());
    const NodeReader nodes = tiles.reader();
    REQUIRE(tree_root(TreeSize{size}, nodes) == tree.mth(0, size));
    for (std::size_t i = 0; i < size; i += 1 + size / 50) {
      REQUIRE(inclusion_proof(LeafIndex{i}, TreeSize{size}, nodes) == tree.path(i, 0, size));
      REQUIRE(consistency_proof(TreeSize{i + 1}, TreeSize{size}, nodes) == tree.proof(i + 1, size));
    }
  }
}

TEST_CASE("tile: proofs of a tree with three levels of tiles") {
  const std::uint64_t size = 65'536 + 300;
  const ReferenceTree tree(size, 3);
  const TiledTree tiles(tree.leaves());
  const NodeReader nodes = tiles.reader();
  const Hash32 root = tree.mth(0, size);
  REQUIRE(tree_root(TreeSize{size}, nodes) == root);
  for (const std::uint64_t index :
       {std::uint64_t{0}, std::uint64_t{65'535}, std::uint64_t{65'536}, size - 1}) {
    CHECK(inclusion_proof(LeafIndex{index}, TreeSize{size}, nodes) == tree.path(index, 0, size));
    CHECK(consistency_proof(TreeSize{index + 1}, TreeSize{size}, nodes) ==
          tree.proof(index + 1, size));
  }
}

TEST_CASE("tile: a tile that is too narrow or missing is an error, not a wrong proof") {
  const ReferenceTree tree(600);
  const auto narrow = ExpandedTile::from(joined(std::span(tree.leaves()).first(200)));
  REQUIRE(narrow);
  const auto shared = std::make_shared<const ExpandedTile>(*narrow);
  const NodeReader nodes = nodes_from_tiles(
      [&](TileId) -> Result<std::shared_ptr<const ExpandedTile>> { return shared; });
  const auto root = tree_root(TreeSize{250}, nodes);
  REQUIRE(!root);
  CHECK(root.error().code == ErrorCode::kMalformed);
  CHECK(nodes({7, 1}).error().message == "tile/0/000 has 200 hashes, expected at least 256");
  CHECK(nodes({3, 24}) == tree.mth(192, 200));

  const TiledTree tiles(tree.leaves());
  CHECK(tree_root(TreeSize{601}, tiles.reader()).error().code == ErrorCode::kMalformed);
  CHECK(tree_root(TreeSize{2'001}, tiles.reader()).error().code == ErrorCode::kNotFound);
}

}  // namespace witan
