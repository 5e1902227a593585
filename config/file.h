#pragma once
// Whole files read and written safely. Every error names the file. Functions block; no shared
// state, so any thread may call them.

#include <cstddef>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "config/result.h"

namespace witan {

// The whole of a regular file (symbolic links are followed). kNotFound when there is none,
// kTooLarge above max_bytes, kIo for anything else: no permission, a folder, a pipe, a device.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes);

// The same for a private key: kIo as well when group or others may do anything with the file; the
// message names the mode found, the mode expected and the command that repairs it. The caller wipes
// the content.
[[nodiscard]] Result<std::string> read_secret_file(const std::string& path, std::size_t max_bytes);

// Replaces or creates a file so that at any moment, and after a power loss, the path names either
// the old content or all of the new: temporary file in the same folder, fsync, rename, fsync of the
// folder. kNotFound when the folder is missing, kIo otherwise. When it fails, the old file stands
// (except when only the folder's fsync failed: then either may survive a power loss).
[[nodiscard]] Result<void> write_file_atomic(const std::string& path, std::string_view content,
                                             mode_t mode);

// Creates a file of mode 0600 that did not exist, with the same promise. kConflict when the path
// exists, whatever it is.
[[nodiscard]] Result<void> create_secret_file(const std::string& path, std::string_view content);

}  // namespace witan
