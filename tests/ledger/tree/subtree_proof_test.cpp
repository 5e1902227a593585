#include <cstddef>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/tree/proof.h"
#include "tests/ledger/tree/reference_tree.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

using test::Hashes;
using test::ReferenceTree;

constexpr std::uint64_t kSubtreeLeaves = 130;

std::string range(std::uint64_t start, std::uint64_t end) {
  return "[" + std::to_string(start) + ", " + std::to_string(end) + ")";
}

std::string compact_range(const Subtree& subtree) {
  return "[" + std::to_string(subtree.start) + "," + std::to_string(subtree.end) + ")";
}

void write_proof(std::ostream& out, const Hashes& proof) {
  for (const Hash32& hash : proof) out << ' ' << hex_encode(hash);
  out << '\n';
}

std::string digest(const std::ostringstream& text) {
  return hex_encode(sha256(as_bytes(text.str())));
}

// The vectors write large numbers as strings.
std::uint64_t number(const nlohmann::json& value) {
  if (!value.is_string()) return value.get<std::uint64_t>();
  const auto decoded = decimal_decode(value.get<std::string>());
  REQUIRE(decoded);
  return *decoded;
}

// The vectors count empty ranges as valid, with the root of the empty tree and no proof. Witan does
// not take them: no signature over nothing is wanted.
template <typename Visit>
void for_each_subtree(std::uint64_t size, const Visit& visit) {
  for (std::uint64_t end = 0; end <= size; ++end) {
    for (std::uint64_t start = 0; start <= end; ++start) {
      if (start == end || Subtree{start, end}.valid()) visit(Subtree{start, end});
    }
  }
}

std::string subtree_hash_digest(const NodeReader& nodes) {
  std::ostringstream text;
  for_each_subtree(kSubtreeLeaves, [&](Subtree subtree) {
    Hash32 root = empty_root();
    if (subtree.start != subtree.end) root = subtree_root(subtree, nodes).value();
    text << range(subtree.start, subtree.end) << ' ' << hex_encode(root) << '\n';
  });
  return digest(text);
}

std::string consistency_digest(const NodeReader& nodes) {
  std::ostringstream text;
  for (std::uint64_t size = 0; size <= kSubtreeLeaves; ++size) {
    for_each_subtree(size, [&](Subtree subtree) {
      Hashes proof;
      if (subtree.start != subtree.end) {
        proof = subtree_consistency_proof(subtree, TreeSize{size}, nodes).value();
      }
      text << range(subtree.start, subtree.end) << ' ' << size;
      write_proof(text, proof);
    });
  }
  return digest(text);
}

std::string inclusion_digest(const NodeReader& nodes) {
  std::ostringstream text;
  for_each_subtree(kSubtreeLeaves, [&](Subtree subtree) {
    for (std::uint64_t index = subtree.start; index < subtree.end; ++index) {
      text << index << ' ' << range(subtree.start, subtree.end);
      write_proof(text, subtree_inclusion_proof(LeafIndex{index}, subtree, nodes).value());
    }
  });
  return digest(text);
}

std::string covering_digest() {
  std::ostringstream text;
  for (std::uint64_t end = 0; end <= kSubtreeLeaves; ++end) {
    for (std::uint64_t start = 0; start <= end; ++start) {
      const auto cover = covering_subtrees(start, end);
      text << range(cover.first.start, cover.first.end) << ' '
           << range(cover.second.start, cover.second.end) << '\n';
    }
  }
  return digest(text);
}

}  // namespace

TEST_CASE("subtree: valid when it starts at a multiple of its rounded-up length") {
  CHECK(Subtree{0, 1}.valid());
  CHECK(Subtree{8, 13}.valid());
  CHECK(Subtree{6, 8}.valid());
  CHECK(!Subtree{2, 6}.valid());
  CHECK(!Subtree{5, 13}.valid());
  CHECK(!Subtree{5, 5}.valid());
  CHECK(!Subtree{5, 3}.valid());
  CHECK(Subtree{0, limits::kTreeSizeMax}.valid());
  CHECK(Subtree{limits::kTreeSizeMax - 1, limits::kTreeSizeMax}.valid());
  CHECK(!Subtree{0, limits::kTreeSizeMax + 1}.valid());
  CHECK(!Subtree{0, ~std::uint64_t{0}}.valid());
  CHECK(!Subtree{~std::uint64_t{0} - 1, ~std::uint64_t{0}}.valid());
}

TEST_CASE("subtree: proofs are the defined ones for every valid subtree of trees up to 130") {
  const ReferenceTree tree(kSubtreeLeaves);
  const NodeReader nodes = tree.reader();
  for (std::uint64_t size = 1; size <= kSubtreeLeaves; ++size) {
    for_each_subtree(size, [&](Subtree subtree) {
      if (subtree.start == subtree.end) return;
      const Hash32 hash = tree.mth(subtree.start, subtree.end);
      REQUIRE(subtree_root(subtree, nodes) == hash);
      const auto proof = subtree_consistency_proof(subtree, TreeSize{size}, nodes);
      REQUIRE(proof == tree.subtree_proof(subtree.start, subtree.end, size));
      REQUIRE(verify_subtree_consistency(subtree, TreeSize{size}, *proof, hash, tree.mth(0, size)));
      REQUIRE(!verify_subtree_consistency(subtree, TreeSize{size}, *proof, Hash32{},
                                          tree.mth(0, size)));
      REQUIRE(!verify_subtree_consistency(subtree, TreeSize{size}, *proof, hash, Hash32{}));
    });
  }
}

TEST_CASE("subtree: a leaf's proof is its path inside the subtree") {
  const ReferenceTree tree(kSubtreeLeaves);
  const NodeReader nodes = tree.reader();
  for_each_subtree(kSubtreeLeaves, [&](Subtree subtree) {
    const Hash32 hash = tree.mth(subtree.start, subtree.end);
    for (std::uint64_t index = subtree.start; index < subtree.end; ++index) {
      const LeafIndex at{index};
      const auto proof = subtree_inclusion_proof(at, subtree, nodes);
      REQUIRE(proof == tree.path(index - subtree.start, subtree.start, subtree.end));
      REQUIRE(verify_subtree_inclusion(at, subtree, tree.leaf(index), *proof, hash));
      REQUIRE(!verify_subtree_inclusion(at, subtree, Hash32{}, *proof, hash));
    }
  });
}

TEST_CASE("subtree: a consistency proof with any bit flipped or of another length is refused") {
  const ReferenceTree tree(14);
  const Hash32 root = tree.mth(0, 14);
  for_each_subtree(14, [&](Subtree subtree) {
    if (subtree.start == subtree.end) return;
    const Hash32 hash = tree.mth(subtree.start, subtree.end);
    Hashes proof = tree.subtree_proof(subtree.start, subtree.end, 14);
    for (std::size_t i = 0; i < proof.size(); ++i) {
      for (std::size_t bit = 0; bit < 256; ++bit) {
        Hashes changed = proof;
        changed[i][bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        REQUIRE(!verify_subtree_consistency(subtree, TreeSize{14}, changed, hash, root));
      }
    }
    proof.push_back(Hash32{});
    REQUIRE(!verify_subtree_consistency(subtree, TreeSize{14}, proof, hash, root));
    proof.pop_back();
    if (proof.empty()) return;
    proof.pop_back();
    REQUIRE(!verify_subtree_consistency(subtree, TreeSize{14}, proof, hash, root));
  });
}

TEST_CASE("subtree: what is not valid or not inside the tree is refused") {
  const ReferenceTree tree(16);
  const NodeReader nodes = tree.reader();
  const Hash32 hash{};
  const Subtree bad[] = {{2, 6},
                         {5, 5},
                         {5, 3},
                         {0, 17},
                         {16, 17},
                         {0, limits::kTreeSizeMax + 1},
                         {std::uint64_t{1} << 63, ~std::uint64_t{0}}};
  for (const Subtree& subtree : bad) {
    const auto proof = subtree_consistency_proof(subtree, TreeSize{16}, nodes);
    REQUIRE(!proof);
    CHECK(proof.error().code == ErrorCode::kMalformed);
    const auto verified = verify_subtree_consistency(subtree, TreeSize{16}, {}, hash, hash);
    REQUIRE(!verified);
    CHECK(verified.error().code == ErrorCode::kBadProof);
  }
  CHECK(subtree_root({2, 6}, nodes).error().message == "[2, 6) is not a valid subtree");
  CHECK(!subtree_root({5, 5}, nodes));
  CHECK(!subtree_inclusion_proof(LeafIndex{3}, {4, 8}, nodes));
  CHECK(!subtree_inclusion_proof(LeafIndex{8}, {4, 8}, nodes));
  CHECK(!subtree_inclusion_proof(LeafIndex{3}, {2, 6}, nodes));
  CHECK(!verify_subtree_inclusion(LeafIndex{3}, {4, 8}, hash, Hashes(2), hash));
  CHECK(!verify_subtree_inclusion(LeafIndex{~std::uint64_t{0}}, {4, 8}, hash, Hashes(2), hash));
}

TEST_CASE("subtree: two subtrees cover any interval, end to end") {
  for (std::uint64_t end = 0; end <= 70; ++end) {
    for (std::uint64_t start = 0; start <= end; ++start) {
      const auto cover = covering_subtrees(start, end);
      CHECK(cover.first.end == cover.second.start);
      CHECK(cover.second.end == end);
      CHECK(cover.first.start <= start);
      CHECK((start == end || cover.first.valid()));
      CHECK((end - start < 2 || cover.second.valid()));
    }
  }
  CHECK_THROWS_AS(covering_subtrees(2, 1), std::invalid_argument);
  CHECK_THROWS_AS(covering_subtrees(0, ~std::uint64_t{0}), std::invalid_argument);
}

TEST_CASE("subtree: outside digests over all subtrees of 130 leaves are reproduced") {
  const auto dir = test::vectors_dir();
  if (!dir) {
    std::cout << "subtree digests: outside vectors skipped\n";
    return;
  }
  const auto vectors =
      nlohmann::json::parse(test::read_file(*dir / "tlog/merkle/subtree-accumulated.json"));
  const ReferenceTree tree(kSubtreeLeaves, 1);
  const NodeReader nodes = tree.reader();
  const auto& digests = vectors.at("digests");
  const auto expected = [&](const char* name) {
    return digests.at(name).at("sha256").get<std::string>();
  };
  CHECK(subtree_hash_digest(nodes) == expected("subtree_hash"));
  CHECK(consistency_digest(nodes) == expected("subtree_consistency_proof"));
  CHECK(inclusion_digest(nodes) == expected("record_in_subtree_proof"));
  CHECK(covering_digest() == expected("cover_interval"));

  std::size_t cases = 0;
  for (const auto& item : vectors.at("valid_subtree_cases")) {
    const Subtree subtree{number(item.at(0)), number(item.at(1))};
    const bool empty = subtree.start == subtree.end;
    CHECK((subtree.valid() || empty) == item.at(2).get<bool>());
    ++cases;
  }
  for (const auto& [interval, cover] : vectors.at("cover_interval_cases").items()) {
    const std::size_t comma = interval.find(',');
    const auto start = decimal_decode(interval.substr(1, comma - 1));
    const auto end = decimal_decode(interval.substr(comma + 1, interval.size() - comma - 2));
    REQUIRE((start && end));
    const auto [left, right] = covering_subtrees(*start, *end);
    CHECK(compact_range(left) + "+" + compact_range(right) == cover.get<std::string>());
    ++cases;
  }
  REQUIRE(cases > 0);
  std::cout << "subtree digests checked: 4, subtree cases checked: " << cases << "\n";
}

}  // namespace witan
