#include "node/witness/backup_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "ledger/crypto/file_digest.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

using BackupJson = nlohmann::ordered_json;

constexpr const char* kBackupFormat = "witan-witness-backup/1";
constexpr std::int64_t kSha256Number = -16;
constexpr std::size_t kJournalBlock = 4'096;
constexpr std::size_t kIdChars = 32;

tl::unexpected<Error> file_refused(const char* what, const std::filesystem::path& path, int error) {
  return fail(ErrorCode::kIo,
              "cannot " + std::string(what) + " " + path.string() + ": " + std::strerror(error));
}

tl::unexpected<Error> bad_list(const std::string& what) {
  return fail(ErrorCode::kMalformed, std::string(BackupList::kName) + ": " + what);
}

bool is_hex(std::string_view text, std::size_t chars) {
  return text.size() == chars && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// NAME, data/NAME or enclave/NAME.
bool is_inside(std::string_view path) {
  for (const std::string_view folder : {"data/", "enclave/"}) {
    if (path.starts_with(folder)) {
      path.remove_prefix(folder.size());
      break;
    }
  }
  return !path.empty() && path != "." && path != ".." && path.size() <= 255 &&
         path.find('/') == std::string_view::npos && path.find('\0') == std::string_view::npos;
}

Result<BackedUpFile> parse_listed(const BackupJson& json) {
  BackedUpFile out;
  const bool shaped = json.is_object() && json.contains("path") && json["path"].is_string() &&
                      json.contains("bytes") && json["bytes"].is_number_unsigned() &&
                      json.contains("sha256") && json["sha256"].is_string();
  if (!shaped) return bad_list("a file without path, bytes and sha256");
  out.path = json["path"].get<std::string>();
  out.bytes = json["bytes"].get<std::uint64_t>();
  out.sha256 = json["sha256"].get<std::string>();
  if (!is_inside(out.path)) return bad_list("a path that is not of a witness's folder");
  if (!is_hex(out.sha256, 64)) return bad_list("a sha256 that is not 64 hex characters");
  return out;
}

// Closed at the end of its scope.
class OpenFile {
 public:
  explicit OpenFile(int file) : file_(file) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (file_ >= 0) ::close(file_);
  }
  [[nodiscard]] int get() const { return file_; }

 private:
  int file_;
};

struct CopyEnds {
  int from = -1;
  int to = -1;
  std::uint64_t bytes = 0;
};

// Copies `size` bytes from `offset` on, or what is there of them: how many.
Result<std::size_t> copy_range(const CopyEnds& ends, std::span<char> buffer, std::uint64_t offset,
                               const std::filesystem::path& from, const std::filesystem::path& to) {
  const ssize_t got = ::pread(ends.from, buffer.data(), buffer.size(), static_cast<off_t>(offset));
  if (got < 0) return file_refused("read", from, errno);
  for (ssize_t done = 0; done < got;) {
    const ssize_t put =
        ::pwrite(ends.to, buffer.data() + done, static_cast<std::size_t>(got - done),
                 static_cast<off_t>(offset) + done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return file_refused("write", to, put < 0 ? errno : EIO);
    done += put;
  }
  return static_cast<std::size_t>(got);
}

template <typename Copy>
Result<void> copy_with(const std::filesystem::path& from, const std::filesystem::path& to,
                       const Copy& copy) {
  const OpenFile source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (source.get() < 0) return file_refused("open", from, errno);
  struct stat status {};
  if (::fstat(source.get(), &status) != 0) return file_refused("look at", from, errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kIo, from.string() + " is not a file");
  const OpenFile target(
      ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (target.get() < 0) {
    if (errno == EEXIST) return fail(ErrorCode::kConflict, to.string() + " exists");
    return file_refused("make", to, errno);
  }
  WITAN_TRY(copy(CopyEnds{source.get(), target.get(), static_cast<std::uint64_t>(status.st_size)}));
  if (::fchmod(target.get(), status.st_mode & 0777) != 0 || ::fsync(target.get()) != 0) {
    return file_refused("sync", to, errno);
  }
  return {};
}

}  // namespace

Result<BackupList> BackupList::parse(std::string_view json) {
  if (json.size() > limits::kConfigFileBytesMax) {
    return fail(ErrorCode::kTooLarge, "backup.json of " + std::to_string(json.size()) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kConfigFileBytesMax));
  }
  const BackupJson body = BackupJson::parse(json, nullptr, false);
  if (!body.is_object()) return bad_list("expected a JSON object");
  const auto text = [&body](const char* key) {
    const auto found = body.find(key);
    return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (text("format") != kBackupFormat) {
    return fail(ErrorCode::kUnsupported, "backup.json: expected the format " +
                                             std::string(kBackupFormat) + ", found another");
  }
  BackupList out;
  out.id = text("id");
  out.name = text("name");
  const std::string kind = text("kind");
  out.final = kind == "final";
  if (!is_hex(out.id, kIdChars)) return bad_list("expected an id of 32 hex characters");
  if (!out.final && kind != "copy") return bad_list("expected the kind 'copy' or 'final'");
  if (!body.contains("made_at_s") || !body["made_at_s"].is_number_unsigned()) {
    return bad_list("made_at_s is missing or no number");
  }
  out.made_at_s = body["made_at_s"].get<std::uint64_t>();
  if (!body.contains("files") || !body["files"].is_array()) return bad_list("files are missing");
  std::set<std::string> paths;
  for (const BackupJson& listed : body["files"]) {
    WITAN_ASSIGN(BackedUpFile file, parse_listed(listed));
    if (!paths.insert(file.path).second) return bad_list("a path twice");
    out.files.push_back(std::move(file));
  }
  return out;
}

std::string BackupList::encode() const {
  BackupJson body;
  body["format"] = kBackupFormat;
  body["id"] = id;
  body["name"] = name;
  body["kind"] = final ? "final" : "copy";
  body["made_at_s"] = made_at_s;
  body["files"] = BackupJson::array();
  for (const BackedUpFile& file : files) {
    body["files"].push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return body.dump(2, ' ', false, BackupJson::error_handler_t::replace) + "\n";
}

Result<void> copy_file_synced(const std::filesystem::path& from, const std::filesystem::path& to) {
  return copy_with(from, to, [&](const CopyEnds& ends) -> Result<void> {
    std::vector<char> buffer(1u << 20);
    for (std::uint64_t at = 0;;) {
      WITAN_ASSIGN(const std::size_t done, copy_range(ends, buffer, at, from, to));
      if (done == 0) return {};
      at += done;
    }
  });
}

Result<void> copy_journal_synced(const std::filesystem::path& from,
                                 const std::filesystem::path& to) {
  return copy_with(from, to, [&](const CopyEnds& ends) -> Result<void> {
    std::array<char, kJournalBlock> buffer{};
    const std::uint64_t blocks = (ends.bytes + kJournalBlock - 1) / kJournalBlock;
    for (std::uint64_t block = blocks; block-- > 0;) {
      WITAN_TRY(copy_range(ends, buffer, block * kJournalBlock, from, to));
    }
    return {};
  });
}

Result<BackedUpFile> describe_file(const std::filesystem::path& folder, const std::string& path) {
  BackedUpFile out;
  out.path = path;
  std::error_code error;
  out.bytes = std::filesystem::file_size(folder / path, error);
  if (error) {
    return fail(
        error == std::errc::no_such_file_or_directory ? ErrorCode::kNotFound : ErrorCode::kIo,
        (folder / path).string() + ": " + error.message());
  }
  WITAN_ASSIGN(const Bytes digest, file_digest((folder / path).string(), kSha256Number));
  out.sha256 = hex_encode(digest);
  return out;
}

}  // namespace witan
