#pragma once
// What a witness shows to people and programs: a page without scripts, and the same as JSON.

#include <string>

#include "config/result.h"
#include "ledger/ports/clock.h"
#include "node/witness/witness_service.h"

namespace witan {

// Everything from outside is escaped. kIo, kOverloaded.
[[nodiscard]] Result<std::string> witness_page(WitnessService& witness, const Clock& clock);
[[nodiscard]] Result<std::string> witness_status_json(WitnessService& witness);
// The description that the witness network's tools read.
[[nodiscard]] std::string witness_v0_json(const CosignerState& identity, const std::string& url);

}  // namespace witan
