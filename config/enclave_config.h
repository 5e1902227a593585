#pragma once
// [enclave] in witan.toml and witness.toml: how the signer's process is started.

#include <iosfwd>
#include <string>
#include <vector>

#include "config/result.h"
#include "config/toml_reader.h"

namespace witan {

struct EnclaveConfig {
  std::vector<std::string> require;  // names of config/walls.h; without them it does not start
  std::string user;  // whom it becomes when started as root; empty: its folder's owner
};

// Reads the whole table. kUsage naming file, line and key: an unknown wall, one that is there
// twice, an empty user.
[[nodiscard]] Result<EnclaveConfig> read_enclave_config(TomlTable& table);
// The section with its comments; commented out where nothing is configured.
void write_enclave_config(std::ostream& out, const EnclaveConfig& config);

}  // namespace witan
