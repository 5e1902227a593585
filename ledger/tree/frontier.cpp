#include "ledger/tree/frontier.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"

namespace witan {

Result<Frontier> Frontier::restore(TreeSize size, std::vector<Hash32> hashes) {
  if (size.value > limits::kTreeSizeMax) {
    return fail(ErrorCode::kMalformed,
                "frontier of " + std::to_string(size.value) + " leaves, expected at most 2^62");
  }
  const auto expected = static_cast<std::size_t>(std::popcount(size.value));
  if (hashes.size() != expected) {
    return fail(ErrorCode::kMalformed, "frontier of " + std::to_string(size.value) +
                                           " leaves with " + std::to_string(hashes.size()) +
                                           " hashes, expected " + std::to_string(expected));
  }
  Frontier frontier;
  frontier.size_ = size;
  frontier.hashes_ = std::move(hashes);
  return frontier;
}

void Frontier::append(const Hash32& leaf) {
  append(std::span<const Hash32>(&leaf, 1));
}

void Frontier::append(std::span<const Hash32> leaves) {
  if (leaves.size() > limits::kTreeSizeMax - size_.value) {
    throw std::length_error("a tree may not grow above 2^62 leaves");
  }
  for (const Hash32& leaf : leaves) {
    hashes_.push_back(leaf);
    // Each one bit at the low end of the old size is a full subtree that the new leaf completes.
    for (std::uint64_t carry = size_.value; (carry & 1) != 0; carry >>= 1) {
      Hash32& left = hashes_[hashes_.size() - 2];
      left = node_hash(left, hashes_.back());
      hashes_.pop_back();
    }
    ++size_.value;
  }
}

Hash32 Frontier::root() const {
  if (hashes_.empty()) return empty_root();
  Hash32 root = hashes_.back();
  for (std::size_t i = hashes_.size() - 1; i > 0; --i) root = node_hash(hashes_[i - 1], root);
  return root;
}

}  // namespace witan
