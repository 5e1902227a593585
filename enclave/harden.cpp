#include "enclave/harden.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace witan {
namespace {

volatile std::sig_atomic_t parent = 0;

// The kernel sends the signal when the thread ends that started this process, even while its
// process lives on: only the latter counts.
void on_parent_gone(int /*signal*/) {
  if (::getppid() != parent) ::_exit(0);
}

tl::unexpected<Error> failed(const char* call) {
  return fail(ErrorCode::kIo, std::string(call) + ": " + std::strerror(errno));
}

}  // namespace

Result<void> harden_process(unsigned first_closed) {
  if (::close_range(first_closed, ~0U, 0) != 0) return failed("close_range");
  const struct rlimit none { 0, 0 };
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return failed("setrlimit(RLIMIT_CORE)");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("prctl(PR_SET_DUMPABLE)");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("prctl(PR_SET_NO_NEW_PRIVS)");
  // The parent decides when this ends, by closing the socket; a full disk is an error, no signal.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) {
    if (std::signal(signal, SIG_IGN) == SIG_ERR) return failed("signal");
  }
  parent = ::getppid();
  if (std::signal(SIGUSR1, on_parent_gone) == SIG_ERR) return failed("signal(SIGUSR1)");
  if (::prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) != 0) return failed("prctl(PR_SET_PDEATHSIG)");
  return {};
}

}  // namespace witan
