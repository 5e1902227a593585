#pragma once
// A user of its own, whose files and memory the node's user cannot reach.

#include <filesystem>
#include <string>

#include "config/result.h"
#include "enclave/walls.h"

namespace witan {

// As root: becomes `user` (a name or a number; empty: the owner of `state_dir`) for good. As a
// program that belongs to another user and is setuid: stays that user. In all other cases it stays
// who it is, and says why. The result's errors stop the start: kUsage (`user` does not exist, or is
// another than the one it is), kRefused (setuid root), kIo (the user cannot reach the folder, or a
// call failed half-way).
[[nodiscard]] Result<WhyNot> take_own_user(const std::string& user,
                                           const std::filesystem::path& state_dir);

}  // namespace witan
