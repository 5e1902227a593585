#include "enclave/cosigner_folder.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "config/file.h"
#include "enclave/state_folder.h"

namespace witan {
namespace {

constexpr const char* kKeysName = "cosigner";
constexpr const char* kJournalName = "marks";
constexpr const char* kSnapshotName = "marks.snapshot";
constexpr const char* kHoldName = "held";
constexpr std::size_t kKeysBytesMax = 4'096;
// 262,144 marks of 72 bytes, and the last batch.
constexpr std::size_t kSnapshotBytesMax = 32u << 20;
// 262,144 origins of 65 bytes, and two lines.
constexpr std::size_t kHoldBytesMax = 18u << 20;

tl::unexpected<Error> cosigner_file_failed(const char* what, const std::string& path, int error) {
  return fail(ErrorCode::kIo,
              std::string("cannot ") + what + " " + path + ": " + std::strerror(error));
}

}  // namespace

CosignerFolder::CosignerFolder(std::filesystem::path folder) : folder_(std::move(folder)) {
  // What write_file_atomic leaves behind when it is killed. Whatever cannot be removed is in
  // nobody's way.
  std::error_code error;
  std::vector<std::filesystem::path> leftovers;
  for (auto at = std::filesystem::directory_iterator(folder_, error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    for (const char* written : {kKeysName, kJournalName, kSnapshotName, kHoldName}) {
      if (name.starts_with(std::string(written) + ".tmp-")) leftovers.push_back(at->path());
    }
  }
  for (const std::filesystem::path& leftover : leftovers) {
    std::filesystem::remove(leftover, error);
  }
}

Result<std::optional<Bytes>> CosignerFolder::read_whole(const char* name, std::size_t bytes_max) {
  struct stat status {};
  if (::lstat(path(name).c_str(), &status) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return cosigner_file_failed("look at", path(name), errno);
  }
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kIo, path(name) + " is not a file");
  WITAN_TRY(check_private(path(name), status, 0600));
  WITAN_ASSIGN(const std::string text, read_secret_file(path(name), bytes_max));
  return to_bytes(as_bytes(text));
}

Result<std::optional<Bytes>> CosignerFolder::read_keys() {
  return read_whole(kKeysName, kKeysBytesMax);
}

Result<std::optional<Bytes>> CosignerFolder::read_snapshot() {
  return read_whole(kSnapshotName, kSnapshotBytesMax);
}

Result<std::optional<Bytes>> CosignerFolder::read_hold() {
  return read_whole(kHoldName, kHoldBytesMax);
}

Result<std::optional<std::uint64_t>> CosignerFolder::journal_bytes() {
  if (journal_ < 0) {
    journal_ = ::open(path(kJournalName).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  }
  if (journal_ < 0) {
    if (errno == ENOENT) return std::nullopt;
    return cosigner_file_failed("open", path(kJournalName), errno);
  }
  struct stat status {};
  if (::fstat(journal_, &status) != 0) {
    return cosigner_file_failed("look at", path(kJournalName), errno);
  }
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kIo, path(kJournalName) + " is not a file");
  WITAN_TRY(check_private(path(kJournalName), status, 0600));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> CosignerFolder::read_journal(std::uint64_t offset, std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        ::pread(journal_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cosigner_file_failed("read", path(kJournalName), errno);
    if (got == 0) return fail(ErrorCode::kIo, path(kJournalName) + " ended early");
    done += static_cast<std::size_t>(got);
  }
  return {};
}

Result<void> CosignerFolder::create_keys(BytesView bytes) {
  return create_secret_file(path(kKeysName), as_text(bytes));
}

Result<void> CosignerFolder::replace_snapshot(BytesView bytes) {
  return write_file_atomic(path(kSnapshotName), as_text(bytes), 0600);
}

Result<void> CosignerFolder::replace_hold(BytesView bytes) {
  return write_file_atomic(path(kHoldName), as_text(bytes), 0600);
}

Result<void> CosignerFolder::create_journal(std::size_t zeroes) {
  if (journal_ >= 0) ::close(std::exchange(journal_, -1));
  WITAN_TRY(write_file_atomic(path(kJournalName), std::string(zeroes, '\0'), 0600));
  WITAN_ASSIGN(const auto bytes, journal_bytes());
  if (!bytes) return fail(ErrorCode::kIo, path(kJournalName) + " went away");
  return {};
}

Result<void> CosignerFolder::write_journal(std::uint64_t offset, BytesView bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::pwrite(journal_, bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return cosigner_file_failed("write", path(kJournalName), put < 0 ? errno : EIO);
    done += static_cast<std::size_t>(put);
  }
  return {};
}

Result<void> CosignerFolder::sync_journal() {
  if (::fdatasync(journal_) != 0) return cosigner_file_failed("sync", path(kJournalName), errno);
  return {};
}

CosignerFolder::~CosignerFolder() {
  if (journal_ >= 0) ::close(journal_);
}

}  // namespace witan
