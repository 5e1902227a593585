#pragma once
// The walls around the enclave's process, by the names that configuration, evidence and status use.
// What each keeps out: docs/enclave-protocol.md, section "Walls".

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace witan {

namespace walls {
inline constexpr std::string_view kNoNewPrivs = "no-new-privs";
inline constexpr std::string_view kNotDumpable = "not-dumpable";
inline constexpr std::string_view kNoCore = "no-core";
inline constexpr std::string_view kLandlock = "landlock";
inline constexpr std::string_view kSeccomp = "seccomp";
inline constexpr std::string_view kOwnUid = "own-uid";
inline constexpr std::string_view kNoNetwork = "no-network";
inline constexpr std::string_view kSecretMemory = "secret-memory";
}  // namespace walls

inline constexpr std::array kWallNames{walls::kNoNewPrivs, walls::kNotDumpable, walls::kNoCore,
                                       walls::kLandlock,   walls::kSeccomp,     walls::kOwnUid,
                                       walls::kNoNetwork,  walls::kSecretMemory};

// A wall that stands, or the reason why it does not.
struct WallState {
  std::string name;
  std::string why_not;  // empty: in force
  friend bool operator==(const WallState&, const WallState&) = default;
};
using WallStates = std::vector<WallState>;

[[nodiscard]] bool is_wall_name(std::string_view name);
// All of kWallNames, with commas.
[[nodiscard]] std::string wall_names();
// "landlock, seccomp": those in force, in their order; "none" without any.
[[nodiscard]] std::string walls_in_force(const WallStates& states);
// "own-uid (why not), ...": the others; empty when all stand.
[[nodiscard]] std::string walls_missing(const WallStates& states);

}  // namespace witan
