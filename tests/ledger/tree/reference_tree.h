#pragma once
// Merkle trees by the recursive definitions, as slow and as plain as the specifications write them,
// for comparison: RFC 9162 sections 2.1.1 (MTH), 2.1.3.1 (PATH), 2.1.4.1 (PROOF and SUBPROOF) and
// the Merkle Tree Certificates draft's SUBTREE_PROOF.

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ledger/bytes.h"
#include "ledger/crypto/sha256.h"
#include "ledger/tree/proof.h"

namespace witan::test {

using Hashes = std::vector<Hash32>;

class ReferenceTree {
 public:
  // Leaf i is hashed from the bytes of i, the lowest first, as many as given.
  explicit ReferenceTree(std::size_t size, std::size_t entry_bytes = 2) {
    for (std::size_t i = 0; i < size; ++i) {
      Bytes entry;
      for (std::size_t b = 0; b < entry_bytes; ++b) {
        entry.push_back(static_cast<std::uint8_t>(i >> (8 * b)));
      }
      leaves_.push_back(leaf_hash(entry));
    }
  }

  [[nodiscard]] const Hashes& leaves() const { return leaves_; }
  [[nodiscard]] const Hash32& leaf(std::size_t index) const { return leaves_.at(index); }

  // MTH(D[from:to])
  [[nodiscard]] Hash32 mth(std::size_t from, std::size_t to) const {
    if (from == to) return sha256(BytesView());
    if (to - from == 1) return leaves_.at(from);
    const auto found = roots_.find({from, to});
    if (found != roots_.end()) return found->second;
    const std::size_t middle = from + split(to - from);
    const Hash32 root = node_hash(mth(from, middle), mth(middle, to));
    roots_.emplace(std::pair(from, to), root);
    return root;
  }

  // PATH(m, D[from:to])
  [[nodiscard]] Hashes path(std::size_t m, std::size_t from, std::size_t to) const {
    if (to - from == 1) return {};
    const std::size_t k = split(to - from);
    const std::size_t middle = from + k;
    if (m < k) return joined(path(m, from, middle), mth(middle, to));
    return joined(path(m - k, middle, to), mth(from, middle));
  }

  // PROOF(m, D[0:n])
  [[nodiscard]] Hashes proof(std::size_t m, std::size_t n) const { return subproof(m, 0, n, true); }

  // SUBTREE_PROOF(start, end, D[0:n])
  [[nodiscard]] Hashes subtree_proof(std::size_t start, std::size_t end, std::size_t n) const {
    return subtree_subproof(start, end, 0, n, true);
  }

  // The full subtrees of this tree, and an exception for every other.
  [[nodiscard]] NodeReader reader() const {
    return [this](NodeId node) -> Result<Hash32> {
      const std::uint64_t start = node.index << node.level;
      const std::uint64_t end = start + (std::uint64_t{1} << node.level);
      if (end > leaves_.size()) throw std::out_of_range("a node outside the tree was asked for");
      return mth(start, end);
    };
  }

 private:
  // The largest power of two below n.
  static std::size_t split(std::size_t n) {
    std::size_t k = 1;
    while (2 * k < n) k *= 2;
    return k;
  }

  static Hashes joined(Hashes front, const Hash32& back) {
    front.push_back(back);
    return front;
  }

  [[nodiscard]] Hashes subproof(std::size_t m, std::size_t from, std::size_t to, bool b) const {
    if (m == to - from) return b ? Hashes{} : Hashes{mth(from, to)};
    const std::size_t k = split(to - from);
    const std::size_t middle = from + k;
    if (m <= k) return joined(subproof(m, from, middle, b), mth(middle, to));
    return joined(subproof(m - k, middle, to, false), mth(from, middle));
  }

  [[nodiscard]] Hashes subtree_subproof(std::size_t start, std::size_t end, std::size_t from,
                                        std::size_t to, bool b) const {
    if (start == 0 && end == to - from) return b ? Hashes{} : Hashes{mth(from, to)};
    const std::size_t k = split(to - from);
    const std::size_t middle = from + k;
    if (end <= k) return joined(subtree_subproof(start, end, from, middle, b), mth(middle, to));
    if (k <= start) {
      return joined(subtree_subproof(start - k, end - k, middle, to, b), mth(from, middle));
    }
    return joined(subtree_subproof(0, end - k, middle, to, false), mth(from, middle));
  }

  Hashes leaves_;
  mutable std::map<std::pair<std::size_t, std::size_t>, Hash32> roots_;
};

}  // namespace witan::test
