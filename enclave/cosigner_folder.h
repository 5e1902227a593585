#pragma once
// The cosigner's files in the enclave's folder: cosigner (keys), marks (journal),
// marks.snapshot, held.
// The folder's lock and its machine key are those of state_folder.h.

#include <filesystem>
#include <optional>
#include <string>

#include "config/result.h"
#include "enclave/marks_journal.h"
#include "ledger/bytes.h"

namespace witan {

// Used by one thread. Files of another mode than 0600, or another owner, are refused (kIo).
class CosignerFolder final : public CosignerDisk {
 public:
  // Of a folder that is locked: removes what a process left that was killed while it wrote.
  explicit CosignerFolder(std::filesystem::path folder);

  Result<std::optional<Bytes>> read_keys() override;
  Result<std::optional<Bytes>> read_snapshot() override;
  Result<std::optional<Bytes>> read_hold() override;
  Result<std::optional<std::uint64_t>> journal_bytes() override;
  Result<void> read_journal(std::uint64_t offset, std::span<std::uint8_t> out) override;
  Result<void> create_keys(BytesView bytes) override;
  Result<void> replace_snapshot(BytesView bytes) override;
  Result<void> replace_hold(BytesView bytes) override;
  Result<void> create_journal(std::size_t zeroes) override;
  Result<void> write_journal(std::uint64_t offset, BytesView bytes) override;
  Result<void> sync_journal() override;

  CosignerFolder(const CosignerFolder&) = delete;
  CosignerFolder& operator=(const CosignerFolder&) = delete;
  ~CosignerFolder() override;

 private:
  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }
  Result<std::optional<Bytes>> read_whole(const char* name, std::size_t bytes_max);

  std::filesystem::path folder_;
  int journal_ = -1;
};

}  // namespace witan
