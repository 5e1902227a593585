#include "ledger/tree/proof.h"

#include <array>
#include <bit>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"

namespace witan {
namespace {

// One level on the way from the root of a tree down to a subtree: the other half, whose hash the
// proof carries.
struct Step {
  Subtree sibling;
  bool sibling_left = false;
  // The other half belongs to the subtree, so its hash leads to the subtree's root too.
  bool inside = false;
};

// What a proof for `target` inside `whole` consists of. All four kinds of proof are this one:
// inclusion is the subtree of one leaf, consistency the subtree [0, from).
struct Plan {
  std::array<Step, 64> steps;  // from the root down
  std::size_t count = 0;
  // Where the way ends. When it is only the right end of the target, the proof begins with its
  // hash; otherwise it is the target itself, which the verifier has.
  Subtree base;
  bool base_in_proof = false;

  [[nodiscard]] std::size_t proof_size() const { return count + (base_in_proof ? 1 : 0); }
};

// Both ranges must be valid subtrees and `whole` must hold `target`. Each step at least halves the
// range's rounded-up length, and that is at most 2^62, so the steps fit.
Plan make_plan(Subtree target, Subtree whole) {
  Plan plan;
  while (target.start != whole.start || target.end != whole.end) {
    const std::uint64_t middle = whole.start + std::bit_ceil(whole.end - whole.start) / 2;
    Step step;
    if (target.end <= middle) {
      step.sibling = {middle, whole.end};
      whole.end = middle;
    } else {
      step.sibling = {whole.start, middle};
      step.sibling_left = true;
      whole.start = middle;
      // Else the target spans the middle: being valid, it begins where the range begins.
      if (target.start < middle) {
        step.inside = true;
        plan.base_in_proof = true;
        target.start = middle;
      }
    }
    plan.steps.at(plan.count++) = step;
  }
  plan.base = target;
  return plan;
}

std::string name_of(Subtree subtree) {
  return "[" + std::to_string(subtree.start) + ", " + std::to_string(subtree.end) + ")";
}

// The root of a valid subtree from its maximal full subtrees, which stand in it largest first.
Result<Hash32> read_root(Subtree subtree, const NodeReader& nodes) {
  std::uint64_t end = subtree.end;
  std::uint64_t rest = subtree.end - subtree.start;
  Hash32 root{};
  for (bool first = true; rest != 0; first = false) {
    const auto level = static_cast<unsigned>(std::countr_zero(rest));
    end -= std::uint64_t{1} << level;
    rest &= rest - 1;
    WITAN_ASSIGN(const Hash32 node, nodes({level, end >> level}));
    root = first ? node : node_hash(node, root);
  }
  return root;
}

Result<std::vector<Hash32>> prove(Subtree target, Subtree whole, const NodeReader& nodes) {
  const Plan plan = make_plan(target, whole);
  std::vector<Hash32> proof;
  proof.reserve(plan.proof_size());
  if (plan.base_in_proof) {
    WITAN_ASSIGN(const Hash32 base, read_root(plan.base, nodes));
    proof.push_back(base);
  }
  for (std::size_t i = plan.count; i > 0; --i) {
    WITAN_ASSIGN(const Hash32 hash, read_root(plan.steps[i - 1].sibling, nodes));
    proof.push_back(hash);
  }
  return proof;
}

struct Roots {
  Hash32 target;
  Hash32 whole;
};

// Both roots that a proof leads to, when it has the exact number of hashes.
Result<Roots> follow(Subtree target, Subtree whole, std::span<const Hash32> proof,
                     const Hash32& target_hash) {
  const Plan plan = make_plan(target, whole);
  if (proof.size() != plan.proof_size()) {
    return fail(ErrorCode::kBadProof, "proof of " + std::to_string(proof.size()) + " hashes for " +
                                          name_of(target) + " of " + name_of(whole) +
                                          ", expected " + std::to_string(plan.proof_size()));
  }
  Roots roots{target_hash, target_hash};
  if (plan.base_in_proof) {
    roots = {proof.front(), proof.front()};
    proof = proof.subspan(1);
  }
  for (std::size_t i = 0; i < plan.count; ++i) {
    const Step& step = plan.steps[plan.count - 1 - i];
    if (step.inside) roots.target = node_hash(proof[i], roots.target);
    roots.whole =
        step.sibling_left ? node_hash(proof[i], roots.whole) : node_hash(roots.whole, proof[i]);
  }
  return roots;
}

Result<void> verify(Subtree target, Subtree whole, std::span<const Hash32> proof,
                    const Hash32& target_hash, const Hash32& whole_hash) {
  WITAN_ASSIGN(const Roots roots, follow(target, whole, proof, target_hash));
  if (roots.target != target_hash) {
    return fail(ErrorCode::kBadProof,
                "proof leads to another root than the expected one of " + name_of(target));
  }
  if (roots.whole != whole_hash) {
    return fail(ErrorCode::kBadProof,
                "proof leads to another root than the expected one of " + name_of(whole));
  }
  return {};
}

// The whole tree as a subtree; it is valid exactly for sizes of 1 to 2^62.
Subtree whole_tree(TreeSize size) {
  return {0, size.value};
}

Result<void> check_valid(Subtree subtree, ErrorCode code) {
  if (subtree.valid()) return {};
  return fail(code, name_of(subtree) + " is not a valid subtree");
}

// Valid ranges, one inside the other.
Result<void> check_ranges(Subtree target, Subtree whole, ErrorCode code) {
  WITAN_TRY(check_valid(whole, code));
  WITAN_TRY(check_valid(target, code));
  if (target.start >= whole.start && target.end <= whole.end) return {};
  return fail(code, name_of(target) + " is not inside " + name_of(whole));
}

Result<Subtree> one_leaf(LeafIndex index, Subtree whole, ErrorCode code) {
  // Compared before 1 is added: the index may be 2^64 - 1.
  if (index.value < whole.start || index.value >= whole.end) {
    return fail(code, "leaf " + std::to_string(index.value) + " is not inside " + name_of(whole));
  }
  return Subtree{index.value, index.value + 1};
}

}  // namespace

bool Subtree::valid() const {
  if (start >= end || end > limits::kTreeSizeMax) return false;
  return start % std::bit_ceil(end - start) == 0;
}

Result<Hash32> tree_root(TreeSize size, const NodeReader& nodes) {
  if (size.value == 0) return empty_root();
  return subtree_root(whole_tree(size), nodes);
}

Result<Hash32> subtree_root(Subtree subtree, const NodeReader& nodes) {
  WITAN_TRY(check_valid(subtree, ErrorCode::kMalformed));
  return read_root(subtree, nodes);
}

Result<std::vector<Hash32>> inclusion_proof(LeafIndex index, TreeSize size,
                                            const NodeReader& nodes) {
  return subtree_inclusion_proof(index, whole_tree(size), nodes);
}

Result<std::vector<Hash32>> consistency_proof(TreeSize from, TreeSize to, const NodeReader& nodes) {
  if (from > to || to.value > limits::kTreeSizeMax) {
    return fail(ErrorCode::kMalformed, "no consistency proof from size " +
                                           std::to_string(from.value) + " to " +
                                           std::to_string(to.value));
  }
  if (from.value == 0) return std::vector<Hash32>();
  return subtree_consistency_proof(whole_tree(from), to, nodes);
}

Result<std::vector<Hash32>> subtree_inclusion_proof(LeafIndex index, Subtree subtree,
                                                    const NodeReader& nodes) {
  WITAN_ASSIGN(const Subtree leaf, one_leaf(index, subtree, ErrorCode::kMalformed));
  WITAN_TRY(check_ranges(leaf, subtree, ErrorCode::kMalformed));
  return prove(leaf, subtree, nodes);
}

Result<std::vector<Hash32>> subtree_consistency_proof(Subtree subtree, TreeSize size,
                                                      const NodeReader& nodes) {
  WITAN_TRY(check_ranges(subtree, whole_tree(size), ErrorCode::kMalformed));
  return prove(subtree, whole_tree(size), nodes);
}

Result<Hash32> root_from_inclusion(LeafIndex index, TreeSize size, const Hash32& leaf,
                                   std::span<const Hash32> proof) {
  const Subtree whole = whole_tree(size);
  WITAN_ASSIGN(const Subtree target, one_leaf(index, whole, ErrorCode::kBadProof));
  WITAN_TRY(check_ranges(target, whole, ErrorCode::kBadProof));
  WITAN_ASSIGN(const Roots roots, follow(target, whole, proof, leaf));
  return roots.whole;
}

Result<void> verify_inclusion(LeafIndex index, TreeSize size, const Hash32& leaf,
                              std::span<const Hash32> proof, const Hash32& root) {
  return verify_subtree_inclusion(index, whole_tree(size), leaf, proof, root);
}

Result<void> verify_consistency(TreeSize from, TreeSize to, std::span<const Hash32> proof,
                                const Hash32& root_from, const Hash32& root_to) {
  if (from.value != 0) {
    return verify_subtree_consistency(whole_tree(from), to, proof, root_from, root_to);
  }
  if (to.value > limits::kTreeSizeMax) {
    return fail(ErrorCode::kBadProof,
                "tree of " + std::to_string(to.value) + " leaves, expected at most 2^62");
  }
  if (!proof.empty()) {
    return fail(ErrorCode::kBadProof, "proof of " + std::to_string(proof.size()) +
                                          " hashes from the empty tree, expected none");
  }
  if (root_from != empty_root() || (to.value == 0 && root_to != empty_root())) {
    return fail(ErrorCode::kBadProof, "root of the empty tree is not SHA-256 of nothing");
  }
  return {};
}

Result<void> verify_subtree_inclusion(LeafIndex index, Subtree subtree, const Hash32& leaf,
                                      std::span<const Hash32> proof, const Hash32& subtree_hash) {
  WITAN_ASSIGN(const Subtree target, one_leaf(index, subtree, ErrorCode::kBadProof));
  WITAN_TRY(check_ranges(target, subtree, ErrorCode::kBadProof));
  return verify(target, subtree, proof, leaf, subtree_hash);
}

Result<void> verify_subtree_consistency(Subtree subtree, TreeSize size,
                                        std::span<const Hash32> proof, const Hash32& subtree_hash,
                                        const Hash32& root) {
  const Subtree whole = whole_tree(size);
  WITAN_TRY(check_ranges(subtree, whole, ErrorCode::kBadProof));
  return verify(subtree, whole, proof, subtree_hash, root);
}

std::pair<Subtree, Subtree> covering_subtrees(std::uint64_t start, std::uint64_t end) {
  if (start > end || end > limits::kTreeSizeMax) {
    throw std::invalid_argument(name_of({start, end}) + " is not an interval of leaves");
  }
  if (end - start <= 1) return {{start, end}, {end, end}};
  const std::uint64_t last = end - 1;
  // The highest bit in which both ends differ: below the node where their ways part, the right
  // subtree begins at a multiple of it.
  const std::uint64_t split = std::bit_floor(start ^ last);
  const std::uint64_t middle = last & ~(split - 1);
  // The left one reaches back as far as its root must for `start` to be below it.
  const std::uint64_t left_length = std::bit_ceil(middle - start);
  return {{middle - left_length, middle}, {middle, end}};
}

}  // namespace witan
