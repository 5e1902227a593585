#include "enclave/walls.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace witan {

std::string system_reason(std::string_view call) {
  const int error = errno;
  return std::string(call) + ": " + std::strerror(error);
}

WhyNot built_with_sanitizer() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return "built with a sanitizer";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
  return "built with a sanitizer";
#else
  return std::nullopt;
#endif
#else
  return std::nullopt;
#endif
}

Walls::Walls() {
  for (const std::string_view name : kWallNames) {
    states_.push_back({std::string(name), "not raised yet"});
  }
}

void Walls::set(std::string_view name, WhyNot why_not) {
  for (WallState& wall : states_) {
    if (wall.name != name) continue;
    wall.why_not = why_not ? std::move(*why_not) : std::string();
  }
}

Result<void> Walls::check_required(std::span<const std::string> names) const {
  for (const std::string& name : names) {
    const auto found = std::find_if(states_.begin(), states_.end(),
                                    [&](const WallState& wall) { return wall.name == name; });
    if (found == states_.end()) {
      return fail(ErrorCode::kUsage, "\"" + name + "\" is no wall; they are " + wall_names());
    }
    if (found->why_not.empty()) continue;
    return fail(ErrorCode::kRefused, "the wall " + name + " is required and not in force: " +
                                         found->why_not + ". Remove the reason, or take \"" + name +
                                         "\" out of require in [enclave] to start without it");
  }
  return {};
}

}  // namespace witan
