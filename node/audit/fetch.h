#pragma once
// The resources of a log as an audit reads them: fetched, of the right shape, and nothing more
// verified than each function says. Errors name the resource. What the log's checkpoint commits to
// and the log does not give is the log's fault (kRefused), unlike a log that cannot be reached.
// Formats: C2SP tlog-tiles; docs/http.md for statement bundles.

#include <cstdint>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/statement.h"
#include "ledger/tree/tile.h"
#include "node/audit/log_reader.h"

namespace witan::audit {

// An error that the log's content caused, as one: codes that would say "could not reach" or
// "misused" become kRefused.
[[nodiscard]] Error finding(const Error& error, std::string_view where);
[[nodiscard]] std::string entry_name(std::uint64_t index);  // "entry 17"

// Entries with their big-endian uint16 lengths, exactly `width` of 32 bytes each. kMalformed.
[[nodiscard]] Result<std::vector<Hash32>> parse_entry_bundle(BytesView bundle, std::uint32_t width);
// Statements with their big-endian uint32 lengths, exactly `width`, none empty or above
// limits::kStatementBytesMax. The views point into the bundle. kMalformed.
[[nodiscard]] Result<std::vector<BytesView>> parse_statement_bundle(BytesView bundle,
                                                                    std::uint32_t width);
// Exactly `width` hashes; kMalformed.
[[nodiscard]] Result<std::vector<Hash32>> parse_hash_tile(BytesView tile, std::uint32_t width);

// The bytes of something that the log must have.
[[nodiscard]] Result<Bytes> fetch(LogReader& log, const std::string& path, std::size_t bytes_max);
[[nodiscard]] Result<std::vector<Hash32>> fetch_tile(LogReader& log, TileId tile,
                                                     std::uint32_t width);
// The canonical statement of an entry, by its id; its SHA-256 is checked. kRefused when it is
// another statement.
[[nodiscard]] Result<Statement> fetch_statement(LogReader& log, const Hash32& entry);

}  // namespace witan::audit
