#pragma once
// What stands in a witness's store, byte by byte. Numbers are big-endian; a text is its length
// (4 bytes) and its bytes. docs/witness.md tells why it is laid out so.
//
//   table        key                        value
//   meta         "format"                   uint32 kWitnessFormat
//   meta         "unlisted"                 uint64: marks of the signer that have no row here
//   logs         SHA-256 of the origin (32) origin, flags 4 (1 disabled, 2 has qpd), qpd 4,
//   contact,
//                                           number of keys 4, per key: name, algorithm 4, key, id 4
//   checkpoints  SHA-256 of the origin (32) origin, size 8, root 32, time_s 8, note

#include <cstdint>
#include <string>

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

// Decoders: kIo when the bytes are not what the encoder writes, since then the file is damaged.
[[nodiscard]] Bytes encode_known_log(const KnownLog& log);
[[nodiscard]] Result<KnownLog> decode_known_log(BytesView bytes);
[[nodiscard]] Bytes encode_stored_checkpoint(const StoredCheckpoint& checkpoint);
[[nodiscard]] Result<StoredCheckpoint> decode_stored_checkpoint(BytesView bytes);

}  // namespace witan
