#include "node/witness/backup_paths.h"

#include <system_error>

#include "ledger/store/folder_lock.h"

namespace witan {
namespace {

namespace fs = std::filesystem;

}  // namespace

MadePlace made_place(const fs::path& to, std::string_view ending) {
  fs::path target = fs::absolute(to).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  fs::path making = target.parent_path() / ("." + target.filename().string() + std::string(ending));
  return {std::move(target), std::move(making)};
}

Result<void> check_place_free(const fs::path& target) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(target, error))) return {};
  if (!fs::is_directory(target, error)) {
    return fail(ErrorCode::kUsage,
                target.string() + ": found a file, expected no such name or an empty folder");
  }
  if (fs::is_empty(target, error)) return {};
  return fail(ErrorCode::kUsage,
              target.string() + ": exists and is not empty; a new folder is made");
}

Result<void> begin_place(const fs::path& making) {
  std::error_code error;
  fs::remove_all(making, error);
  for (const char* folder : {"data", "enclave"}) {
    fs::create_directories(making / folder, error);
    if (!error) fs::permissions(making / folder, fs::perms::owner_all, error);
    if (error) {
      return fail(ErrorCode::kIo, (making / folder).string() + ": cannot make: " + error.message());
    }
  }
  fs::permissions(making, fs::perms::owner_all, error);
  return {};
}

Result<void> finish_place(const MadePlace& place) {
  for (const char* folder : {"data", "enclave", "."}) {
    WITAN_TRY(sync_folder(place.making / folder));
  }
  std::error_code error;
  fs::rename(place.making, place.target, error);
  if (error) {
    return fail(ErrorCode::kIo,
                place.target.string() + ": cannot rename into place: " + error.message());
  }
  return sync_folder(place.target.parent_path());
}

Result<std::unique_ptr<EnclaveProcess>> start_copied_signer(const fs::path& copy,
                                                            const fs::path& binary) {
  return EnclaveProcess::start(binary.empty() ? default_enclave_binary() : binary,
                               copy / "enclave");
}

}  // namespace witan
