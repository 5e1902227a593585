#pragma once
// The verbs below `witan witness`, and what they share.

#include <memory>
#include <optional>
#include <string>

#include "config/result.h"
#include "config/witness_config.h"
#include "enclave/hold.h"
#include "node/cli/options.h"
#include "node/witness/witness_store.h"

namespace witan::cli {

// Each adds its verbs below `witan witness`.
void add_witness_init(Verb& witness);
void add_witness_run(Verb& witness);
void add_witness_logs(Verb& witness);     // add-log, disable-log, enable-log
void add_witness_lists(Verb& witness);    // pull-logs, lint
void add_witness_show(Verb& witness);     // list, status
void add_witness_backup(Verb& witness);   // backup, restore
void add_witness_confirm(Verb& witness);  // hold, confirm

// A witness's folder as the verbs open it, while a witness runs on it or not.
struct WitnessFolder {
  WitnessPaths paths;
  WitnessConfig config;
  std::unique_ptr<WitnessStore> store;
};
// kNotFound naming the way out when `witan witness init` has not made the folder.
[[nodiscard]] Result<WitnessConfig> read_witness_config(const WitnessPaths& paths);
[[nodiscard]] Result<WitnessFolder> open_witness_folder(const std::string& dir);
// Which logs its signer holds; nullopt when none is.
[[nodiscard]] Result<std::optional<Hold>> read_witness_hold(const WitnessPaths& paths);

}  // namespace witan::cli
