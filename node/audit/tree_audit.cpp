#include "node/audit/tree_audit.h"

#include <algorithm>
#include <utility>

#include "ledger/encoding.h"
#include "node/audit/fetch.h"

namespace witan::audit {

Hash32 root_of(std::span<const Hash32> hashes) {
  Frontier tree;
  tree.append(hashes);
  return tree.root();
}

Result<void> TreeAudit::restore(TreeSize size, std::vector<Hash32> frontier, Levels levels) {
  WITAN_ASSIGN(tree_, Frontier::restore(size, std::move(frontier)));
  bundled_ = tree_;
  levels_ = std::move(levels);
  expected_.erase(expected_.begin(), expected_.lower_bound(size.value));
  return check_expected();
}

Result<void> TreeAudit::expect(TreeSize size_expected, const Hash32& root_expected,
                               const Error& error) {
  const Expected expected{root_expected, error};
  if (size_expected == size()) return agree(expected);
  if (size_expected > size()) expected_.emplace(size_expected.value, expected);
  return {};
}

Result<void> TreeAudit::agree(const Expected& expected) const {
  if (root() == expected.root) return {};
  return fail(expected.error.code, "the tree of " + std::to_string(size().value) +
                                       " entries has the root " + base64_encode(root()) +
                                       ", expected " + base64_encode(expected.root) + " " +
                                       expected.error.message);
}

Result<void> TreeAudit::check_expected() {
  while (!expected_.empty() && expected_.begin()->first == size().value) {
    WITAN_TRY(agree(expected_.begin()->second));
    expected_.erase(expected_.begin());
  }
  return {};
}

Result<void> TreeAudit::check_restored() {
  for (unsigned level = 1; level < kTileLevels; ++level) {
    if (levels_[level].empty()) continue;
    auto same =
        compare(level, bundled_.size().value >> (kTileHeight * (level + 1)), levels_[level]);
    if (same) continue;
    if (same.error().code != ErrorCode::kBadProof) return same;
    return fail(
        ErrorCode::kConflict,
        "the log shows another history than the one audited before: " + same.error().message);
  }
  return {};
}

Result<void> TreeAudit::append(std::span<const Hash32> leaves) {
  while (!leaves.empty()) {
    // Up to the next size at which a root is known.
    std::size_t count = leaves.size();
    if (!expected_.empty()) {
      count = std::min<std::uint64_t>(count, expected_.begin()->first - size().value);
    }
    WITAN_TRY(append_checked(leaves.first(count)));
    leaves = leaves.subspan(count);
  }
  return {};
}

Result<void> TreeAudit::append_checked(std::span<const Hash32> leaves) {
  tree_.append(leaves);
  bundle_.insert(bundle_.end(), leaves.begin(), leaves.end());
  WITAN_TRY(check_expected());
  return bundle_.size() == kTileWidth ? end_bundle() : Result<void>();
}

Result<void> TreeAudit::end_bundle() {
  Hash32 up = root_of(bundle_);
  bundle_.clear();
  bundled_ = tree_;
  for (unsigned level = 1; level < kTileLevels; ++level) {
    levels_[level].push_back(up);
    if (levels_[level].size() < kTileWidth) return {};
    const std::uint64_t index = (tree_.size().value >> (kTileHeight * (level + 1))) - 1;
    const std::vector<Hash32> full = std::exchange(levels_[level], {});
    WITAN_TRY(compare(level, index, full));
    up = root_of(full);
  }
  return {};
}

Result<void> TreeAudit::check_partial_tiles() {
  for (unsigned level = 1; level < kTileLevels; ++level) {
    if (levels_[level].empty()) continue;
    WITAN_TRY(compare(level, bundled_.size().value >> (kTileHeight * (level + 1)), levels_[level]));
  }
  return {};
}

Result<void> TreeAudit::compare(unsigned level, std::uint64_t index,
                                const std::vector<Hash32>& computed) {
  const TileId tile{level, index};
  WITAN_ASSIGN(const auto served, fetch_tile(log_, tile, tile_width(tile, target_)));
  if (served.size() < computed.size()) {
    return fail(ErrorCode::kBadProof, "the tile has " + std::to_string(served.size()) +
                                          " hashes, expected " + std::to_string(computed.size()));
  }
  for (std::size_t i = 0; i < computed.size(); ++i) {
    if (served[i] == computed[i]) continue;
    const std::uint64_t start = (index * kTileWidth + i) << (kTileHeight * level);
    const std::uint64_t count = std::uint64_t{1} << (kTileHeight * level);
    return fail(ErrorCode::kBadProof,
                "/" + tile_path({TileKind::kHashes, tile, tile_width(tile, target_)}) + ": hash " +
                    std::to_string(i) + " (entries " + std::to_string(start) + " to " +
                    std::to_string(start + count - 1) + ") is " + hex_encode(served[i]) +
                    ", expected " + hex_encode(computed[i]));
  }
  return {};
}

}  // namespace witan::audit
