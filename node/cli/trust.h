#pragma once
// What the person at the keyboard trusts: keys of logs, and trust files.

#include <string>
#include <vector>

#include "config/result.h"
#include "witness/verify.h"

namespace witan::cli {

// A file of the verifier's own that is there but not right is misuse, not a failed check.
[[nodiscard]] Error own_file(const Error& error, const std::string& file);

// The trust file `policy` (when not empty), and the log keys: each a vkey, or a file with a vkey or
// a PEM public key. kUsage, or the error of reading.
[[nodiscard]] Result<VerifyTrust> read_trust(const std::string& policy,
                                             const std::vector<std::string>& log_keys);

}  // namespace witan::cli
