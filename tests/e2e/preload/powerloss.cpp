// Preloaded into witan and witan-enclave: writes down how to undo each change to the files of one
// folder that is not synced yet, so that a test can cut the power: kill both, and undo.
//
// The real calls are made in any case. A call that changes a file in a way that is not modelled
// here ends the process, so that the test cannot pass without having looked.

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

#include "tests/e2e/preload/bare_kernel.h"
#include "tests/e2e/preload/journal.h"

namespace {

using witan::powerloss::Kind;
using witan::powerloss::Record;

// One change at a time, so that the journal has them in their order.
std::mutex change_mutex;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}
const std::string& watched_folder() {
  static const std::string folder = variable(witan::powerloss::kFolderVariable) + "/";
  return folder;
}
const std::string& journal_folder() {
  static const std::string folder = variable(witan::powerloss::kJournalVariable);
  return folder;
}
const std::string& left_out() {
  static const std::string kind = variable(witan::powerloss::kDropVariable);
  return kind;
}

[[noreturn]] void give_up(const char* what, const std::string& path) {
  std::fprintf(stderr, "powerloss: %s on %s is not modelled\n", what, path.c_str());
  std::_Exit(99);
}

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

// Straight to the kernel, past this library.
ssize_t raw_write(int file, const void* data, std::size_t size) {
  return ::syscall(SYS_write, file, data, size);
}

std::string path_of(int file) {
  char link[64], target[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = ::readlink(link, target, sizeof target);
  return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : std::string();
}

bool is_watched(const std::string& path) {
  if (watched_folder().size() < 2 ||
      path.compare(0, watched_folder().size(), watched_folder()) != 0) {
    return false;
  }
  // LMDB's lock table is shared memory, made anew by the first process.
  return path.size() < 8 || path.compare(path.size() - 8, 8, "lock.mdb") != 0;
}

// The file's path when changes to it are to be written down.
std::string watched_path(int file) {
  const int before = errno;
  std::string path = path_of(file);
  errno = before;
  return is_watched(path) ? path : std::string();
}

std::string absolute(const char* path) {
  if (path[0] == '/') return path;
  char folder[4096];
  return ::getcwd(folder, sizeof folder) == nullptr ? path : std::string(folder) + "/" + path;
}

void journal(Record record, const std::string& path, const void* data, std::size_t size) {
  // Opened for each record: the enclave closes all descriptors at its start.
  const std::string name = journal_folder() + "/" + std::to_string(::getpid()) + ".journal";
  const int file = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, name.c_str(),
                                              O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (file < 0) give_up("a journal that cannot be written", name);
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  record.time_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                   static_cast<std::uint64_t>(now.tv_nsec);
  record.path_bytes = static_cast<std::uint32_t>(path.size());
  record.data_bytes = size;
  std::string bytes(reinterpret_cast<const char*>(&record), sizeof record);
  bytes += path;
  bytes.append(static_cast<const char*>(data), size);
  if (raw_write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    give_up("a journal that cannot be written", name);
  }
  ::syscall(SYS_close, file);
}

Record record_of(Kind kind, int file) {
  struct stat status {};
  ::fstat(file, &status);
  Record record;
  record.kind = kind;
  record.inode = status.st_ino;
  record.file_bytes = static_cast<std::uint64_t>(status.st_size);
  return record;
}

// What stands at the place now: the file may be open for writing only.
std::string old_bytes(const std::string& path, std::uint64_t offset, std::size_t size) {
  std::string old(size, '\0');
  const int file =
      static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = file < 0 ? 0 : ::pread(file, old.data(), size, static_cast<off_t>(offset));
  if (file >= 0) ::syscall(SYS_close, file);
  old.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return old;
}

bool ends_in(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool is_synchronous(int file, const std::string& path) {
  const int flags = ::fcntl(file, F_GETFL);
  if ((flags & O_DSYNC) == 0) return false;
  return !(left_out() == "store-meta" && ends_in(path, "data.mdb"));
}

bool sync_is_left_out(const std::string& path) {
  if (left_out() == "store-data") return ends_in(path, "data.mdb");
  return left_out() == "enclave" && path.find("/enclave/") != std::string::npos;
}

// A write of `size` bytes at `offset`, done by `change`.
template <typename Change>
ssize_t watched_write(int file, std::uint64_t offset, std::size_t size, const std::string& path,
                      const Change& change) {
  const std::lock_guard lock(change_mutex);
  if (!is_synchronous(file, path)) {
    Record record = record_of(Kind::kWrite, file);
    record.offset = offset;
    record.changed_bytes = size;
    const std::string old = old_bytes(path, offset, size);
    journal(record, path, old.data(), old.size());
    return change();
  }
  const ssize_t done = change();
  if (done > 0) {
    Record record = record_of(Kind::kDurableWrite, file);
    record.offset = offset;
    const std::string now = old_bytes(path, offset, static_cast<std::size_t>(done));
    journal(record, path, now.data(), now.size());
  }
  return done;
}

std::uint64_t position(int file) {
  const bool append = (::fcntl(file, F_GETFL) & O_APPEND) != 0;
  return append ? record_of(Kind::kWrite, file).file_bytes
                : static_cast<std::uint64_t>(::lseek(file, 0, SEEK_CUR));
}

std::size_t total(const iovec* parts, int count) {
  std::size_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  return size;
}

void cut_when_due() {
  static const std::string wanted = variable(witan::powerloss::kCutVariable);
  static int syncs = 0;
  if (wanted.empty() || ++syncs < std::atoi(wanted.c_str())) return;
  ::kill(::getppid(), SIGKILL);
  ::kill(::getpid(), SIGKILL);
}

template <typename Sync>
int watched_sync(int file, const Sync& sync) {
  const std::string path = path_of(file);
  const bool folder = is_watched(path + "/") && [file] {
    struct stat status {};
    return ::fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
  }();
  if (!folder && !is_watched(path)) return sync();
  const std::lock_guard lock(change_mutex);
  if (sync_is_left_out(path)) {
    if (ends_in(path, "/enclave/state")) cut_when_due();
    return 0;
  }
  const int result = sync();
  if (result == 0) {
    journal(record_of(folder ? Kind::kFolderSync : Kind::kSync, file), path, "", 0);
    if (ends_in(path, "/enclave/state")) cut_when_due();
  }
  return result;
}

// Keeps what has the name now under another one, so that it can be brought back. 0: nothing was
// there.
std::uint64_t keep(const std::string& path) {
  static std::atomic<std::uint64_t> next{1};
  const std::uint64_t number = static_cast<std::uint64_t>(::getpid()) * 100'000 + next++;
  const std::string kept = journal_folder() + "/" + std::to_string(number) + ".kept";
  return ::syscall(SYS_linkat, AT_FDCWD, path.c_str(), AT_FDCWD, kept.c_str(), 0) == 0 ? number : 0;
}

int watched_rename(const std::string& from, const std::string& to, unsigned flags) {
  const auto change = [&] {
    return static_cast<int>(
        ::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags));
  };
  if (!is_watched(from) && !is_watched(to)) return change();
  const std::lock_guard lock(change_mutex);
  Record record;
  record.kind = Kind::kRename;
  record.offset = flags == 0 ? keep(to) : 0;
  journal(record, from, to.data(), to.size());
  return change();
}

int watched_open(int folder, const char* name, int flags, mode_t mode) {
  const std::string path = name[0] == '/' || folder == AT_FDCWD ? absolute(name) : name;
  const auto change = [&] {
    return static_cast<int>(::syscall(SYS_openat, folder, name, flags, mode));
  };
  if ((flags & (O_CREAT | O_TRUNC)) == 0 || !is_watched(path)) return change();
  const std::lock_guard lock(change_mutex);
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && (flags & O_TRUNC) != 0 && status.st_size > 0) give_up("open with O_TRUNC", path);
  if (!exists) {
    Record record;
    record.kind = Kind::kCreate;
    journal(record, path, "", 0);
  }
  return change();
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return watched_open(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) __attribute__((alias("open")));

int openat(int folder, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return watched_open(folder, path, flags, mode);
}
int openat64(int folder, const char* path, int flags, ...) __attribute__((alias("openat")));

int mkostemp(char* pattern, int flags) {
  const int file = real<int (*)(char*, int)>("mkostemp")(pattern, flags);
  if (file >= 0 && is_watched(absolute(pattern))) {
    const std::lock_guard lock(change_mutex);
    Record record;
    record.kind = Kind::kCreate;
    journal(record, absolute(pattern), "", 0);
  }
  return file;
}
int mkostemp64(char* pattern, int flags) __attribute__((alias("mkostemp")));

ssize_t write(int file, const void* data, size_t size) {
  const std::string path = watched_path(file);
  if (path.empty()) return raw_write(file, data, size);
  return watched_write(file, position(file), size, path,
                       [&] { return raw_write(file, data, size); });
}

ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  const auto change = [&] { return ::syscall(SYS_pwrite64, file, data, size, offset); };
  const std::string path = watched_path(file);
  if (path.empty()) return change();
  return watched_write(file, static_cast<std::uint64_t>(offset), size, path, change);
}
ssize_t pwrite64(int file, const void* data, size_t size, off_t offset)
    __attribute__((alias("pwrite")));

ssize_t writev(int file, const iovec* parts, int count) {
  const auto change = [&] { return ::syscall(SYS_writev, file, parts, count); };
  const std::string path = watched_path(file);
  if (path.empty()) return change();
  return watched_write(file, position(file), total(parts, count), path, change);
}

ssize_t pwritev(int file, const iovec* parts, int count, off_t offset) {
  const auto change = [&] { return ::syscall(SYS_pwritev, file, parts, count, offset, 0); };
  const std::string path = watched_path(file);
  if (path.empty()) return change();
  return watched_write(file, static_cast<std::uint64_t>(offset), total(parts, count), path, change);
}
ssize_t pwritev64(int file, const iovec* parts, int count, off_t offset)
    __attribute__((alias("pwritev")));

int ftruncate(int file, off_t size) {
  const std::string path = watched_path(file);
  if (!path.empty()) give_up("ftruncate", path);
  return static_cast<int>(::syscall(SYS_ftruncate, file, size));
}
int ftruncate64(int file, off_t size) __attribute__((alias("ftruncate")));

int fallocate(int file, int mode, off_t offset, off_t size) {
  const std::string path = watched_path(file);
  if (!path.empty()) give_up("fallocate", path);
  return static_cast<int>(::syscall(SYS_fallocate, file, mode, offset, size));
}
int posix_fallocate(int file, off_t offset, off_t size) {
  return fallocate(file, 0, offset, size) == 0 ? 0 : errno;
}

int msync(void* start, size_t size, int flags) {
  if (watched_folder().size() > 1) give_up("msync", watched_folder());
  return static_cast<int>(::syscall(SYS_msync, start, size, flags));
}

int fsync(int file) {
  return watched_sync(file, [file] { return static_cast<int>(::syscall(SYS_fsync, file)); });
}
int fdatasync(int file) {
  return watched_sync(file, [file] { return static_cast<int>(::syscall(SYS_fdatasync, file)); });
}

int rename(const char* from, const char* to) {
  return watched_rename(absolute(from), absolute(to), 0);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  if (from_folder != AT_FDCWD || to_folder != AT_FDCWD) give_up("renameat2", from);
  return watched_rename(absolute(from), absolute(to), flags);
}

int link(const char* from, const char* to) {
  if (is_watched(absolute(to))) {
    const std::lock_guard lock(change_mutex);
    Record record;
    record.kind = Kind::kCreate;
    journal(record, absolute(to), "", 0);
  }
  return static_cast<int>(::syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int unlink(const char* name) {
  const std::string path = absolute(name);
  if (is_watched(path)) {
    const std::lock_guard lock(change_mutex);
    Record record;
    record.kind = Kind::kUnlink;
    record.offset = keep(path);
    journal(record, path, "", 0);
  }
  return static_cast<int>(::syscall(SYS_unlink, name));
}
int remove(const char* name) {
  struct stat status {};
  if (::lstat(name, &status) == 0 && S_ISDIR(status.st_mode)) return ::rmdir(name);
  return unlink(name);
}

}  // extern "C"
