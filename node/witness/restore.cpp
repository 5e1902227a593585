// A witness's folder made from a backup.

#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "config/file.h"
#include "config/limits.h"
#include "enclave/client.h"
#include "node/witness/backup.h"
#include "node/witness/backup_files.h"
#include "node/witness/backup_paths.h"

namespace witan {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHeldCopy =
    "it is a copy of a witness that went on: what it cosigned afterwards is not known here";
constexpr const char* kHeldAgain = "this backup was restored before: that witness may have gone on";

Result<BackupList> read_list_of(const fs::path& from) {
  // Of one that was interrupted just before its end there may be another by now, a whole one.
  const std::string folder = made_place(from, "").target.filename().string();
  if (folder.starts_with('.') && folder.ends_with(kBackupMaking)) {
    return fail(ErrorCode::kUsage, from.string() +
                                       ": a backup that was interrupted; expected a "
                                       "folder that `witan witness backup` has completed");
  }
  const fs::path path = from / BackupList::kName;
  auto text = read_text_file(path.string(), limits::kConfigFileBytesMax);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound, path.string() +
                                          ": no such file, expected a folder that `witan witness "
                                          "backup` has completed");
  }
  if (!text) return fail(text.error());
  auto list = BackupList::parse(*text);
  if (!list) return fail(list.error().within(from.string()));
  return list;
}

Result<void> copy_listed(const BackupList& list, const fs::path& from, const fs::path& to) {
  for (const BackedUpFile& file : list.files) {
    const auto copied = copy_file_synced(from / file.path, to / file.path);
    if (!copied) return fail(copied.error().within("the backup is not whole"));
    WITAN_ASSIGN(const BackedUpFile found, describe_file(to, file.path));
    if (found == file) continue;
    return fail(ErrorCode::kBadProof, (from / file.path).string() + " is damaged: found " +
                                          std::to_string(found.bytes) + " bytes with SHA-256 " +
                                          found.sha256 + ", expected " +
                                          std::to_string(file.bytes) + " with " + file.sha256);
  }
  return {};
}

// Lets the signer of the copy hold every log; gives its name.
Result<std::string> open_signer(const fs::path& copy, const fs::path& binary, bool hold) {
  std::string name;
  {
    WITAN_ASSIGN(const auto signer, start_copied_signer(copy, binary));
    WITAN_ASSIGN(const CosignerState state, signer->cosigner_state());
    name = state.name;
    if (hold) WITAN_TRY(signer->hold());
  }
  std::error_code error;
  fs::remove(copy / "enclave" / "LOCK", error);
  return name;
}

std::string restored_line(const BackupList& list, const fs::path& target) {
  return list.id + " " + target.string() + "\n";
}

// A restore that was killed between using the backup up and its last rename.
bool only_rename_is_left(const BackupList& list, const fs::path& from, const MadePlace& place) {
  const std::string expected = restored_line(list, place.target);
  const auto used = read_text_file((from / kRestoredName).string(), limits::kConfigFileBytesMax);
  const auto made =
      read_text_file((place.making / kRestoredFromName).string(), limits::kConfigFileBytesMax);
  return used && made && *used == expected && *made == expected;
}

Result<RestoreDone> make_restored(const BackupList& list, const fs::path& from,
                                  const MadePlace& place, const fs::path& binary) {
  RestoreDone done;
  done.files = list.files.size();
  std::error_code error;
  if (!list.final) {
    done.reason = kHeldCopy;
  } else if (fs::symlink_status(from / kRestoredName, error).type() != fs::file_type::not_found) {
    done.reason = kHeldAgain;
  }
  WITAN_TRY(begin_place(place.making));
  WITAN_TRY(copy_listed(list, from, place.making));
  WITAN_ASSIGN(done.name, open_signer(place.making, binary, !done.reason.empty()));
  if (done.name != list.name) {
    return fail(ErrorCode::kMalformed, "the backup is said to be of '" + list.name +
                                           "', but holds the key of '" + done.name + "'");
  }
  const std::string line = restored_line(list, place.target);
  WITAN_TRY(write_file_atomic((place.making / kRestoredFromName).string(), line, 0600));
  if (done.reason.empty()) {
    const auto used = create_secret_file((from / kRestoredName).string(), line);
    if (!used) {
      done.reason = "the backup cannot be marked as used (" + used.error().message +
                    "), so it might be restored twice";
      WITAN_TRY(open_signer(place.making, binary, true));
    }
  }
  done.held = !done.reason.empty();
  WITAN_TRY(finish_place(place));
  return done;
}

}  // namespace

Result<RestoreDone> restore_witness(const fs::path& from, const fs::path& dir,
                                    const fs::path& enclave_binary) {
  WITAN_ASSIGN(const BackupList list, read_list_of(from));
  const MadePlace place = made_place(dir, ".restoring");
  WITAN_TRY(check_place_free(place.target));
  if (list.final && only_rename_is_left(list, from, place)) {
    WITAN_TRY(finish_place(place));
    return RestoreDone{list.name, list.files.size(), false, {}};
  }
  auto done = make_restored(list, from, place, enclave_binary);
  std::error_code error;
  // Once the backup is used up, the folder is the only one that may go on: a repetition names it.
  if (!done && !only_rename_is_left(list, from, place)) fs::remove_all(place.making, error);
  return done;
}

}  // namespace witan
