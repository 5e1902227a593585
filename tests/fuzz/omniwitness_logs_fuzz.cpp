// Omniwitness's YAML: whatever is read holds no more than its text, and its logs stand in a list of
// our own form that is read again. The same text gives the same logs.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "node/witness/omniwitness_logs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = parse_omniwitness_logs(text);
  if (!list) return 0;
  std::size_t held = 0;
  LogList plain;
  for (const ListedLog& log : list->logs) {
    held += log.origin.size() + log.key.key.size() + (log.feed ? log.feed->url.size() : 0);
    // What logs/v0 takes for blanks around a value would not come back.
    const bool blank = log.origin.find_first_of(" ") == 0 || log.origin.back() == ' ';
    if (!blank) plain.logs.push_back({log.key, log.origin, {}, ""});
  }
  if (held > size) std::abort();
  const auto again = LogList::parse(plain.encode());
  if (!again || again->logs != plain.logs) std::abort();
  if (parse_omniwitness_logs(text)->logs != list->logs) std::abort();
  return 0;
}
