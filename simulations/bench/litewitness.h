#pragma once
// litewitness, the witness of torchwood, under the load that Witan's is measured with. `./dev
// bench` installs it where Go is present (tests/interop/).

#include <filesystem>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/note.h"
#include "simulations/bench/load.h"

namespace witan::bench {

struct LitewitnessRun {
  LoadResult load;
  VerifierKey key;
  double witness_us = 0;  // processor time of it and of its ssh-agent for one request
  std::string storage;    // how its database is synced, as SQLite says
};

[[nodiscard]] bool litewitness_is_installed();

// Runs it in `folder`, which must exist, with `logs` (each log's origin is its key's name) standing
// at `size` with `root`, under `load`, whose port is ignored. Errors of start_serving and run_load;
// kConflict when an answer was not 200.
[[nodiscard]] Result<LitewitnessRun> run_litewitness(const std::filesystem::path& folder,
                                                     const std::vector<VerifierKey>& logs,
                                                     TreeSize size, const Hash32& root,
                                                     LoadOptions load);

}  // namespace witan::bench
