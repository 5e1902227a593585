// Preloaded into witan and witan-enclave: kills one of them before its n-th change to the files
// below a folder, or in the middle of it when it is a write, so that a test can try every step.
//
//   WITAN_KILL_FOLDER   what is watched, a path or the beginning of several
//   WITAN_KILL_PROGRAM  the program that is killed: witan or witan-enclave
//   WITAN_KILL_AT       n, from 1
//   WITAN_KILL_ONCE     a file, made when it happens; once it is there nobody is killed

#include <atomic>
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/e2e/preload/bare_kernel.h"

namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_the_program() {
  char target[4096];
  const ssize_t size = ::readlink("/proc/self/exe", target, sizeof target);
  const std::string path(target, size > 0 ? static_cast<std::size_t>(size) : 0);
  return path.substr(path.rfind('/') + 1) == setting("WITAN_KILL_PROGRAM");
}

long kill_at() {
  static const long at = is_the_program() ? std::atol(setting("WITAN_KILL_AT").c_str()) : 0;
  return at;
}

bool is_watched(const std::string& path) {
  static const std::string folder = setting("WITAN_KILL_FOLDER");
  const bool lock = path.size() >= 8 && path.compare(path.size() - 8, 8, "lock.mdb") == 0;
  return !folder.empty() && path.compare(0, folder.size(), folder) == 0 && !lock;
}

bool is_watched(int file) {
  char link[64], target[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = ::readlink(link, target, sizeof target);
  return size > 0 && is_watched(std::string(target, static_cast<std::size_t>(size)));
}

std::string absolute(const char* path) {
  if (path[0] == '/') return path;
  char folder[4096];
  return ::getcwd(folder, sizeof folder) == nullptr ? path : std::string(folder) + "/" + path;
}

// Whether this is the step; then somebody else is not killed any more.
bool is_due() {
  static std::atomic<long> steps{0};
  if (kill_at() <= 0 || ++steps != kill_at()) return false;
  const long file = ::syscall(SYS_openat, AT_FDCWD, setting("WITAN_KILL_ONCE").c_str(),
                              O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return file >= 0;
}

void die() {
  ::kill(::getpid(), SIGKILL);
}

void step(bool watched) {
  const int before = errno;
  if (kill_at() > 0 && watched && is_due()) die();
  errno = before;
}

template <typename Write>
ssize_t written(int file, std::size_t size, const Write& write) {
  if (kill_at() > 0 && is_watched(file) && is_due()) {
    if (size > 1) write(size / 2);
    die();
  }
  return write(size);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & O_CREAT) != 0) step(is_watched(absolute(path)));
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
int open64(const char* path, int flags, ...) __attribute__((alias("open")));

int mkostemp(char* pattern, int flags) {
  step(is_watched(absolute(pattern)));
  return reinterpret_cast<int (*)(char*, int)>(::dlsym(RTLD_NEXT, "mkostemp"))(pattern, flags);
}
int mkostemp64(char* pattern, int flags) __attribute__((alias("mkostemp")));

ssize_t write(int file, const void* data, size_t size) {
  return written(file, size,
                 [&](std::size_t part) { return ::syscall(SYS_write, file, data, part); });
}
ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  return written(file, size, [&](std::size_t part) {
    return ::syscall(SYS_pwrite64, file, data, part, offset);
  });
}
ssize_t pwrite64(int file, const void* data, size_t size, off_t offset)
    __attribute__((alias("pwrite")));
ssize_t writev(int file, const iovec* parts, int count) {
  step(is_watched(file));
  return ::syscall(SYS_writev, file, parts, count);
}
ssize_t pwritev(int file, const iovec* parts, int count, off_t offset) {
  step(is_watched(file));
  return ::syscall(SYS_pwritev, file, parts, count, offset, 0);
}
ssize_t pwritev64(int file, const iovec* parts, int count, off_t offset)
    __attribute__((alias("pwritev")));
int fsync(int file) {
  step(is_watched(file));
  return static_cast<int>(::syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  step(is_watched(file));
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}
int rename(const char* from, const char* to) {
  step(is_watched(absolute(from)) || is_watched(absolute(to)));
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int unlink(const char* path) {
  step(is_watched(absolute(path)));
  return static_cast<int>(::syscall(SYS_unlink, path));
}
int mkdir(const char* path, mode_t mode) {
  step(is_watched(absolute(path)));
  return static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

}  // extern "C"
