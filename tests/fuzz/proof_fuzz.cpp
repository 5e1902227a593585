// Proofs of any numbers and hashes. Input: three big-endian numbers of 8 bytes, then hashes.
// No input may crash or verify two leaves at one place; every proof that Witan makes verifies.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "ledger/bytes.h"
#include "ledger/crypto/sha256.h"
#include "ledger/tree/proof.h"

namespace {

using witan::Hash32;
using witan::LeafIndex;
using witan::Result;
using witan::Subtree;
using witan::TreeSize;

void require(bool condition) {
  if (!condition) std::abort();
}

// A root for each full subtree; hashes of all leaves are alike.
Result<Hash32> node_of_equal_leaves(witan::NodeId id) {
  static const std::vector<Hash32> levels = [] {
    std::vector<Hash32> made{Hash32{}};
    while (made.size() < 63) made.push_back(witan::node_hash(made.back(), made.back()));
    return made;
  }();
  require(id.level < levels.size());
  require(id.index < (std::uint64_t{1} << (62 - id.level)));
  return levels[id.level];
}

void check_given(std::uint64_t a, std::uint64_t b, std::uint64_t c,
                 const std::vector<Hash32>& proof) {
  const Hash32 leaf{};
  const auto root = witan::root_from_inclusion(LeafIndex{a}, TreeSize{b}, leaf, proof);
  if (root) {
    require(witan::verify_inclusion(LeafIndex{a}, TreeSize{b}, leaf, proof, *root).has_value());
    Hash32 other = leaf;
    other[0] = 1;
    require(!witan::verify_inclusion(LeafIndex{a}, TreeSize{b}, other, proof, *root));
    require(a < b && proof.size() <= 62);
  }
  const Hash32 first = proof.empty() ? witan::empty_root() : proof.front();
  const Hash32 last = proof.empty() ? first : proof.back();
  (void)witan::verify_consistency(TreeSize{a}, TreeSize{b}, proof, first, last);
  (void)witan::verify_subtree_inclusion(LeafIndex{c}, {a, b}, first, proof, last);
  (void)witan::verify_subtree_consistency({a, b}, TreeSize{c}, proof, first, last);
}

void check_made(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  const witan::NodeReader nodes = node_of_equal_leaves;
  const auto root = witan::tree_root(TreeSize{b}, nodes);
  const auto inclusion = witan::inclusion_proof(LeafIndex{a}, TreeSize{b}, nodes);
  require(inclusion.has_value() == (root.has_value() && a < b));
  if (inclusion) {
    require(witan::verify_inclusion(LeafIndex{a}, TreeSize{b}, Hash32{}, *inclusion, *root)
                .has_value());
  }
  const auto consistency = witan::consistency_proof(TreeSize{a}, TreeSize{b}, nodes);
  require(consistency.has_value() == (root.has_value() && a <= b));
  if (consistency) {
    const auto from = witan::tree_root(TreeSize{a}, nodes);
    require(from.has_value());
    require(witan::verify_consistency(TreeSize{a}, TreeSize{b}, *consistency, *from, *root)
                .has_value());
  }
  const Subtree subtree{a, b};
  const auto whole = witan::tree_root(TreeSize{c}, nodes);
  const auto proof = witan::subtree_consistency_proof(subtree, TreeSize{c}, nodes);
  require(proof.has_value() == (subtree.valid() && whole.has_value() && b <= c));
  if (proof) {
    const auto hash = witan::subtree_root(subtree, nodes);
    require(hash.has_value());
    require(
        witan::verify_subtree_consistency(subtree, TreeSize{c}, *proof, *hash, *whole).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 24 || size > 24 + 70 * sizeof(Hash32)) return 0;
  std::uint64_t numbers[3] = {};
  for (std::size_t i = 0; i < 24; ++i) numbers[i / 8] = numbers[i / 8] << 8 | data[i];
  std::vector<Hash32> proof((size - 24) / sizeof(Hash32));
  for (std::size_t i = 0; i < proof.size(); ++i) {
    std::copy_n(data + 24 + i * sizeof(Hash32), sizeof(Hash32), proof[i].begin());
  }
  check_given(numbers[0], numbers[1], numbers[2], proof);
  check_made(numbers[0], numbers[1], numbers[2]);
  return 0;
}
