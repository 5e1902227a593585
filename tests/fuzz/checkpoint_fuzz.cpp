// Checkpoint texts: what parses is written again byte for byte.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/format/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto checkpoint = Checkpoint::parse(input);
  if (!checkpoint) return 0;
  if (checkpoint->text() != input || checkpoint->origin.empty()) std::abort();
  if (checkpoint->size.value > std::uint64_t{INT64_MAX}) std::abort();
  return 0;
}
