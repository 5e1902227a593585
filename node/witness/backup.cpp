#include "node/witness/backup.h"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "config/file.h"
#include "config/limits.h"
#include "enclave/state_folder.h"
#include "ledger/encoding.h"
#include "ledger/ports/clock.h"
#include "ledger/ports/random.h"
#include "ledger/store/folder_lock.h"
#include "node/metrics.h"
#include "node/witness/backup_files.h"
#include "node/witness/backup_paths.h"
#include "node/witness/witness_service.h"
#include "node/witness/witness_store.h"

namespace witan {
namespace {

namespace fs = std::filesystem;

constexpr const char* kJournalName = "marks";
constexpr const char* kSnapshotName = "marks.snapshot";
// The journal is folded once in many thousand batches; twice while it is copied is no chance.
constexpr int kCopyAttempts = 8;
constexpr std::size_t kMarkerBytesMax = 4'096;

// Names of the regular files in a folder that belong to it for good.
Result<std::vector<std::string>> lasting_files(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    const bool is_file = entry->symlink_status(ignored).type() == fs::file_type::regular;
    const bool passing = name.starts_with(".") || name.find(".tmp-") != std::string::npos ||
                         name == "LOCK" || name == "lock.mdb" || name == "address" ||
                         name == "bastions.json" || name == kRetiredName ||
                         name == kRestoredFromName;
    if (is_file && !passing) out.push_back(name);
  }
  if (error) return fail(ErrorCode::kIo, folder.string() + ": " + error.message());
  return out;
}

// Snapshot and journal of one epoch.
Result<void> copy_marks(const fs::path& from, const fs::path& to) {
  for (int attempt = 0; attempt < kCopyAttempts; ++attempt) {
    std::error_code error;
    fs::remove(to / kSnapshotName, error);
    fs::remove(to / kJournalName, error);
    WITAN_TRY(copy_file_synced(from / kSnapshotName, to / kSnapshotName));
    WITAN_TRY(copy_journal_synced(from / kJournalName, to / kJournalName));
    WITAN_ASSIGN(const BackedUpFile copied, describe_file(to, kSnapshotName));
    WITAN_ASSIGN(const BackedUpFile now, describe_file(from, kSnapshotName));
    if (copied == now) return {};
  }
  return fail(ErrorCode::kUnavailable,
              from.string() + ": the signer replaced its snapshot each time it was copied");
}

// The store first: what it has, the signer knew before.
Result<void> copy_witness(const WitnessPaths& from, const fs::path& to) {
  {
    WITAN_ASSIGN(const auto store, WitnessStore::open_existing(from.data()));
    WITAN_TRY(store->copy_to(to / "data"));
  }
  WITAN_ASSIGN(const auto sealed, lasting_files(from.enclave()));
  for (const std::string& name : sealed) {
    if (name == kJournalName || name == kSnapshotName) continue;
    WITAN_TRY(copy_file_synced(from.enclave() / name, to / "enclave" / name));
  }
  WITAN_TRY(copy_marks(from.enclave(), to / "enclave"));
  WITAN_ASSIGN(const auto files, lasting_files(from.dir));
  for (const std::string& name : files) {
    if (name == BackupList::kName || name == kRestoredName) continue;
    WITAN_TRY(copy_file_synced(from.dir / name, to / name));
  }
  return {};
}

// Opens the copy as a witness would. Of a witness that runs, the signer's part may know more than
// the store's, which is brought up to it; of one that does not, they must be alike.
Result<void> check_copy(const fs::path& copy, const std::string& name, const BackupOptions& options,
                        BackupDone& done) {
  {
    WITAN_ASSIGN(const auto store, WitnessStore::open_existing(copy / "data"));
    WITAN_ASSIGN(const auto signer, start_copied_signer(copy, options.enclave_binary));
    WITAN_ASSIGN(const CosignerState identity, signer->cosigner_state());
    if (identity.name != name) {
      return fail(ErrorCode::kUsage, "witness.toml names '" + name +
                                         "', but the enclave holds the key of '" + identity.name +
                                         "'");
    }
    Metrics metrics;
    WitnessServiceOptions service_options;
    service_options.accept_old_data = !options.final;
    WITAN_ASSIGN(const auto service,
                 WitnessService::open(*store, *signer, system_clock(), metrics, service_options));
    WITAN_ASSIGN(const auto counts, store->counts());
    done.logs = counts.logs;
    done.marks = identity.marks;
  }
  std::error_code error;
  fs::remove(copy / "data" / "lock.mdb", error);
  fs::remove(copy / "enclave" / "LOCK", error);
  return {};
}

Result<BackupList> list_copy(const fs::path& copy) {
  BackupList list;
  for (const char* folder : {"", "data", "enclave"}) {
    WITAN_ASSIGN(const auto names, lasting_files(copy / folder));
    for (const std::string& name : names) {
      const std::string path = *folder == '\0' ? name : std::string(folder) + "/" + name;
      WITAN_ASSIGN(BackedUpFile file, describe_file(copy, path));
      list.files.push_back(std::move(file));
    }
  }
  return list;
}

// Both locks of a folder in which nothing may run.
struct BackupLocks {
  FolderLock folder;
  FolderLock enclave;
};

Result<BackupLocks> lock_folder(const WitnessPaths& from) {
  auto folder = FolderLock::take(from.dir);
  if (!folder && folder.error().code == ErrorCode::kConflict) {
    return fail(folder.error().within("stop the witness first"));
  }
  if (!folder) return fail(folder.error());
  // The signer of a witness that was killed may be on its way out.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  for (;;) {
    auto enclave = FolderLock::take(from.enclave());
    if (enclave) return BackupLocks{std::move(*folder), std::move(*enclave)};
    const bool wait =
        enclave.error().code == ErrorCode::kConflict && std::chrono::steady_clock::now() < give_up;
    if (!wait) return fail(enclave.error());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// The file `retired`: a line for people, the backup's id, where it is made, and whether it was.
struct MovedTo {
  std::string id;
  fs::path target;
  bool complete = false;
};

// From here on nobody signs from the folder.
Result<void> write_retired(const WitnessPaths& from, const MovedTo& to) {
  const std::string text = "its key and marks went into the backup " + to.id + " at " +
                           to.target.string() + "\n" + to.id + "\n" + to.target.string() +
                           (to.complete ? "\ncomplete\n" : "\n");
  return write_file_atomic((from.enclave() / kRetiredName).string(), text, 0600);
}

Result<std::optional<MovedTo>> read_retired(const WitnessPaths& from) {
  const fs::path path = from.enclave() / kRetiredName;
  const auto text = read_text_file(path.string(), kMarkerBytesMax);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::optional<MovedTo>{};
  if (!text) return fail(text.error());
  std::istringstream lines(*text);
  std::string why, id, target, complete;
  std::getline(lines, why);
  std::getline(lines, id);
  std::getline(lines, target);
  std::getline(lines, complete);
  return std::optional<MovedTo>(MovedTo{id, target, !complete.empty()});
}

// kRefused when the folder was moved into a backup that was completed. One that was interrupted may
// be made again: nothing was signed since.
Result<void> check_not_moved(const WitnessPaths& from) {
  WITAN_ASSIGN(const auto moved, read_retired(from));
  if (!moved) return {};
  const auto list =
      read_text_file((moved->target / BackupList::kName).string(), limits::kConfigFileBytesMax);
  const bool is_there = list || list.error().code != ErrorCode::kNotFound;
  const auto parsed = list ? BackupList::parse(*list) : Result<BackupList>(fail(list.error()));
  const bool is_another = parsed && parsed->id != moved->id;
  if (!moved->complete && (!is_there || is_another)) return {};
  return fail(ErrorCode::kRefused,
              from.dir.string() +
                  " was moved: its key and marks are in the "
                  "backup " +
                  moved->id + " at " + moved->target.string() +
                  ". Restore that one. Only if it is lost, and was never restored anywhere: "
                  "delete " +
                  (from.enclave() / kRetiredName).string() + " and go on here");
}

std::string new_backup_id() {
  std::array<std::uint8_t, 16> bytes{};
  system_random().fill(bytes);
  return hex_encode(bytes);
}

Result<BackupDone> make_backup(const WitnessPaths& from, const WitnessConfig& config,
                               const MadePlace& place, const BackupOptions& options) {
  BackupDone done;
  done.id = new_backup_id();
  WITAN_TRY(begin_place(place.making));
  WITAN_TRY(copy_witness(from, place.making));
  WITAN_TRY(check_copy(place.making, config.name, options, done));
  WITAN_ASSIGN(BackupList list, list_copy(place.making));
  list.id = done.id;
  list.name = config.name;
  list.final = options.final;
  list.made_at_s = system_clock().unix_ms() / 1000;
  done.files = list.files.size();
  for (const BackedUpFile& file : list.files) done.bytes += file.bytes;
  // Only then the backup may be taken for its heir.
  if (options.final) WITAN_TRY(write_retired(from, {done.id, place.target, false}));
  WITAN_TRY(write_file_atomic((place.making / BackupList::kName).string(), list.encode(), 0600));
  WITAN_TRY(finish_place(place));
  if (options.final) WITAN_TRY(write_retired(from, {done.id, place.target, true}));
  return done;
}

}  // namespace

Result<BackupDone> back_up_witness(const WitnessPaths& from, const fs::path& to,
                                   const BackupOptions& options) {
  WITAN_ASSIGN(const std::string toml,
               read_text_file(from.config().string(), limits::kConfigFileBytesMax));
  WITAN_ASSIGN(const WitnessConfig config, WitnessConfig::parse(toml, from.config().string()));
  std::error_code error;
  if (!fs::is_directory(from.enclave(), error)) {
    return fail(ErrorCode::kNotFound, from.enclave().string() +
                                          ": no such folder, expected what `witan witness init` "
                                          "made");
  }
  WITAN_TRY(check_not_moved(from));
  const MadePlace place = made_place(to, kBackupMaking);
  WITAN_TRY(check_place_free(place.target));
  std::optional<BackupLocks> locks;
  if (options.final) {
    WITAN_ASSIGN(locks, lock_folder(from));
  }
  auto done = make_backup(from, config, place, options);
  if (!done) fs::remove_all(place.making, error);
  return done;
}

}  // namespace witan
