#pragma once
// The walls of an enclave as evidence and its first message carry them.
// Format: docs/enclave-protocol.md, section "Walls".

#include <cstddef>

#include "config/result.h"
#include "config/walls.h"
#include "ledger/format/cbor.h"

namespace witan {

inline constexpr std::size_t kWallsMax = 16;
inline constexpr std::size_t kWallNameBytesMax = 32;
inline constexpr std::size_t kWallReasonBytesMax = 200;

// [* [name tstr, reason tstr / null]], null where the wall stands. Reasons are cut at
// kWallReasonBytesMax bytes and made printable ASCII.
void write_walls(CborWriter& writer, const WallStates& states);
// Accepts unknown names, of other versions. kMalformed (an empty or repeated name, characters that
// no name has, an empty reason), kTooLarge (more or longer than above).
[[nodiscard]] Result<WallStates> read_walls(CborReader& reader);

}  // namespace witan
