#pragma once
// The enclave's folder: LOCK, machine.key and state; a cosigner's files beside them are
// those of cosigner_folder.h. Nothing in it may be open to others.

#include <array>
#include <filesystem>
#include <optional>
#include <sys/stat.h>

#include "config/result.h"
#include "enclave/sealed_state.h"
#include "enclave/sealing.h"
#include "ledger/bytes.h"
#include "ledger/ports/random.h"
#include "ledger/store/folder_lock.h"

namespace witan {

// Holds the folder's lock while it lives. Used by one thread.
class StateFolder final : public SlotDisk {
 public:
  // Makes the folder (0700) when it is missing, and locks it: kConflict when another process has
  // it, after waiting a second for one that is ending. kRefused when it was retired. kIo when the
  // folder, or a file in it, has another owner or another mode than 0700 and 0600; the message
  // names found and expected.
  static Result<StateFolder> open(const std::filesystem::path& folder);

  // The machine key, made durable when it is missing. kStale when a state, or a cosigner, is there
  // without its key: a new key could not open it. kIo, kMalformed.
  Result<MachineKey> machine_key(Random& random);

  Result<std::optional<std::array<Bytes, 2>>> read() override;
  Result<void> create(unsigned slot, BytesView bytes) override;
  Result<void> write(unsigned slot, BytesView bytes) override;
  Result<void> sync() override;

  StateFolder(StateFolder&& other) noexcept;
  StateFolder& operator=(StateFolder&& other) = delete;
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;
  ~StateFolder() override;

 private:
  StateFolder(std::filesystem::path folder, FolderLock lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}
  Result<void> open_state();
  [[nodiscard]] std::filesystem::path state_path() const { return folder_ / "state"; }

  std::filesystem::path folder_;
  FolderLock lock_;
  int state_ = -1;
};

// The file of a folder whose keys went to another place: nobody signs from it any more.
inline constexpr const char* kRetiredName = "retired";
// kRefused, with the file's first line, when it is there.
[[nodiscard]] Result<void> check_not_retired(const std::filesystem::path& folder);

// kIo, naming found and expected, when the mode is another or the owner is not this process's user.
[[nodiscard]] Result<void> check_private(const std::filesystem::path& path,
                                         const struct ::stat& status, mode_t expected);

}  // namespace witan
