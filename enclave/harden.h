#pragma once
// What the enclave's process gives up, in two steps: before it touches a key, and when its files
// are open and its threads run, before it reads the first message.

#include <filesystem>
#include <string>
#include <vector>

#include "config/result.h"
#include "enclave/walls.h"

namespace witan {

struct HardenOptions {
  std::filesystem::path state_dir;
  std::string user;                  // as take_own_user
  std::vector<std::string> require;  // walls without which it must not start
};

// A user and a network of its own, no core dumps, not dumpable, no new privileges, no file
// descriptors from `first_closed` on, deaf to the terminal's signals, and dead when its parent is.
// Must be called while the process has one thread. kIo naming the call that failed; as
// take_own_user. A wall that cannot be raised is no error here: confine_process asks for it.
[[nodiscard]] Result<Walls> harden_process(unsigned first_closed, const HardenOptions& options);

// The files of the folder only. Called before threads are started, which inherit it.
void confine_files(Walls& walls, const std::filesystem::path& state_dir);
// The calls that are needed only, for all threads. kRefused, kUsage as Walls::check_required.
[[nodiscard]] Result<void> confine_calls(Walls& walls, const std::vector<std::string>& require);

}  // namespace witan
