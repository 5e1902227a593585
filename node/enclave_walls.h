#pragma once
// What the node says of the walls around its enclaves.

#include <string_view>

#include "config/walls.h"

namespace witan {

// One line for the walls that stand, and a warning for each that does not. `whose` is "log" or
// "witness".
void log_walls(std::string_view whose, const WallStates& walls);

}  // namespace witan
