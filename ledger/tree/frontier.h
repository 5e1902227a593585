#pragma once
// The compact right edge of a Merkle tree: the roots of its maximal full subtrees, largest first.
// Enough to append for ever and to know the root, in at most 62 hashes.
// Source: RFC 9162 section 2.1.1 (Merkle Tree Hash).

#include <span>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

class Frontier {
 public:
  Frontier() = default;

  // From a size and the hashes that hashes() gave for it. kMalformed when their number is not the
  // number of one bits of the size, or the size is above 2^62.
  static Result<Frontier> restore(TreeSize size, std::vector<Hash32> hashes);

  // Leaf hashes (not entries). The tree may not grow above 2^62 leaves: an invariant, asserted.
  void append(const Hash32& leaf);
  void append(std::span<const Hash32> leaves);

  [[nodiscard]] TreeSize size() const { return size_; }
  [[nodiscard]] const std::vector<Hash32>& hashes() const { return hashes_; }
  // SHA-256("") for the empty tree.
  [[nodiscard]] Hash32 root() const;

 private:
  TreeSize size_;
  std::vector<Hash32> hashes_;
};

}  // namespace witan
