#pragma once
// The logs of a witness as people look at them: found by a part of their names, a page at a time.
// Read from the store now and then only, so that whoever asks often costs little.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/ports/clock.h"
#include "node/witness/witness_store.h"

namespace witan {

struct WitnessRow {
  std::string origin;
  bool disabled = false;
  bool has_note = false;              // the newest cosigned checkpoint is served
  std::optional<std::uint64_t> size;  // that was cosigned; none: never
  std::uint64_t time_s = 0;
};

// A page of those that fit, in the order of their names.
struct WitnessRowsPage {
  std::vector<WitnessRow> rows;
  std::size_t from = 0;   // the number of the first
  std::size_t found = 0;  // that fit, all pages together
  std::size_t all = 0;    // that are known
};

// Any thread.
class WitnessRows {
 public:
  // Both must outlive it.
  WitnessRows(WitnessStore& store, const Clock& clock) : store_(store), clock_(clock) {}

  // What is up to limits::kWitnessRowsAge old. `part` is a part of the origin; empty fits all.
  // kIo, kOverloaded.
  Result<WitnessRowsPage> page(std::string_view part, std::size_t from, std::size_t rows_max);

 private:
  using Rows = std::vector<WitnessRow>;
  Result<std::shared_ptr<const Rows>> read();

  WitnessStore& store_;
  const Clock& clock_;
  std::mutex mutex_;
  std::shared_ptr<const Rows> rows_;  // under mutex_
  std::uint64_t read_ms_ = 0;         // under mutex_
};

}  // namespace witan
