#include "enclave/seccomp.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <seccomp.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace witan {
namespace {

// By name: libseccomp knows their numbers on each machine, and skips what a machine does not have.
constexpr std::array kAllowed{
    // files, opened by path or open already
    "open", "openat", "close", "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64",
    "pwritev", "lseek", "fstat", "newfstatat", "fstatat64", "stat", "lstat", "statx", "fsync",
    "fdatasync", "fchmod", "ftruncate", "rename", "renameat", "renameat2", "link", "linkat",
    "unlink", "unlinkat", "getdents64",
    // the socket that is there
    "recvfrom", "poll", "ppoll",
    // memory; mmap, mprotect and sendto below
    "brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "memfd_secret",
    // threads that were started before, locks, signals, clocks
    "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "getcpu",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "nanosleep",
    "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "getrandom", "exit",
    "exit_group",
    // who it is
    "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid"};

constexpr std::array kDeadly{"execve",
                             "execveat",
                             "fork",
                             "vfork",
                             "clone",
                             "clone3",
                             "ptrace",
                             "process_vm_readv",
                             "process_vm_writev",
                             "process_madvise",
                             "pidfd_open",
                             "pidfd_getfd",
                             "kcmp",
                             "socket",
                             "socketpair",
                             "connect",
                             "bind",
                             "listen",
                             "accept",
                             "accept4",
                             "bpf",
                             "perf_event_open",
                             "io_uring_setup",
                             "userfaultfd",
                             "setns",
                             "unshare",
                             "mount",
                             "umount2",
                             "pivot_root",
                             "chroot",
                             "open_by_handle_at",
                             "kexec_load",
                             "init_module",
                             "finit_module",
                             "setuid",
                             "setgid",
                             "setreuid",
                             "setregid",
                             "setresuid",
                             "setresgid",
                             "setgroups",
                             "capset",
                             "memfd_create"};

struct ReleaseFilter {
  void operator()(void* filter) const { seccomp_release(filter); }
};

// A filter that is being built. Its first failure stays.
class Filter {
 public:
  Filter() : filter_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    if (filter_ == nullptr) why_not_ = "seccomp_init failed";
  }

  void allow(const char* name) { add(SCMP_ACT_ALLOW, name, 0, nullptr); }
  void kill(const char* name) { add(SCMP_ACT_KILL_PROCESS, name, 0, nullptr); }
  template <typename... Conditions>
  void allow_if(const char* name, Conditions... conditions) {
    const scmp_arg_cmp list[] = {conditions...};
    add(SCMP_ACT_ALLOW, name, sizeof...(conditions), list);
  }
  void set(scmp_filter_attr attribute, std::uint32_t value) {
    if (why_not_) return;
    check("seccomp_attr_set", seccomp_attr_set(filter_.get(), attribute, value));
  }
  WhyNot load() {
    if (!why_not_) check("seccomp_load", seccomp_load(filter_.get()));
    return why_not_;
  }

 private:
  void add(std::uint32_t action, const char* name, unsigned count, const scmp_arg_cmp* conditions) {
    if (why_not_) return;
    const int number = seccomp_syscall_resolve_name(name);
    // A call that is younger than the library cannot be named, and stays refused.
    if (number == __NR_SCMP_ERROR) return;
    check(name, seccomp_rule_add_array(filter_.get(), action, number, count, conditions));
  }
  void check(const char* call, int result) {
    if (result < 0) why_not_ = std::string(call) + ": " + std::strerror(-result);
  }

  std::unique_ptr<void, ReleaseFilter> filter_;
  WhyNot why_not_;
};

scmp_arg_cmp is_equal(unsigned argument, std::uint64_t value) {
  return scmp_arg_cmp{argument, SCMP_CMP_EQ, value, 0};
}

scmp_arg_cmp has_not(unsigned argument, std::uint64_t bits) {
  return scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, bits, 0};
}

void allow_with_conditions(Filter& filter) {
  for (const char* name : {"mmap", "mmap2", "mprotect"}) {
    filter.allow_if(name, has_not(2, PROT_EXEC));
  }
  // To the socket's own other end: no address.
  filter.allow_if("sendto", is_equal(4, 0));
  for (const std::uint64_t command : {F_GETFD, F_SETFD, F_GETFL}) {
    filter.allow_if("fcntl", is_equal(1, command));
    filter.allow_if("fcntl64", is_equal(1, command));
  }
  // isatty, before something is printed.
  filter.allow_if("ioctl", is_equal(1, TCGETS));
  // Its own limits, to read them.
  filter.allow_if("prlimit64", is_equal(0, 0), is_equal(2, 0));
  // abort() of this process, and no other signal to anybody.
  filter.allow_if("tgkill", is_equal(0, static_cast<std::uint64_t>(::getpid())),
                  is_equal(2, SIGABRT));
}

}  // namespace

WhyNot raise_seccomp() {
  Filter filter;
  // Calls of another machine's kind (32 bits) end the process.
  filter.set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  filter.set(SCMP_FLTATR_CTL_TSYNC, 1);
  for (const char* name : kAllowed) filter.allow(name);
  for (const char* name : kDeadly) filter.kill(name);
  allow_with_conditions(filter);
  return filter.load();
}

}  // namespace witan
