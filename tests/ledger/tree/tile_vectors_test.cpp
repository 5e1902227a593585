// Tiles, bundles and checkpoints of three logs that other software wrote.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/tree/frontier.h"
#include "ledger/tree/tile.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

namespace fs = std::filesystem;
using Hashes = std::vector<Hash32>;

std::optional<fs::path> tlog_dir(const char* what) {
  const auto dir = test::vectors_dir();
  if (dir) return *dir / "tlog";
  std::cout << what << ": outside vectors skipped\n";
  return std::nullopt;
}

struct Head {
  TreeSize size;
  Hash32 root{};
};

// The second and third line of a checkpoint. Its signatures are checked elsewhere.
Head read_head(const fs::path& path) {
  std::istringstream lines(test::read_file(path));
  std::string origin;
  std::string size;
  std::string root;
  std::getline(lines, origin);
  std::getline(lines, size);
  std::getline(lines, root);
  return {TreeSize{decimal_decode(size).value()}, hash_from_base64(root).value()};
}

// Reads tiles from a folder, each with the width that a tree of that size gives it.
NodeReader folder_reader(const fs::path& folder, TreeSize size) {
  return nodes_from_tiles([folder, size](TileId id) -> Result<std::shared_ptr<const ExpandedTile>> {
    const TilePath path{TileKind::kHashes, id, tile_width(id, size)};
    const std::string bytes = test::read_file(folder / tile_path(path));
    WITAN_ASSIGN(ExpandedTile tile, ExpandedTile::from(as_bytes(bytes)));
    REQUIRE(tile.width() == path.width);
    return std::make_shared<const ExpandedTile>(std::move(tile));
  });
}

// Big-endian number of `width` bytes, taken off the front.
std::size_t take_number(BytesView& rest, std::size_t width) {
  REQUIRE(rest.size() >= width);
  std::size_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | rest[i];
  rest = rest.subspan(width);
  return value;
}

void skip(BytesView& rest, std::size_t size) {
  REQUIRE(rest.size() >= size);
  rest = rest.subspan(size);
}

// Leaf hashes of an entry bundle: entries with two-byte lengths.
Hashes bundle_leaves(const std::string& bundle) {
  Hashes leaves;
  BytesView rest = as_bytes(bundle);
  while (!rest.empty()) {
    const std::size_t size = take_number(rest, 2);
    REQUIRE(rest.size() >= size);
    leaves.push_back(leaf_hash(rest.first(size)));
    rest = rest.subspan(size);
  }
  return leaves;
}

// Leaf hashes of a Static CT data tile: version and leaf type (both 0) before the TimestampedEntry
// (RFC 6962 section 3.4); what follows it in a TileLeaf is not hashed.
Hashes ct_leaves(const std::string& data) {
  Hashes leaves;
  BytesView rest = as_bytes(data);
  while (!rest.empty()) {
    const BytesView entry = rest;
    skip(rest, 8);
    const bool precertificate = take_number(rest, 2) == 1;
    if (precertificate) skip(rest, 32);
    skip(rest, take_number(rest, 3));
    skip(rest, take_number(rest, 2));
    Bytes leaf(2);
    append(leaf, entry.first(entry.size() - rest.size()));
    leaves.push_back(leaf_hash(leaf));
    if (precertificate) skip(rest, take_number(rest, 3));
    skip(rest, take_number(rest, 2));
  }
  return leaves;
}

Hashes tile_hashes(const fs::path& path) {
  const std::string bytes = test::read_file(path);
  const auto tile = ExpandedTile::from(as_bytes(bytes));
  REQUIRE(tile);
  Hashes hashes;
  for (std::uint32_t i = 0; i < tile->width(); ++i) hashes.push_back(tile->node(0, i));
  return hashes;
}

void check_all_proofs(const Hashes& leaves, const Head& head, const NodeReader& nodes) {
  REQUIRE(leaves.size() == head.size.value);
  Frontier frontier;
  for (std::uint64_t i = 0; i < leaves.size(); ++i) {
    const auto inclusion = inclusion_proof(LeafIndex{i}, head.size, nodes);
    REQUIRE(inclusion);
    REQUIRE(verify_inclusion(LeafIndex{i}, head.size, leaves[i], *inclusion, head.root));
    frontier.append(leaves[i]);
    const auto consistency = consistency_proof(frontier.size(), head.size, nodes);
    REQUIRE(consistency);
    REQUIRE(
        verify_consistency(frontier.size(), head.size, *consistency, frontier.root(), head.root));
  }
  CHECK(frontier.root() == head.root);
}

}  // namespace

TEST_CASE("tile vectors: each width of a small log gives the root of its checkpoint") {
  const auto dir = tlog_dir("small log");
  if (!dir) return;
  const fs::path folder = *dir / "tiles/tessera-testdata";
  std::optional<Head> before;
  for (int number = 0; number <= 15; ++number) {
    const std::string name =
        "tessera-testdata-" + std::string(number < 10 ? "0" : "") + std::to_string(number);
    const Head head = read_head(*dir / "checkpoints" / (name + ".txt"));
    INFO(name);
    const NodeReader nodes = folder_reader(folder, head.size);
    CHECK(tree_root(head.size, nodes) == head.root);
    if (head.size.value != 0) {
      const TilePath bundle{TileKind::kEntries, {}, tile_width({}, head.size)};
      check_all_proofs(bundle_leaves(test::read_file(folder / tile_path(bundle))), head, nodes);
    }
    if (before) {
      const auto proof = consistency_proof(before->size, head.size, nodes);
      REQUIRE(proof);
      CHECK(verify_consistency(before->size, head.size, *proof, before->root, head.root));
    }
    before = head;
  }
  std::cout << "small log: checkpoints checked against tiles and entries: 16\n";
}

TEST_CASE("tile vectors: a mirror's tiles of 300 leaves give its checkpoint's root") {
  const auto dir = tlog_dir("mirror");
  if (!dir) return;
  const fs::path folder = *dir / "tiles/skylight-mirror-rome";
  const Head head = read_head(folder / "checkpoint");
  REQUIRE(head.size == TreeSize{300});
  CHECK(read_head(*dir / "checkpoints/skylight-mirror-rome.txt").root == head.root);
  const NodeReader nodes = folder_reader(folder, head.size);
  CHECK(tree_root(head.size, nodes) == head.root);
  // The mirror's entry bundles are compressed, so leaf hashes come from the level 0 tiles.
  Hashes leaves = tile_hashes(folder / "tile/0/000");
  for (const Hash32& leaf : tile_hashes(folder / "tile/0/001.p/44")) leaves.push_back(leaf);
  check_all_proofs(leaves, head, nodes);
  for (const TilePath& path : new_tiles(TreeSize{0}, head.size)) {
    CHECK(fs::exists(folder / tile_path(path)));
  }
  std::cout << "mirror: leaves checked: " << leaves.size() << "\n";
}

TEST_CASE("tile vectors: a certificate log's data tiles hash to its hash tiles") {
  const auto dir = tlog_dir("certificate log");
  if (!dir) return;
  const fs::path folder = *dir / "tiles/static-ct-navigli2025h2/tile";
  std::size_t count = 0;
  for (const char* name : {"000", "001", "002", "003", "003.p/10"}) {
    INFO(name);
    const Hashes hashes = tile_hashes(folder / "0" / name);
    const Hashes leaves = ct_leaves(test::read_file(folder / "data" / name));
    CHECK(leaves == hashes);
    count += leaves.size();
    Frontier frontier;
    frontier.append(leaves);
    const std::string bytes = test::read_file(folder / "0" / name);
    const auto tile = ExpandedTile::from(as_bytes(bytes));
    REQUIRE(tile);
    if (tile->width() == kTileWidth) CHECK(tile->node(kTileHeight, 0) == frontier.root());
  }
  std::cout << "certificate log: leaves checked: " << count << "\n";
}

}  // namespace witan
