#pragma once
// How the node starts its enclaves, and what it says of the walls around them.

#include <string_view>

#include <nlohmann/json.hpp>

#include "config/enclave_config.h"
#include "config/walls.h"
#include "enclave/client.h"

namespace witan {

[[nodiscard]] EnclaveOptions enclave_options(const EnclaveConfig& config);

// One line for the walls that stand, and a warning for each that does not. `whose` is "log" or
// "witness".
void log_walls(std::string_view whose, const WallStates& walls);

// {"in_force": [names], "missing": {name: reason}}, for /status.
[[nodiscard]] nlohmann::ordered_json walls_json(const WallStates& walls);

}  // namespace witan
