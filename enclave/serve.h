#pragma once
// The enclave's loop over its one socket.

#include "enclave/harden.h"

namespace witan {

// Opens the folder, raises the walls that are left, says that it is ready (or why not), and answers
// requests one by one until the other side closes. Gives the exit code: 0 at the end of the stream,
// 1 when the state could not be opened or a sync failed, after which nothing on this machine's page
// cache is believed. Errors go to standard error, one line each, without secrets.
[[nodiscard]] int serve_enclave(int socket, const HardenOptions& options, Walls walls);
// Says on the socket and on standard error why it does not start. Gives 1.
[[nodiscard]] int refuse_to_start(int socket, const Error& error);

}  // namespace witan
