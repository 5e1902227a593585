#pragma once
// One process per folder: an advisory lock that the kernel drops when the process ends, however it
// ends.

#include <filesystem>

#include "config/result.h"

namespace witan {

// Holds the lock of the file LOCK in a folder while it lives.
class FolderLock {
 public:
  // Makes the folder (mode 0700) when it is missing. kConflict when somebody holds the lock: the
  // message names the pid that the file states. kIo.
  static Result<FolderLock> take(const std::filesystem::path& folder);

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_ = -1;
};

// Makes a folder's list of files durable. kIo.
[[nodiscard]] Result<void> sync_folder(const std::filesystem::path& folder);

}  // namespace witan
