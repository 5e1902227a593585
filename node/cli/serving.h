#pragma once
// What the verbs that serve until they are told to stop have in common.

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>

#include "node/http/server.h"

namespace witan::cli {

// Blocks the signals that end a server, for this and all later threads, so that one thread can wait
// for them; ignores those that would end it for what is only a failed write.
[[nodiscard]] sigset_t block_end_signals();

// The files of a [tls] section, relative to `dir`; none when it is not there.
[[nodiscard]] std::optional<http::TlsFiles> tls_files(const std::filesystem::path& dir,
                                                      const std::optional<std::string>& certificate,
                                                      const std::optional<std::string>& key);

}  // namespace witan::cli
