#pragma once
// Which walls stand around this process, and why the others do not.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/result.h"
#include "config/walls.h"

namespace witan {

// Nothing: the wall stands. Otherwise one line that says why not, without the wall's name.
using WhyNot = std::optional<std::string>;

// "call: reason" of the present errno.
[[nodiscard]] std::string system_reason(std::string_view call);

// What calls for a wall that this build cannot have: sanitizers open files and make calls of their
// own, which Landlock and the filter would refuse.
[[nodiscard]] WhyNot built_with_sanitizer();

class Walls {
 public:
  // Every wall, none of them standing yet.
  Walls();

  // `name` is one of kWallNames.
  void set(std::string_view name, WhyNot why_not);
  [[nodiscard]] const WallStates& states() const { return states_; }
  // kRefused when one of them does not stand, naming it, the reason and the way out. kUsage for a
  // name that is no wall's.
  [[nodiscard]] Result<void> check_required(std::span<const std::string> names) const;

 private:
  WallStates states_;
};

}  // namespace witan
