#pragma once
// What a witness shows to people and programs: a page without scripts, and the same as JSON.

#include <cstddef>
#include <string>
#include <vector>

#include "config/result.h"
#include "config/walls.h"
#include "ledger/ports/clock.h"
#include "node/witness/bastion_status.h"
#include "node/witness/feeder.h"
#include "node/witness/witness_rows.h"
#include "node/witness/witness_service.h"

namespace witan {

// What an operator has to know at once.
struct WitnessTrouble {
  std::string problem;  // why nothing, or nothing for some logs, can be cosigned
  std::string warning;  // what is wrong although all is cosigned
};
[[nodiscard]] WitnessTrouble witness_trouble(WitnessService& witness, const Clock& clock);

// Which logs are looked for: those whose origin has the part, from the number on.
struct WitnessQuery {
  std::string part;
  std::size_t from = 0;
};
// Everything from outside is escaped. kIo, kOverloaded.
[[nodiscard]] Result<std::string> witness_page(WitnessService& witness, WitnessRows& rows,
                                               const Clock& clock, const WitnessQuery& query,
                                               const std::vector<BastionStatus>& bastions,
                                               const FeedingStatus& feeding);
// The same logs for programs, limits::kWitnessJsonRows at once.
[[nodiscard]] Result<std::string> witness_logs_json(WitnessService& witness, WitnessRows& rows,
                                                    const WitnessQuery& query);
[[nodiscard]] Result<std::string> witness_status_json(WitnessService& witness, const Clock& clock,
                                                      const std::vector<BastionStatus>& bastions,
                                                      const FeedingStatus& feeding,
                                                      const WallStates& walls);
// The description that the witness network's tools read.
[[nodiscard]] std::string witness_v0_json(const CosignerState& identity, const std::string& url);

}  // namespace witan
