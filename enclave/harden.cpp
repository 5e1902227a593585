#include "enclave/harden.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <linux/capability.h>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include "enclave/landlock.h"
#include "enclave/seccomp.h"
#include "enclave/walls_network.h"
#include "enclave/walls_user.h"
#include "ledger/crypto/secret_memory.h"

namespace witan {
namespace {

volatile std::sig_atomic_t parent = 0;

// The kernel sends the signal when the thread ends that started this process, even while its
// process lives on: only the latter counts.
void on_parent_gone(int /*signal*/) {
  if (::getppid() != parent) ::_exit(0);
}

tl::unexpected<Error> failed(const char* call) {
  return fail(ErrorCode::kIo, system_reason(call));
}

WhyNot unless_done(int result, const char* call) {
  if (result == 0) return std::nullopt;
  return system_reason(call);
}

// In a user namespace of its own a process has every capability over it, and as root over the
// machine: none is needed, but for root's right to folders that are closed to it.
void drop_capabilities() {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &head, sets.data()) != 0) return;
  constexpr std::uint32_t kKept = 1u << CAP_DAC_OVERRIDE;
  const std::uint32_t kept = ::geteuid() == 0 ? sets[0].permitted & kKept : 0;
  sets = {};
  sets[0].permitted = kept;
  sets[0].effective = kept;
  // Seccomp stands before every call that a capability would open, so a failure costs nothing.
  (void)::syscall(SYS_capset, &head, sets.data());
}

// Own user and no network: root needs its rights for the second, and others their files in /proc.
Result<void> leave_for_itself(Walls& walls, const HardenOptions& options) {
  WhyNot network = leave_network_as_root();
  WITAN_ASSIGN(WhyNot user, take_own_user(options.user, options.state_dir));
  if (network) {
    // A change of user has closed /proc/self to this process; ids keep others out meanwhile.
    if (!user) (void)::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    network = leave_network();
  }
  walls.set(walls::kOwnUid, std::move(user));
  walls.set(walls::kNoNetwork, std::move(network));
  return {};
}

Result<void> handle_signals() {
  // The parent decides when this ends, by closing the socket; a full disk is an error, no signal.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) {
    if (std::signal(signal, SIG_IGN) == SIG_ERR) return failed("signal");
  }
  parent = ::getppid();
  if (std::signal(SIGUSR1, on_parent_gone) == SIG_ERR) return failed("signal(SIGUSR1)");
  // After the change of user, which would take it back.
  if (::prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) != 0) return failed("prctl(PR_SET_PDEATHSIG)");
  return {};
}

}  // namespace

Result<Walls> harden_process(unsigned first_closed, const HardenOptions& options) {
  Walls walls;
  WITAN_TRY(leave_for_itself(walls, options));
  if (::close_range(first_closed, ~0U, 0) != 0) return failed("close_range");
  const struct rlimit none { 0, 0 };
  walls.set(walls::kNoCore, unless_done(::setrlimit(RLIMIT_CORE, &none), "setrlimit"));
  walls.set(walls::kNotDumpable, unless_done(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl"));
  walls.set(walls::kNoNewPrivs, unless_done(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl"));
  WITAN_TRY(handle_signals());
  drop_capabilities();
  std::string not_hidden = hide_secret_memory();
  walls.set(walls::kSecretMemory,
            not_hidden.empty()
                ? WhyNot()
                : WhyNot("keys are in locked memory, which root reads: " + not_hidden));
  return walls;
}

void confine_files(Walls& walls, const std::filesystem::path& state_dir) {
  const WhyNot sanitized = built_with_sanitizer();
  walls.set(walls::kLandlock, sanitized ? sanitized : raise_landlock(state_dir));
}

Result<void> confine_calls(Walls& walls, const std::vector<std::string>& require) {
  const WhyNot sanitized = built_with_sanitizer();
  walls.set(walls::kSeccomp, sanitized ? sanitized : raise_seccomp());
  return walls.check_required(require);
}

}  // namespace witan
