#pragma once
// What the preloaded library writes down and the power-loss test reads: a file for each process, of
// records in the order of what happened. An undo record is written before the change it undoes.

#include <cstdint>

namespace witan::powerloss {

// Environment variables of the preloaded library.
inline constexpr const char* kFolderVariable = "WITAN_POWERLOSS_FOLDER";    // what is watched
inline constexpr const char* kJournalVariable = "WITAN_POWERLOSS_JOURNAL";  // a folder, beside it
// The kind of sync that is left out: "store-data", "store-meta" or "enclave".
inline constexpr const char* kDropVariable = "WITAN_POWERLOSS_DROP";
// After that many syncs of the enclave's state, it kills its parent and itself: the moment at which
// a signature exists that nobody has seen.
inline constexpr const char* kCutVariable = "WITAN_POWERLOSS_CUT_AFTER";

enum class Kind : std::uint32_t {
  kWrite,         // file `path`: `data` is what stood at `offset` (shorter at the end of the file)
  kDurableWrite,  // O_DSYNC: `data` is what now stands at `offset`, and is on the disk
  kSync,          // everything written to the file is on the disk
  kCreate,        // `path` came to be
  kRename,        // `path` became `data`; what was there before is kept as `offset` in the journal
  kUnlink,        // `path` went away; it is kept as `offset` in the journal
  kFolderSync,    // the names in the folder `path` are on the disk
};

// Followed by the path and the data.
struct Record {
  Kind kind = Kind::kWrite;
  std::uint32_t path_bytes = 0;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
  std::uint64_t file_bytes = 0;  // the file's size before the change
  std::uint64_t time_ns = 0;     // monotonic, so that two processes' records can be put in order
  std::uint64_t data_bytes = 0;
  std::uint64_t changed_bytes = 0;  // kWrite: how many are written
};

}  // namespace witan::powerloss
