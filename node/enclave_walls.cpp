#include "node/enclave_walls.h"

#include "node/log.h"

namespace witan {

EnclaveOptions enclave_options(const EnclaveConfig& config) {
  EnclaveOptions options;
  options.require = config.require;
  options.user = config.user;
  return options;
}

nlohmann::ordered_json walls_json(const WallStates& walls) {
  nlohmann::ordered_json out;
  out["in_force"] = nlohmann::ordered_json::array();
  out["missing"] = nlohmann::ordered_json::object();
  for (const WallState& wall : walls) {
    if (wall.why_not.empty()) {
      out["in_force"].push_back(wall.name);
    } else {
      out["missing"][wall.name] = wall.why_not;
    }
  }
  return out;
}

void log_walls(std::string_view whose, const WallStates& walls) {
  log_info("enclave started", {{"of", whose}, {"walls", walls_in_force(walls)}});
  for (const WallState& wall : walls) {
    if (wall.why_not.empty()) continue;
    log_warning("a wall of the enclave is not in force",
                {{"of", whose}, {"wall", wall.name}, {"why", wall.why_not}});
  }
}

}  // namespace witan
