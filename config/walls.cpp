#include "config/walls.h"

#include <algorithm>

namespace witan {

bool is_wall_name(std::string_view name) {
  return std::find(kWallNames.begin(), kWallNames.end(), name) != kWallNames.end();
}

std::string wall_names() {
  std::string out;
  for (const std::string_view name : kWallNames) {
    out += (out.empty() ? "" : ", ") + std::string(name);
  }
  return out;
}

std::string walls_in_force(const WallStates& states) {
  std::string out;
  for (const WallState& wall : states) {
    if (!wall.why_not.empty()) continue;
    out += (out.empty() ? "" : ", ") + wall.name;
  }
  return out.empty() ? "none" : out;
}

std::string walls_missing(const WallStates& states) {
  std::string out;
  for (const WallState& wall : states) {
    if (wall.why_not.empty()) continue;
    out += (out.empty() ? "" : ", ") + wall.name + " (" + wall.why_not + ")";
  }
  return out;
}

}  // namespace witan
