#pragma once
// The tree as the auditor computes it itself, leaf by leaf, beside what the log says of it: roots
// at sizes that the log signed, and its hash tiles above level 0.

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/tree/frontier.h"
#include "ledger/tree/tile.h"
#include "node/audit/log_reader.h"

namespace witan::audit {

class TreeAudit {
 public:
  using Levels = std::array<std::vector<Hash32>, kTileLevels>;

  // Up to a tree of `target` leaves. The reader must outlive it.
  TreeAudit(LogReader& log, TreeSize target) : log_(log), target_(target) {}
  // Goes on from the end of a full bundle. kMalformed when the numbers do not fit; what is expected
  // at that size.
  Result<void> restore(TreeSize size, std::vector<Hash32> frontier, Levels levels);

  // When the tree gets that size, its root must be this one. `error` is what to fail with else; its
  // message is put after "the tree of N entries has the root X, expected Y ". Checked at once when
  // the tree has that size; a smaller size is not looked at.
  Result<void> expect(TreeSize size, const Hash32& root, const Error& error);

  // Whether the tiles above level 0 that the log serves hold what was computed before restore().
  // kConflict.
  Result<void> check_restored();
  // The next leaves, not over the end of a bundle. Compares each tile above level 0 that they fill.
  Result<void> append(std::span<const Hash32> leaves);
  // At the target size: the tiles above level 0 that are not full.
  Result<void> check_partial_tiles();

  [[nodiscard]] TreeSize size() const { return tree_.size(); }
  [[nodiscard]] Hash32 root() const { return tree_.root(); }
  // At the end of the last full bundle.
  [[nodiscard]] const Frontier& bundled() const { return bundled_; }
  [[nodiscard]] const Levels& levels() const { return levels_; }

 private:
  struct Expected {
    Hash32 root{};
    Error error;
  };

  [[nodiscard]] Result<void> agree(const Expected& expected) const;
  // Those of the present size.
  Result<void> check_expected();
  Result<void> append_checked(std::span<const Hash32> leaves);
  Result<void> end_bundle();
  // Compares the first hashes of the tile of that level that is being filled with the log's.
  Result<void> compare(unsigned level, std::uint64_t index, const std::vector<Hash32>& computed);

  LogReader& log_;
  TreeSize target_;
  Frontier tree_;
  Frontier bundled_;
  Levels levels_;               // as of bundled_
  std::vector<Hash32> bundle_;  // leaves after bundled_
  std::multimap<std::uint64_t, Expected> expected_;
};

// The root of a full tile's hashes.
[[nodiscard]] Hash32 root_of(std::span<const Hash32> hashes);

}  // namespace witan::audit
