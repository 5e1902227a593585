#include "ledger/tree/frontier.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "tests/ledger/tree/reference_tree.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

using test::Hashes;
using test::ReferenceTree;

// hashes[i] is the root of 2^i equal leaves.
Hashes equal_leaf_roots() {
  Hashes roots{leaf_hash(as_bytes("same"))};
  while (roots.size() < 63) roots.push_back(node_hash(roots.back(), roots.back()));
  return roots;
}

}  // namespace

TEST_CASE("frontier: the empty tree has the root SHA-256 of nothing") {
  CHECK(Frontier().root() == empty_root());
  CHECK(Frontier().size() == TreeSize{0});
}

TEST_CASE("frontier: appending leaf by leaf gives the defined root of every size up to 1100") {
  const ReferenceTree tree(1100);
  Frontier frontier;
  for (std::size_t size = 1; size <= 1100; ++size) {
    frontier.append(tree.leaf(size - 1));
    REQUIRE(frontier.size() == TreeSize{size});
    REQUIRE(frontier.root() == tree.mth(0, size));
  }
}

TEST_CASE("frontier: a batch is the same as its leaves one by one") {
  const ReferenceTree tree(300);
  const std::span<const Hash32> leaves = tree.leaves();
  for (std::size_t first = 0; first <= 300; first += 7) {
    Frontier frontier;
    frontier.append(leaves.subspan(0, first));
    frontier.append(leaves.subspan(first, 0));
    frontier.append(leaves.subspan(first));
    REQUIRE(frontier.root() == tree.mth(0, 300));
  }
}

TEST_CASE("frontier: restored at any size it goes on to the same root") {
  const ReferenceTree tree(150);
  Frontier frontier;
  for (std::size_t size = 0; size < 150; ++size) {
    auto restored = Frontier::restore(frontier.size(), frontier.hashes());
    REQUIRE(restored);
    CHECK(restored->root() == frontier.root());
    restored->append(std::span(tree.leaves()).subspan(size));
    REQUIRE(restored->root() == tree.mth(0, 150));
    frontier.append(tree.leaf(size));
  }
}

TEST_CASE("frontier: a wrong number of hashes or a size above 2^62 is refused") {
  const auto few = Frontier::restore(TreeSize{3}, Hashes(1));
  REQUIRE(!few);
  CHECK(few.error().code == ErrorCode::kMalformed);
  CHECK_THAT(few.error().message, ContainsSubstring("with 1 hashes, expected 2"));
  CHECK(!Frontier::restore(TreeSize{4}, Hashes(2)));
  CHECK(!Frontier::restore(TreeSize{0}, Hashes(1)));
  CHECK(!Frontier::restore(TreeSize{limits::kTreeSizeMax + 1}, Hashes(2)));
  CHECK(!Frontier::restore(TreeSize{std::uint64_t{1} << 63}, Hashes(1)));
  CHECK(!Frontier::restore(TreeSize{~std::uint64_t{0}}, Hashes(64)));
  CHECK(Frontier::restore(TreeSize{limits::kTreeSizeMax}, Hashes(1)));
}

TEST_CASE("frontier: the 2^62nd leaf completes the tree and no further one is taken") {
  const Hashes roots = equal_leaf_roots();
  auto frontier = Frontier::restore(TreeSize{limits::kTreeSizeMax - 1},
                                    Hashes(roots.rbegin() + 1, roots.rend()));
  REQUIRE(frontier);
  frontier->append(roots[0]);
  CHECK(frontier->size() == TreeSize{limits::kTreeSizeMax});
  CHECK(frontier->root() == roots[62]);
  CHECK(frontier->hashes().size() == 1);
  CHECK_THROWS_AS(frontier->append(roots[0]), std::length_error);
  CHECK(frontier->root() == roots[62]);
}

}  // namespace witan
