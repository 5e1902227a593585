// Log lists: what parses is written in one form that parses to the same; merging removes and
// changes nothing that is known, keeps the order, and merging again adds nothing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "witness/log_list.h"

namespace witan {
namespace {

void require_that(bool holds) {
  if (!holds) std::abort();
}

bool sorted_by_origin(const std::vector<KnownLog>& known) {
  return std::adjacent_find(known.begin(), known.end(), [](const KnownLog& a, const KnownLog& b) {
           return a.origin >= b.origin;
         }) == known.end();
}

}  // namespace
}  // namespace witan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto list = LogList::parse(input);
  const auto strict = LogList::parse(input, true);
  require_that(strict.has_value() == (list && list->warnings.empty()));
  if (!list) return 0;
  const auto again = LogList::parse(list->encode());
  require_that(again && again->logs == list->logs && again->encode() == list->encode());
  if (strict) require_that(LogList::parse(list->encode(), true).has_value());

  // A witness that knows every other log of the list, under its key or another.
  std::vector<KnownLog> known;
  for (std::size_t i = 0; i < list->logs.size(); i += 2) {
    known.push_back({list->logs[i].origin, {list->logs[i / 2].key}, {}, "", i % 4 == 0});
  }
  std::sort(known.begin(), known.end(),
            [](const KnownLog& a, const KnownLog& b) { return a.origin < b.origin; });
  known.erase(
      std::unique(known.begin(), known.end(),
                  [](const KnownLog& a, const KnownLog& b) { return a.origin == b.origin; }),
      known.end());
  const std::vector<KnownLog> before = known;
  const auto outcome = merge_log_list(known, *list, "w.example");
  require_that(sorted_by_origin(known) && known.size() == before.size() + outcome.added.size());
  for (const KnownLog& log : before) {
    require_that(std::find(known.begin(), known.end(), log) != known.end());
  }
  const std::vector<KnownLog> after = known;
  require_that(merge_log_list(known, *list, "w.example").added.empty() && known == after);
  return 0;
}
