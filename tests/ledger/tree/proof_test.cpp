#include "ledger/tree/proof.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "tests/ledger/tree/reference_tree.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

using test::Hashes;
using test::ReferenceTree;

constexpr std::size_t kLeaves = 300;
constexpr std::uint64_t kHuge = std::uint64_t{1} << 63;
constexpr std::uint64_t kUint64Max = ~std::uint64_t{0};

// Calls `check` with the proof after flipping each of its bits in turn.
template <typename Check>
void with_each_bit_flipped(Hashes proof, const Check& check) {
  for (Hash32& hash : proof) {
    for (std::size_t bit = 0; bit < 256; ++bit) {
      const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
      hash[bit / 8] ^= mask;
      check(proof);
      hash[bit / 8] ^= mask;
    }
  }
}

// Calls `check` with the proof one hash too short, at either end, and one too long.
template <typename Check>
void with_wrong_lengths(const Hashes& proof, const Check& check) {
  Hashes longer = proof;
  longer.push_back(Hash32{});
  check(longer);
  longer.insert(longer.begin(), 100'000, Hash32{});
  check(longer);
  if (proof.empty()) return;
  check(Hashes(proof.begin(), proof.end() - 1));
  check(Hashes(proof.begin() + 1, proof.end()));
  check(Hashes());
}

// A tree of up to 2^62 leaves that are all alike but one.
class SparseTree {
 public:
  explicit SparseTree(std::uint64_t special) : special_(special) {
    plain_.push_back(leaf_hash(as_bytes("plain")));
    marked_.push_back(leaf_hash(as_bytes("special")));
    for (unsigned level = 0; level < 62; ++level) {
      const bool right = ((special >> level) & 1) != 0;
      marked_.push_back(right ? node_hash(plain_[level], marked_[level])
                              : node_hash(marked_[level], plain_[level]));
      plain_.push_back(node_hash(plain_[level], plain_[level]));
    }
  }

  [[nodiscard]] const Hash32& marked_leaf() const { return marked_[0]; }
  [[nodiscard]] NodeReader reader() const {
    return [this](NodeId id) -> Result<Hash32> { return node(id.level, id.index); };
  }
  // MTH of [start, end) by its definition.
  [[nodiscard]] Hash32 mth(std::uint64_t start, std::uint64_t end) const {
    const std::uint64_t size = end - start;
    if (std::has_single_bit(size)) {
      const auto level = static_cast<unsigned>(std::countr_zero(size));
      return node(level, start >> level);
    }
    const std::uint64_t middle = start + std::bit_floor(size);
    return node_hash(mth(start, middle), mth(middle, end));
  }

 private:
  [[nodiscard]] Hash32 node(unsigned level, std::uint64_t index) const {
    return (special_ >> level) == index ? marked_.at(level) : plain_.at(level);
  }

  std::uint64_t special_;
  Hashes plain_;
  Hashes marked_;
};

}  // namespace

TEST_CASE("proof: roots and inclusion proofs are the defined ones for all trees up to 300") {
  const ReferenceTree tree(kLeaves);
  const NodeReader nodes = tree.reader();
  CHECK(tree_root(TreeSize{0}, nodes) == empty_root());
  for (std::size_t size = 1; size <= kLeaves; ++size) {
    const Hash32 root = tree.mth(0, size);
    REQUIRE(tree_root(TreeSize{size}, nodes) == root);
    for (std::size_t index = 0; index < size; ++index) {
      const auto proof = inclusion_proof(LeafIndex{index}, TreeSize{size}, nodes);
      REQUIRE(proof == tree.path(index, 0, size));
      REQUIRE(verify_inclusion(LeafIndex{index}, TreeSize{size}, tree.leaf(index), *proof, root));
    }
  }
}

TEST_CASE("proof: consistency proofs are the defined ones for all pairs of trees up to 300") {
  const ReferenceTree tree(kLeaves);
  const NodeReader nodes = tree.reader();
  for (std::size_t to = 1; to <= kLeaves; ++to) {
    for (std::size_t from = 1; from <= to; ++from) {
      const auto proof = consistency_proof(TreeSize{from}, TreeSize{to}, nodes);
      REQUIRE(proof == tree.proof(from, to));
      REQUIRE(verify_consistency(TreeSize{from}, TreeSize{to}, *proof, tree.mth(0, from),
                                 tree.mth(0, to)));
    }
  }
}

TEST_CASE("proof: an inclusion proof with any bit flipped, leaf or place changed is refused") {
  const ReferenceTree tree(kLeaves);
  for (const std::size_t size : {1u, 2u, 7u, 64u, 65u, 300u}) {
    const Hash32 root = tree.mth(0, size);
    for (std::size_t index = 0; index < size; index += 1 + size / 3) {
      const LeafIndex at{index};
      const Hashes proof = tree.path(index, 0, size);
      const auto refuse = [&](const Hashes& changed) {
        const auto result = verify_inclusion(at, TreeSize{size}, tree.leaf(index), changed, root);
        REQUIRE(!result);
        REQUIRE(result.error().code == ErrorCode::kBadProof);
      };
      with_each_bit_flipped(proof, refuse);
      with_wrong_lengths(proof, refuse);
      const Hash32& other = tree.leaf((index + 1) % kLeaves);
      CHECK(!verify_inclusion(at, TreeSize{size}, other, proof, root));
      CHECK(!verify_inclusion(at, TreeSize{size}, tree.leaf(index), proof, Hash32{}));
      for (std::size_t wrong = 0; wrong < size; ++wrong) {
        if (wrong == index) continue;
        CHECK(!verify_inclusion(LeafIndex{wrong}, TreeSize{size}, tree.leaf(index), proof, root));
      }
    }
  }
}

TEST_CASE("proof: a consistency proof with any bit flipped or root changed is refused") {
  const ReferenceTree tree(kLeaves);
  for (const std::size_t to : {2u, 7u, 64u, 65u, 300u}) {
    for (std::size_t from = 1; from < to; from += 1 + to / 5) {
      const Hash32 root_from = tree.mth(0, from);
      const Hash32 root_to = tree.mth(0, to);
      const Hashes proof = tree.proof(from, to);
      const auto refuse = [&](const Hashes& changed) {
        const auto result =
            verify_consistency(TreeSize{from}, TreeSize{to}, changed, root_from, root_to);
        REQUIRE(!result);
        REQUIRE(result.error().code == ErrorCode::kBadProof);
      };
      with_each_bit_flipped(proof, refuse);
      with_wrong_lengths(proof, refuse);
      CHECK(!verify_consistency(TreeSize{from}, TreeSize{to}, proof, root_to, root_to));
      CHECK(!verify_consistency(TreeSize{from}, TreeSize{to}, proof, root_from, root_from));
      CHECK(!verify_consistency(TreeSize{to}, TreeSize{from}, proof, root_to, root_from));
    }
  }
}

TEST_CASE("proof: consistency from the empty tree and of equal trees takes no hashes") {
  const ReferenceTree tree(5);
  const Hash32 root = tree.mth(0, 5);
  const Hashes none;
  CHECK(consistency_proof(TreeSize{0}, TreeSize{5}, tree.reader()) == none);
  CHECK(consistency_proof(TreeSize{5}, TreeSize{5}, tree.reader()) == none);
  CHECK(consistency_proof(TreeSize{0}, TreeSize{0}, tree.reader()) == none);
  CHECK(verify_consistency(TreeSize{0}, TreeSize{5}, none, empty_root(), root));
  CHECK(verify_consistency(TreeSize{0}, TreeSize{0}, none, empty_root(), empty_root()));
  CHECK(verify_consistency(TreeSize{5}, TreeSize{5}, none, root, root));
  CHECK(!verify_consistency(TreeSize{0}, TreeSize{5}, none, root, root));
  CHECK(!verify_consistency(TreeSize{0}, TreeSize{5}, Hashes{root}, empty_root(), root));
  CHECK(!verify_consistency(TreeSize{0}, TreeSize{0}, none, empty_root(), root));
  CHECK(!verify_consistency(TreeSize{5}, TreeSize{5}, none, root, empty_root()));
  CHECK(!verify_consistency(TreeSize{5}, TreeSize{5}, Hashes{root}, root, root));
}

TEST_CASE("proof: hostile indexes and sizes are refused with their numbers named") {
  const NodeReader never = [](NodeId) -> Result<Hash32> {
    return fail(ErrorCode::kIo, "the reader was called");
  };
  const Hash32 hash{};
  const Hashes proof(63);
  for (const std::uint64_t size : {std::uint64_t{0}, limits::kTreeSizeMax + 1, kHuge, kUint64Max}) {
    for (const std::uint64_t index : {std::uint64_t{0}, size - 1, size, kHuge, kUint64Max}) {
      const LeafIndex at{index};
      const TreeSize of{size};
      CHECK(inclusion_proof(at, of, never).error().code == ErrorCode::kMalformed);
      CHECK(root_from_inclusion(at, of, hash, proof).error().code == ErrorCode::kBadProof);
      CHECK(verify_inclusion(at, of, hash, proof, hash).error().code == ErrorCode::kBadProof);
    }
    if (size == 0) continue;
    CHECK(tree_root(TreeSize{size}, never).error().code == ErrorCode::kMalformed);
    for (const std::uint64_t from : {std::uint64_t{0}, std::uint64_t{1}, size - 1, size}) {
      const auto made = consistency_proof(TreeSize{from}, TreeSize{size}, never);
      CHECK(made.error().code == ErrorCode::kMalformed);
      CHECK(!verify_consistency(TreeSize{from}, TreeSize{size}, proof, hash, hash));
      CHECK(!verify_consistency(TreeSize{from}, TreeSize{size}, {}, empty_root(), hash));
    }
  }
  const auto beyond = verify_inclusion(LeafIndex{7}, TreeSize{7}, hash, proof, hash);
  CHECK_THAT(beyond.error().message, ContainsSubstring("leaf 7 is not inside [0, 7)"));
  const auto backwards = consistency_proof(TreeSize{8}, TreeSize{7}, never);
  CHECK_THAT(backwards.error().message, ContainsSubstring("from size 8 to 7"));
}

TEST_CASE("proof: an error of the reader is the error of the proof") {
  const NodeReader broken = [](NodeId) -> Result<Hash32> {
    return fail(ErrorCode::kNotFound, "no such tile");
  };
  CHECK(tree_root(TreeSize{3}, broken).error().code == ErrorCode::kNotFound);
  CHECK(inclusion_proof(LeafIndex{1}, TreeSize{3}, broken).error().message == "no such tile");
  CHECK(consistency_proof(TreeSize{2}, TreeSize{3}, broken).error().code == ErrorCode::kNotFound);
}

TEST_CASE("proof: trees of up to 2^62 leaves") {
  const std::uint64_t top = limits::kTreeSizeMax;
  for (const std::uint64_t special :
       {std::uint64_t{0}, std::uint64_t{12345}, top / 2 - 1, top / 2, top / 3, top - 3, top - 1}) {
    const SparseTree tree(special);
    const NodeReader nodes = tree.reader();
    for (const std::uint64_t size : {special + 1, top / 2 + 1, top / 5 * 3, top - 1, top}) {
      const Hash32 root = tree.mth(0, size);
      REQUIRE(tree_root(TreeSize{size}, nodes) == root);
      if (special < size) {
        const LeafIndex at{special};
        const auto proof = inclusion_proof(at, TreeSize{size}, nodes);
        REQUIRE(proof);
        REQUIRE(proof->size() <= limits::kProofHashesMax);
        CHECK(verify_inclusion(at, TreeSize{size}, tree.marked_leaf(), *proof, root));
        CHECK(!verify_inclusion(LeafIndex{special ^ 1}, TreeSize{size}, tree.marked_leaf(), *proof,
                                root));
      }
      for (const std::uint64_t from : {std::uint64_t{1}, special + 1, size / 2, size - 1, size}) {
        if (from == 0 || from > size) continue;
        const auto proof = consistency_proof(TreeSize{from}, TreeSize{size}, nodes);
        REQUIRE(proof);
        REQUIRE(proof->size() <= limits::kProofHashesMax);
        const Hash32 root_from = tree.mth(0, from);
        CHECK(verify_consistency(TreeSize{from}, TreeSize{size}, *proof, root_from, root));
        with_wrong_lengths(*proof, [&](const Hashes& changed) {
          CHECK(!verify_consistency(TreeSize{from}, TreeSize{size}, changed, root_from, root));
        });
      }
    }
  }
}

}  // namespace witan
