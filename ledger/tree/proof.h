#pragma once
// Inclusion, consistency and subtree proofs: made from a source of node hashes, verified from
// nothing but the proof.
// Sources: RFC 9162 sections 2.1.3 and 2.1.4; subtrees: draft-ietf-plants-merkle-tree-certs, as
// used by C2SP tlog-cosignature and tlog-witness (sign-subtree).

#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

// The root of the full subtree of 2^level leaves that starts at leaf index << level.
struct NodeId {
  unsigned level = 0;
  std::uint64_t index = 0;
  friend constexpr auto operator<=>(const NodeId&, const NodeId&) = default;
};

// Gives the hash of a full subtree. Called only for subtrees inside the tree that is asked about.
using NodeReader = std::function<Result<Hash32>(NodeId)>;

// [start, end) of a tree. Valid when start < end <= 2^62 and start is a multiple of the smallest
// power of two that is not below end - start.
struct Subtree {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  [[nodiscard]] bool valid() const;
  friend bool operator==(const Subtree&, const Subtree&) = default;
};

// The two subtrees that together hold the leaves of [start, end), end to end; the left one may
// begin earlier. Of an interval of at most one leaf the right one is empty. The interval must be
// one (start <= end <= 2^62): an invariant, asserted. Source: draft, "Arbitrary Intervals".
[[nodiscard]] std::pair<Subtree, Subtree> covering_subtrees(std::uint64_t start, std::uint64_t end);

// Root of the first `size` leaves; kMalformed above 2^62. Other errors are the reader's.
[[nodiscard]] Result<Hash32> tree_root(TreeSize size, const NodeReader& nodes);
// Root of a valid subtree (kMalformed when not valid).
[[nodiscard]] Result<Hash32> subtree_root(Subtree subtree, const NodeReader& nodes);

// PATH(index, D[size]), leaf to root. kMalformed when index >= size.
[[nodiscard]] Result<std::vector<Hash32>> inclusion_proof(LeafIndex index, TreeSize size,
                                                          const NodeReader& nodes);
// PROOF(from, D[to]); empty when from is 0 or equal to `to`. kMalformed when from > to.
[[nodiscard]] Result<std::vector<Hash32>> consistency_proof(TreeSize from, TreeSize to,
                                                            const NodeReader& nodes);
// Proof that the leaf is in the subtree / that the subtree is part of the tree of `size` leaves.
[[nodiscard]] Result<std::vector<Hash32>> subtree_inclusion_proof(LeafIndex index, Subtree subtree,
                                                                  const NodeReader& nodes);
[[nodiscard]] Result<std::vector<Hash32>> subtree_consistency_proof(Subtree subtree, TreeSize size,
                                                                    const NodeReader& nodes);

// The root that an inclusion proof leads to. kBadProof when index >= size or the number of hashes
// is not the exact one for that position.
[[nodiscard]] Result<Hash32> root_from_inclusion(LeafIndex index, TreeSize size, const Hash32& leaf,
                                                 std::span<const Hash32> proof);
// kBadProof unless the proof leads to the root.
[[nodiscard]] Result<void> verify_inclusion(LeafIndex index, TreeSize size, const Hash32& leaf,
                                            std::span<const Hash32> proof, const Hash32& root);
// kBadProof unless the first tree is a prefix of the second. From size 0: empty_root and an empty
// proof. Equal sizes: equal roots and an empty proof.
[[nodiscard]] Result<void> verify_consistency(TreeSize from, TreeSize to,
                                              std::span<const Hash32> proof,
                                              const Hash32& root_from, const Hash32& root_to);
[[nodiscard]] Result<void> verify_subtree_inclusion(LeafIndex index, Subtree subtree,
                                                    const Hash32& leaf,
                                                    std::span<const Hash32> proof,
                                                    const Hash32& subtree_hash);
[[nodiscard]] Result<void> verify_subtree_consistency(Subtree subtree, TreeSize size,
                                                      std::span<const Hash32> proof,
                                                      const Hash32& subtree_hash,
                                                      const Hash32& root);

}  // namespace witan
