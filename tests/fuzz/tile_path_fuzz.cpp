// A path that is accepted is written back as it was, and some tree of up to 2^62 leaves has it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/limits.h"
#include "ledger/bytes.h"
#include "ledger/tree/tile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = witan::as_text({data, size});
  const auto path = witan::parse_tile_path(text);
  if (!path) return 0;
  if (witan::tile_path(*path) != text) std::abort();
  const std::uint64_t hashes = path->tile.index * witan::kTileWidth + path->width;
  if (path->tile.level >= witan::kTileLevels) std::abort();
  const std::uint64_t leaves = hashes << (path->tile.level * witan::kTileHeight);
  if (leaves > witan::limits::kTreeSizeMax) std::abort();
  if (witan::tile_width(path->tile, witan::TreeSize{leaves}) != path->width) std::abort();
  return 0;
}
