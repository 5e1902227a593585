#include "node/witness/witness_rows.h"

#include <algorithm>
#include <utility>

#include "config/witness_limits.h"

namespace witan {

Result<std::shared_ptr<const WitnessRows::Rows>> WitnessRows::read() {
  // Held while the store is read: those who come meanwhile get what one has read.
  const std::lock_guard lock(mutex_);
  constexpr std::uint64_t kAgeMs = std::chrono::milliseconds(limits::kWitnessRowsAge).count();
  const std::uint64_t now_ms = clock_.steady_ms();
  if (rows_ && now_ms - read_ms_ < kAgeMs) return rows_;
  auto rows = std::make_shared<Rows>();
  WITAN_TRY(store_.each_log([&](KnownLog&& log, std::optional<StoredCheckpoint>&& checkpoint) {
    WitnessRow row;
    row.origin = std::move(log.origin);
    row.disabled = log.disabled;
    if (checkpoint) {
      row.has_note = !checkpoint->note.empty();
      row.size = checkpoint->mark.size.value;
      row.time_s = checkpoint->time_s;
    }
    rows->push_back(std::move(row));
    return true;
  }));
  std::sort(rows->begin(), rows->end(),
            [](const WitnessRow& a, const WitnessRow& b) { return a.origin < b.origin; });
  rows_ = std::move(rows);
  read_ms_ = now_ms;
  return rows_;
}

Result<WitnessRowsPage> WitnessRows::page(std::string_view part, std::size_t from,
                                          std::size_t rows_max) {
  WITAN_ASSIGN(const auto rows, read());
  WitnessRowsPage out;
  out.from = from;
  out.all = rows->size();
  for (const WitnessRow& row : *rows) {
    if (!part.empty() && row.origin.find(part) == std::string::npos) continue;
    if (out.found >= from && out.rows.size() < rows_max) out.rows.push_back(row);
    ++out.found;
  }
  return out;
}

}  // namespace witan
