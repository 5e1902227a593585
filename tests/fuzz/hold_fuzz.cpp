// The file of held origins: what is read is written again byte for byte, and nothing that was read
// releases an origin that it does not name.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "enclave/hold.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto hold = Hold::parse(input);
  if (!hold) return 0;
  if (hold->encode() != input) std::abort();
  const Hash32 unnamed{};
  if (!hold->lifted() && hold->released() == 0 && !hold->holds(unnamed)) std::abort();
  Hold more = *hold;
  more.release(unnamed);
  const auto again = Hold::parse(more.encode());
  if (!again || again->encode() != more.encode() || again->time_s() != hold->time_s()) std::abort();
  return 0;
}
