#include "node/enclave_walls.h"

#include "node/log.h"

namespace witan {

void log_walls(std::string_view whose, const WallStates& walls) {
  log_info("enclave started", {{"of", whose}, {"walls", walls_in_force(walls)}});
  for (const WallState& wall : walls) {
    if (wall.why_not.empty()) continue;
    log_warning("a wall of the enclave is not in force",
                {{"of", whose}, {"wall", wall.name}, {"why", wall.why_not}});
  }
}

}  // namespace witan
