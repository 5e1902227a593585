#include "node/cli/serving.h"

#include <pthread.h>

namespace witan::cli {

sigset_t block_end_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is an error like a full disk
  return set;
}

std::optional<http::TlsFiles> tls_files(const std::filesystem::path& dir,
                                        const std::optional<std::string>& certificate,
                                        const std::optional<std::string>& key) {
  if (!certificate || !key) return std::nullopt;
  return http::TlsFiles{(dir / *certificate).string(), (dir / *key).string()};
}

}  // namespace witan::cli
