#pragma once
// The enclave's loop over its one socket.

#include <filesystem>

namespace witan {

// Opens the folder, says that it is ready (or why not), and answers requests one by one until the
// other side closes. Gives the exit code: 0 at the end of the stream, 1 when the state could not be
// opened or a sync failed, after which nothing on this machine's page cache is believed. Errors go
// to standard error, one line each, without secrets.
[[nodiscard]] int serve_enclave(int socket, const std::filesystem::path& folder);

}  // namespace witan
