#pragma once
// What stands in a store's tables, byte by byte. Numbers are big-endian, so that keys sort as the
// numbers do. docs/store.md tells why it is laid out so.
//
//   table     key                 value
//   meta      "format"            uint32 kStoreFormat
//   meta      "decided"           register (48): size 8, time_ms 8, root 32
//   meta      "checkpoint"        tree size (8), the newest head's checkpoint with all
//   cosignatures;
//                                 of another size than the newest head's, it means nothing
//   meta      "policies"          leaf indexes (8 each) of the policies after leaf 0
//   meta      "named/" + name     a named value
//   index     entry (32)          leaf index (8)
//   leaves    bundle (8)          n entries (32 each), then their n leaf hashes (32 each), n <= 256
//   tiles     level (1) tile (8)  n hashes (32 each), n <= 256; levels 1 and up
//   pending   leaf index (8)      length (4), statement: bundles not complete, or too large to pack
//   bundles   bundle (8)          256 end offsets (4 each), then what pending held, row after row
//   heads     tree size (8)       published head: time_ms 8, root 32, note signature 64,
//                                 COSE signature 64, length of the COSE header 4, COSE header,
//                                 checkpoint text

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/ports/store.h"
#include "ledger/tree/tile.h"

namespace witan::store {

// Raised when a table's meaning changes; a store of another version is refused.
inline constexpr std::uint32_t kStoreFormat = 1;

inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kDecidedKey = "decided";
inline constexpr std::string_view kCheckpointKey = "checkpoint";
inline constexpr std::string_view kOwnKey = "own";
inline constexpr std::string_view kNamedPrefix = "named/";

inline constexpr std::size_t kHashBytes = 32;
inline constexpr std::size_t kLeafRecordBytes = 2 * kHashBytes;
inline constexpr std::size_t kLengthBytes = 4;
inline constexpr std::size_t kOffsetTableBytes = kTileWidth * kLengthBytes;

using Key4 = std::array<std::uint8_t, 4>;
using Key8 = std::array<std::uint8_t, 8>;
using Key9 = std::array<std::uint8_t, 9>;

[[nodiscard]] Key4 encode32(std::uint32_t value);
[[nodiscard]] Key8 encode64(std::uint64_t value);
// The first 4 or 8 bytes; the view must have them.
[[nodiscard]] std::uint32_t decode32(BytesView bytes);
[[nodiscard]] std::uint64_t decode64(BytesView bytes);

[[nodiscard]] Key9 tile_key(TileId tile);

// Decoders: kIo when the bytes are not what the encoder writes, since then the file is damaged.
[[nodiscard]] Bytes encode_register(const TreeHead& head);
[[nodiscard]] Result<TreeHead> decode_register(BytesView bytes);
[[nodiscard]] Bytes encode_head(const PublishedHead& head);
[[nodiscard]] Result<PublishedHead> decode_head(TreeSize size, BytesView bytes);

// A packed bundle: the statement at a position (0..255), and the served bytes of a range of them.
// kIo when the offsets do not fit the value.
[[nodiscard]] Result<BytesView> packed_range(BytesView value, std::uint32_t first,
                                             std::uint32_t count);
// The statement of a served row (without its length). kIo when the length is another.
[[nodiscard]] Result<BytesView> row_statement(BytesView row);

}  // namespace witan::store
