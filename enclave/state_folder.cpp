#include "enclave/state_folder.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "config/file.h"
#include "ledger/crypto/secret.h"

namespace witan {
namespace {

using namespace std::chrono_literals;

// A node that was killed and started again finds the old enclave on its way out.
constexpr std::chrono::milliseconds kLockWait = 1s;
constexpr std::chrono::milliseconds kLockRetry = 10ms;
constexpr std::size_t kFileBytes = 2 * kSlotBytes;

tl::unexpected<Error> failed(const std::string& what, const std::filesystem::path& path,
                             int error) {
  return fail(ErrorCode::kIo, "cannot " + what + " " + path.string() + ": " + std::strerror(error));
}

constexpr std::size_t kRetiredBytesMax = 4'096;

std::string_view first_line_of(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

std::string octal(mode_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode));
  return text.data();
}

Result<FolderLock> take_lock(const std::filesystem::path& folder) {
  const auto give_up = std::chrono::steady_clock::now() + kLockWait;
  for (;;) {
    Result<FolderLock> lock = FolderLock::take(folder);
    if (lock || lock.error().code != ErrorCode::kConflict) return lock;
    if (std::chrono::steady_clock::now() >= give_up) return lock;
    std::this_thread::sleep_for(kLockRetry);
  }
}

}  // namespace

Result<void> check_private(const std::filesystem::path& path, const struct ::stat& status,
                           mode_t expected) {
  const mode_t found = status.st_mode & 07777;
  if (found != expected) {
    return fail(ErrorCode::kIo, path.string() + " has mode " + octal(found) + ", expected " +
                                    octal(expected) + " (chmod " + octal(expected) + " " +
                                    path.string() + ")");
  }
  if (status.st_uid != ::geteuid()) {
    return fail(ErrorCode::kIo, path.string() + " belongs to uid " + std::to_string(status.st_uid) +
                                    ", expected " + std::to_string(::geteuid()));
  }
  return {};
}

Result<void> check_not_retired(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kRetiredName;
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    const auto why = read_text_file(path.string(), kRetiredBytesMax);
    return fail(ErrorCode::kRefused,
                folder.string() + " was retired and must not sign any more" +
                    (why ? ": " + std::string(first_line_of(*why)) : std::string()));
  }
  if (errno == ENOENT) return {};
  return failed("look at", path, errno);
}

Result<StateFolder> StateFolder::open(const std::filesystem::path& folder) {
  struct stat status {};
  if (::lstat(folder.c_str(), &status) == 0) {
    if (!S_ISDIR(status.st_mode)) {
      return fail(ErrorCode::kIo, folder.string() + " is not a folder");
    }
    WITAN_TRY(check_private(folder, status, 0700));
  } else if (errno != ENOENT) {
    return failed("look at", folder, errno);
  }
  WITAN_ASSIGN(FolderLock lock, take_lock(folder));
  WITAN_TRY(check_not_retired(folder));
  StateFolder out(folder, std::move(lock));
  WITAN_TRY(out.open_state());
  return out;
}

Result<void> StateFolder::open_state() {
  const std::filesystem::path path = state_path();
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) {
    if (errno == ENOENT) return {};
    return failed("open", path, errno);
  }
  if (state_ >= 0) ::close(state_);
  state_ = file;
  struct stat status {};
  if (::fstat(file, &status) != 0) return failed("look at", path, errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kIo, path.string() + " is not a file");
  WITAN_TRY(check_private(path, status, 0600));
  if (status.st_size != static_cast<off_t>(kFileBytes)) {
    return fail(ErrorCode::kMalformed, path.string() + " has " + std::to_string(status.st_size) +
                                           " bytes, expected " + std::to_string(kFileBytes));
  }
  return {};
}

Result<MachineKey> StateFolder::machine_key(Random& random) {
  const std::filesystem::path path = folder_ / "machine.key";
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return failed("look at", path, errno);
    for (const char* name : {"state", "cosigner"}) {
      if (::lstat((folder_ / name).c_str(), &status) == 0) {
        return fail(ErrorCode::kStale, path.string() + " is missing, but " +
                                           (folder_ / name).string() +
                                           " is there and sealed under it");
      }
    }
    std::string fresh(kMachineKeyBytes, '\0');
    random.fill({reinterpret_cast<std::uint8_t*>(fresh.data()), fresh.size()});
    const Result<void> made = create_secret_file(path.string(), fresh);
    Result<MachineKey> key = MachineKey::make(as_bytes(fresh));
    wipe(fresh);
    WITAN_TRY(made);
    return key;
  }
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kIo, path.string() + " is not a file");
  WITAN_TRY(check_private(path, status, 0600));
  WITAN_ASSIGN(std::string text, read_secret_file(path.string(), kMachineKeyBytes));
  Result<MachineKey> key = MachineKey::make(as_bytes(text));
  wipe(text);
  if (!key) return fail(key.error().within(path.string()));
  return key;
}

Result<std::optional<std::array<Bytes, 2>>> StateFolder::read() {
  if (state_ < 0) return std::nullopt;
  std::array<Bytes, 2> slots{Bytes(kSlotBytes), Bytes(kSlotBytes)};
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    std::size_t done = 0;
    while (done < kSlotBytes) {
      const ssize_t got = ::pread(state_, slots[slot].data() + done, kSlotBytes - done,
                                  static_cast<off_t>(slot * kSlotBytes + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed("read", state_path(), errno);
      if (got == 0) return fail(ErrorCode::kIo, state_path().string() + " ended early");
      done += static_cast<std::size_t>(got);
    }
  }
  return slots;
}

Result<void> StateFolder::create(unsigned slot, BytesView bytes) {
  std::string content(kFileBytes, '\0');
  content.replace(slot * kSlotBytes, bytes.size(), as_text(bytes));
  WITAN_TRY(write_file_atomic(state_path().string(), content, 0600));
  WITAN_TRY(open_state());
  if (state_ < 0) return fail(ErrorCode::kIo, state_path().string() + " went away");
  return {};
}

Result<void> StateFolder::write(unsigned slot, BytesView bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::pwrite(state_, bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(slot * kSlotBytes + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return failed("write", state_path(), put < 0 ? errno : EIO);
    done += static_cast<std::size_t>(put);
  }
  return {};
}

Result<void> StateFolder::sync() {
  if (::fdatasync(state_) != 0) return failed("sync", state_path(), errno);
  return {};
}

StateFolder::StateFolder(StateFolder&& other) noexcept
    : SlotDisk(),
      folder_(std::move(other.folder_)),
      lock_(std::move(other.lock_)),
      state_(std::exchange(other.state_, -1)) {}

StateFolder::~StateFolder() {
  if (state_ >= 0) ::close(state_);
}

}  // namespace witan
