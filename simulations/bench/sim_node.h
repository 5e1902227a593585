#pragma once
// A node whose signer is in its own process (grade `sim`, nothing sealed): what the enclave's rate
// is measured against.

#include <filesystem>

#include "config/result.h"

namespace witan::bench {

// Begins a second log in the folder of a node that `witan init` made, under <dir>/sim, with keys
// that live as long as the process, and serves it as `witan node` would until SIGTERM. Replaces
// <dir>/receipt-key.pem. The errors of begin_log and of the server.
[[nodiscard]] Result<void> run_sim_node(const std::filesystem::path& dir);

}  // namespace witan::bench
