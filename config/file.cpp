#include "config/file.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace witan {
namespace {

constexpr mode_t kSecretMode = 0600;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool open() const { return number_ >= 0; }
  // Reports what ::close reports, which may be the first news of a failed write.
  [[nodiscard]] bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

tl::unexpected<Error> system_failure(const std::string& path, std::string_view action, int error) {
  const ErrorCode code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return fail(code,
              path + ": " + std::string(action) + ": " + std::generic_category().message(error));
}

std::string octal(mode_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

std::string_view kind_name(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "something else";
}

tl::unexpected<Error> too_large(const std::string& path, std::size_t max_bytes) {
  return fail(ErrorCode::kTooLarge,
              path + ": larger than the limit of " + std::to_string(max_bytes) + " bytes");
}

std::string shell_quoted(const std::string& path) {
  if (path.find_first_of(" '\"\\$`*?[]{}()<>|&;!#~\t\n") == std::string::npos) return path;
  std::string quoted = "'";
  for (const char c : path) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

Result<std::string> read_regular_file(const std::string& path, std::size_t max_bytes, bool secret) {
  // O_NONBLOCK: opening a pipe that nobody writes must not hang.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.open()) return system_failure(path, "cannot open", errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_failure(path, "cannot stat", errno);
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kIo, path + ": expected a regular file, found " +
                                    std::string(kind_name(status.st_mode)));
  }
  if (secret && (status.st_mode & 077) != 0) {
    return fail(ErrorCode::kIo,
                path + ": mode " + octal(status.st_mode) +
                    " lets others use this secret, 0600 expected; run: chmod 0600 " +
                    shell_quoted(path));
  }
  const auto size = static_cast<std::uintmax_t>(std::max<off_t>(status.st_size, 0));
  if (size > max_bytes) return too_large(path, max_bytes);

  // One byte more than expected shows the end of the file without growing, which would leave
  // copies of a secret behind.
  std::string content(static_cast<std::size_t>(size) + 1, '\0');
  std::size_t used = 0;
  for (;;) {
    if (used == content.size()) content.resize(content.size() + std::size_t{4'096});
    const ssize_t got = ::read(file.get(), content.data() + used, content.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure(path, "cannot read", errno);
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (used > max_bytes) return too_large(path, max_bytes);
  }
  content.resize(used);
  return content;
}

bool write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t put = ::write(file, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> sync_folder(const std::string& path) {
  const std::string folder = folder_of(path);
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open()) return system_failure(folder, "cannot open the folder", errno);
  if (::fsync(directory.get()) != 0) return system_failure(folder, "cannot sync the folder", errno);
  return {};
}

// A synced file of a random name beside `path`; gone again unless it was moved to its place.
class TemporaryFile {
 public:
  TemporaryFile() = default;
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  Result<void> write(const std::string& path, std::string_view content, mode_t mode) {
    std::string pattern = path + ".tmp-XXXXXX";
    Descriptor file(::mkostemp(pattern.data(), O_CLOEXEC));
    if (!file.open()) return system_failure(path, "cannot create a file in its folder", errno);
    name_ = pattern;
    if (::fchmod(file.get(), mode) != 0) return system_failure(path, "cannot set the mode", errno);
    if (!write_all(file.get(), content)) return system_failure(path, "cannot write", errno);
    if (::fsync(file.get()) != 0) return system_failure(path, "cannot sync", errno);
    if (!file.close()) return system_failure(path, "cannot close", errno);
    return {};
  }

  Result<void> replace(const std::string& path) {
    if (::rename(name_.c_str(), path.c_str()) != 0) {
      return system_failure(path, "cannot rename to it", errno);
    }
    name_.clear();
    return sync_folder(path);
  }

  Result<void> place_new(const std::string& path) {
    // Hard links refuse an existing name on every file system that has them. Where there are none
    // (FAT, some network shares), the kernel's own exclusive rename does.
    if (::link(name_.c_str(), path.c_str()) == 0) {
      ::unlink(name_.c_str());
      name_.clear();
      return sync_folder(path);
    }
    int error = errno;
    if (error == EPERM || error == EOPNOTSUPP || error == ENOSYS) {
      if (::renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) {
        name_.clear();
        return sync_folder(path);
      }
      error = errno;
    }
    if (error == EEXIST) {
      return fail(ErrorCode::kConflict,
                  path + ": exists already and is not overwritten; move it away first");
    }
    return system_failure(path, "cannot create", error);
  }

 private:
  std::string name_;
};

}  // namespace

Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes) {
  return read_regular_file(path, max_bytes, false);
}

Result<std::string> read_secret_file(const std::string& path, std::size_t max_bytes) {
  return read_regular_file(path, max_bytes, true);
}

Result<void> write_file_atomic(const std::string& path, std::string_view content, mode_t mode) {
  TemporaryFile file;
  WITAN_TRY(file.write(path, content, mode));
  return file.replace(path);
}

Result<void> create_secret_file(const std::string& path, std::string_view content) {
  TemporaryFile file;
  WITAN_TRY(file.write(path, content, kSecretMode));
  return file.place_new(path);
}

}  // namespace witan
