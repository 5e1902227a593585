#pragma once
// The Store on one machine: one LMDB environment in one folder, one process at a time. The layout
// is in ledger/store/layout.h and docs/store.md.

#include <cstddef>
#include <filesystem>
#include <memory>

#include "config/limits.h"
#include "config/result.h"
#include "ledger/ports/store.h"

namespace witan {

struct LmdbOptions {
  // Address space, not disk. Halved until the kernel grants it (a sanitizer or ulimit may not grant
  // the first); the store is full when it is used up.
  std::size_t map_bytes = limits::kStoreMapBytes;
  // Views open at the same time.
  std::size_t readers_max = limits::kStoreReadersMax;
  // false: a commit may be lost, and the file damaged, by a power failure. For benchmarks only.
  bool sync = true;
};

// Opens the store in the folder, which it makes (mode 0700) when it is not there. Commits come from
// one thread at a time; views may be made and used on any thread, each by one at a time.
// kConflict: another process has it open (the message names its pid). kUnsupported: written in
// another format version. kIo: the operating system refused.
[[nodiscard]] Result<std::unique_ptr<Store>> open_lmdb_store(const std::filesystem::path& folder,
                                                             const LmdbOptions& options = {});

}  // namespace witan
