#pragma once
// What the enclave's process gives up before it touches a key.

#include "config/result.h"

namespace witan {

// No core dumps, not dumpable, no new privileges, no file descriptors from `first_closed` on, deaf
// to the terminal's signals, and dead when its parent is. kIo naming the call that failed.
[[nodiscard]] Result<void> harden_process(unsigned first_closed);

}  // namespace witan
