// Sigsum policies: the logs that come out are listed once, have the origin that their key gives,
// and stand in a list of our own form that is read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "witness/sigsum_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const auto list = parse_sigsum_logs({reinterpret_cast<const char*>(data), size});
  if (!list) return 0;
  std::set<std::string> origins;
  for (const ListedLog& log : list->logs) {
    if (!origins.insert(log.origin).second) std::abort();
    if (log.origin != sigsum_origin(log.key.key) || log.key.name != log.origin) std::abort();
  }
  const auto again = LogList::parse(list->encode());
  if (!again || again->logs != list->logs) std::abort();
  return 0;
}
