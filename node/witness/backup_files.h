#pragma once
// What a witness's backup consists of: files, and the list of them that says that it is whole.
// Format: docs/witness.md, section "Backup and restore".

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"

namespace witan {

struct BackedUpFile {
  std::string path;  // relative: NAME, data/NAME or enclave/NAME
  std::uint64_t bytes = 0;
  std::string sha256;  // hex
  friend bool operator==(const BackedUpFile&, const BackedUpFile&) = default;
};

// The file backup.json.
struct BackupList {
  static constexpr const char* kName = "backup.json";
  std::string id;    // 32 hex characters, by chance
  std::string name;  // the witness's
  // The source signs no more: what it knew is all here.
  bool final = false;
  std::uint64_t made_at_s = 0;
  std::vector<BackedUpFile> files;

  // kMalformed, kUnsupported (another format), kTooLarge. No path leads out of the folder, and none
  // comes twice.
  static Result<BackupList> parse(std::string_view json);
  [[nodiscard]] std::string encode() const;
};

// Copies a regular file and syncs the copy, which must not exist yet. The copy has the same mode.
// kIo, kConflict.
[[nodiscard]] Result<void> copy_file_synced(const std::filesystem::path& from,
                                            const std::filesystem::path& to);
// The same from the end to the beginning, a block at a time, of a journal to which another process
// may be appending: whatever the copy has of a record, it has all of those before it, since each
// was written only after them.
[[nodiscard]] Result<void> copy_journal_synced(const std::filesystem::path& from,
                                               const std::filesystem::path& to);

// Length and digest of what is there. kIo, kNotFound.
[[nodiscard]] Result<BackedUpFile> describe_file(const std::filesystem::path& folder,
                                                 const std::string& path);

}  // namespace witan
