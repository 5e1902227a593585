#pragma once
// What an audit keeps between runs: a JSON file, and beside it FILE.entries (seen_entries.h). It
// stands at the end of a full bundle; the checkpoints may be of larger trees, whose roots are then
// still to be checked.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/tree/tile.h"

namespace witan::audit {

struct PolicyEntry {
  std::uint64_t index = 0;
  Hash32 entry{};
  friend bool operator==(const PolicyEntry&, const PolicyEntry&) = default;
};

struct AuditState {
  std::string origin;
  std::string vkey;
  // Notes that the log has shown, the newest last; those before it are of trees larger than `size`.
  std::vector<std::string> checkpoints;
  TreeSize size;  // audited, a multiple of 256
  std::vector<Hash32> frontier;
  // The hashes of the right-most tile of each level that is not full; those of level 0 are always
  // none.
  std::array<std::vector<Hash32>, kTileLevels> levels;
  Hash32 keys_entry{};                // entry 1; meaningless while size is 0
  std::vector<PolicyEntry> policies;  // entry 0, later policies and key sets below `size`

  friend bool operator==(const AuditState&, const AuditState&) = default;
};

[[nodiscard]] std::string encode_state(const AuditState& state);
// kMalformed names the member; sizes and numbers of hashes must fit each other.
[[nodiscard]] Result<AuditState> parse_state(std::string_view text);

// kNotFound when there is none; kMalformed, kIo.
[[nodiscard]] Result<AuditState> load_state(const std::string& file);
// Atomically, so that an audit may be killed at any moment. kIo, kNotFound (no folder).
[[nodiscard]] Result<void> save_state(const std::string& file, const AuditState& state);

}  // namespace witan::audit
