#pragma once

#include <filesystem>

#include "config/node_config.h"
#include "config/result.h"
#include "node/witnessing.h"

namespace witan {

// Reads what [witnesses] of a node's configuration names; paths are relative to `dir`. Errors name
// the file, and the line of a policy: kUsage when it is wrong, kNotFound or kIo when it cannot be
// read.
[[nodiscard]] Result<WitnessingOptions> read_witnessing_options(const WitnessesConfig& config,
                                                                const std::filesystem::path& dir);

}  // namespace witan
