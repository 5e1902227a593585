#pragma once
// The file system shrinks to one folder (Landlock).

#include <filesystem>

#include "enclave/walls.h"

namespace witan {

// From now on this thread, and those that it starts, can open, make, rename and remove files in
// `folder` only, and nothing at all elsewhere; files that are open stay so. With the kernel's newer
// versions also no TCP, no device controls, and no signals or abstract sockets to processes
// outside. Needs no_new_privs. The folder must exist.
[[nodiscard]] WhyNot raise_landlock(const std::filesystem::path& folder);

}  // namespace witan
