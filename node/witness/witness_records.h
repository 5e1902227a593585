#pragma once
// What stands in a witness's store, byte by byte. Numbers are big-endian; a text is its length
// (4 bytes) and its bytes. docs/witness.md tells why it is laid out so.
//
//   table        key                        value
//   meta         "format"                   uint32 kWitnessFormat
//   meta         "feeds"                    uint64: grows with each change of the feeds
//   logs         SHA-256 of the origin (32) origin, flags 4 (1 disabled, 2 has qpd), qpd 4,
//   contact,
//                                           number of keys 4, per key: name, algorithm 4, key, id 4
//   checkpoints  SHA-256 of the origin (32) origin, size 8, root 32, time_s 8, note
//   feeds        SHA-256 of the origin (32) origin, URL, layout 4, every_s 4
//   lists        SHA-256 of the source (32) source, tried_s 8, read_s 8, logs 8, added 8,
//                                           warnings 8, key changes 8, ETag, Last-Modified, error,
//                                           number of warnings kept 4, those
//
// Of a checkpoint that was lost only the mark is there: its note is empty, and its origin, too,
// unless the log is known.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "witness/cosigner.h"
#include "witness/cosigning.h"
#include "witness/log_list.h"

namespace witan {

// Raised when a table's meaning changes; a store of another version is refused.
inline constexpr std::uint32_t kWitnessFormat = 1;

// The newest checkpoint that was cosigned for a log.
struct StoredCheckpoint {
  std::string origin;
  CosignMark mark;
  std::uint64_t time_s = 0;  // of the cosignatures
  // The checkpoint with the log's verified lines and the witness's; empty when it was lost.
  std::string note;
  friend bool operator==(const StoredCheckpoint&, const StoredCheckpoint&) = default;
};
[[nodiscard]] StoredCheckpoint stored_checkpoint(const Cosigned& cosigned);

// A log that the witness reads by itself.
struct StoredFeed {
  std::string origin;
  LogFeed feed;
  friend bool operator==(const StoredFeed&, const StoredFeed&) = default;
};

// What became of a list that a running witness reads again and again. Times are seconds since
// 1970; 0: never.
struct ListState {
  std::string source;  // a URL or a file
  std::uint64_t tried_s = 0;
  std::uint64_t read_s = 0;  // last successfully, unchanged or not
  std::uint64_t logs = 0;    // that it had when it was read
  std::uint64_t added = 0;   // by it, all in all
  std::uint64_t warnings = 0;
  std::uint64_t key_changes = 0;    // of the warnings: another key for a known log
  std::string etag, last_modified;  // as its server gave them
  std::string error;                // why it could not be read; empty when it could
  // The first limits::kLogListShownWarningsMax, those of changed keys before all others.
  std::vector<std::string> shown_warnings;
  friend bool operator==(const ListState&, const ListState&) = default;
};

// Whether what was cosigned of one log, in this order and not empty, goes on from the mark that is
// kept for it. It may begin earlier only if it is known and the mark is among it, and later only if
// it is known: then the store has lost something, and the signer nothing. kStale; kConflict when
// the last one is as large as the mark and has another root.
[[nodiscard]] Result<void> check_continues(const CosignMark& kept,
                                           std::span<const Cosigned* const> cosigned, bool known);

// Decoders: kIo when the bytes are not what the encoder writes, since then the file is damaged.
[[nodiscard]] Bytes encode_known_log(const KnownLog& log);
[[nodiscard]] Result<KnownLog> decode_known_log(BytesView bytes);
[[nodiscard]] Bytes encode_stored_checkpoint(const StoredCheckpoint& checkpoint);
[[nodiscard]] Result<StoredCheckpoint> decode_stored_checkpoint(BytesView bytes);
[[nodiscard]] Bytes encode_stored_feed(const StoredFeed& feed);
[[nodiscard]] Result<StoredFeed> decode_stored_feed(BytesView bytes);
[[nodiscard]] Bytes encode_list_state(const ListState& list);
[[nodiscard]] Result<ListState> decode_list_state(BytesView bytes);
// Without the note.
[[nodiscard]] Result<StoredCheckpoint> decode_stored_mark(BytesView bytes);

}  // namespace witan
