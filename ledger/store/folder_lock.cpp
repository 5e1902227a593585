#include "ledger/store/folder_lock.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace witan {

namespace {

constexpr std::size_t kPidBytes = 16;

tl::unexpected<Error> refused(const std::string& what, int error) {
  return fail(ErrorCode::kIo, what + ": " + std::strerror(error));
}

std::string pid_in(int file) {
  std::array<char, kPidBytes> text{};
  const ssize_t got = ::pread(file, text.data(), text.size(), 0);
  std::string pid(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return pid.empty() ? "unknown" : pid;
}

// Root must not leave a file behind that keeps the folder's owner out.
void give_to_owner_of(const std::filesystem::path& folder, int file) {
  struct stat owner {};
  if (::geteuid() != 0 || ::stat(folder.c_str(), &owner) != 0) return;
  (void)!::fchown(file, owner.st_uid, owner.st_gid);
}

}  // namespace

Result<void> sync_folder(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return refused("cannot open the folder " + folder.string(), errno);
  const int result = ::fsync(file);
  const int error = errno;
  ::close(file);
  if (result != 0) return refused("cannot sync the folder " + folder.string(), error);
  return {};
}

Result<FolderLock> FolderLock::take(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) {
    const std::filesystem::path parent = std::filesystem::absolute(folder).parent_path();
    WITAN_TRY(sync_folder(parent));
  } else if (errno != EEXIST) {
    return refused("cannot make the folder " + folder.string(), errno);
  }
  const std::filesystem::path path = folder / "LOCK";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return refused("cannot open " + path.string(), errno);
  FolderLock lock(file);
  give_to_owner_of(folder, file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return refused("cannot lock " + path.string(), errno);
    return fail(ErrorCode::kConflict, folder.string() + " is in use by process " + pid_in(file) +
                                          "; one process at a time may open it");
  }
  // Of one fixed length and without truncating, so that it needs no new block on a full disk. The
  // pid only serves the message above: the lock holds without it.
  std::string pid = std::to_string(::getpid());
  pid.resize(kPidBytes, '\n');
  (void)!::pwrite(file, pid.data(), pid.size(), 0);
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

FolderLock::~FolderLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace witan
