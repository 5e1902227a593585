#pragma once
// Copies of a witness's folder that are whole, and folders made from them that cannot sign two
// histories. What each way promises: docs/witness.md, section "Backup and restore".

#include <cstdint>
#include <filesystem>
#include <string>

#include "config/result.h"
#include "config/witness_config.h"

namespace witan {

struct BackupOptions {
  // The folder must not run, and never signs again: the backup takes its place.
  bool final = false;
  std::filesystem::path enclave_binary;  // empty: the one beside this program
};

struct BackupDone {
  std::string id;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t logs = 0;
  std::uint64_t marks = 0;
};

// Makes the folder `to` (mode 0700), which holds the witness's key. The copy is opened by a signer
// of its own and compared with its store before it gets its name: there is a whole backup or none.
// The witness may run, unless it is final. kUsage when `to` is there and not empty; kConflict when
// it is to be final and a witness runs; kRefused when it was moved already; kStale when the folder
// would not run either; kIo.
[[nodiscard]] Result<BackupDone> back_up_witness(const WitnessPaths& from,
                                                 const std::filesystem::path& to,
                                                 const BackupOptions& options = {});

struct RestoreDone {
  std::string name;
  std::uint64_t files = 0;
  // No log is cosigned until it is confirmed; why so.
  bool held = false;
  std::string reason;
};

// Makes the folder `dir` from a backup, all or nothing. From a final one that was not restored
// before, it goes on exactly; from any other, every log is held by the signer. kNotFound: no
// backup; kMalformed or kBadProof: one that is damaged, naming the file; kUsage when `dir` is
// there and not empty; kIo.
[[nodiscard]] Result<RestoreDone> restore_witness(const std::filesystem::path& from,
                                                  const std::filesystem::path& dir,
                                                  const std::filesystem::path& enclave_binary = {});

}  // namespace witan
