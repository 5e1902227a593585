#pragma once
// Folders that are made beside their place and renamed into it: what backup and restore share.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "config/result.h"
#include "enclave/client.h"

namespace witan {

// Where `to` is made: a hidden name beside it, with this ending. Both absolute.
struct MadePlace {
  std::filesystem::path target;
  std::filesystem::path making;
};
[[nodiscard]] MadePlace made_place(const std::filesystem::path& to, std::string_view ending);
// kUsage when something that is not an empty folder has the name already.
[[nodiscard]] Result<void> check_place_free(const std::filesystem::path& target);
// An empty folder of mode 0700 with data/ and enclave/ in it; what another process left is gone.
[[nodiscard]] Result<void> begin_place(const std::filesystem::path& making);
// Syncs the names, renames it into place and syncs that.
[[nodiscard]] Result<void> finish_place(const MadePlace& place);

// Starts a signer on the folder `enclave` of a copy that nobody else uses.
[[nodiscard]] Result<std::unique_ptr<EnclaveProcess>> start_copied_signer(
    const std::filesystem::path& copy, const std::filesystem::path& binary);

inline constexpr const char* kBackupMaking = ".backup";            // the ending of one under way
inline constexpr const char* kRestoredName = "restored";           // in a final backup: it was
inline constexpr const char* kRestoredFromName = "restored-from";  // in a folder: from which

}  // namespace witan
