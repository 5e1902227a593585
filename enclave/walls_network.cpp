#include "enclave/walls_network.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace witan {
namespace {

bool write_file(const char* path, const std::string& text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t put = ::write(file, text.data(), text.size());
  const int error = errno;
  ::close(file);
  errno = error;
  return put == static_cast<ssize_t>(text.size());
}

std::string to_itself(unsigned id) {
  const std::string text = std::to_string(id);
  return text + " " + text + " 1";
}

// 0, or the error. A failure may leave the process in a namespace where it has no ids.
int enter_namespaces() {
  const std::string user = to_itself(::geteuid()), group = to_itself(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return errno;
  if (!write_file("/proc/self/uid_map", user)) return errno;
  if (!write_file("/proc/self/setgroups", "deny") && errno != ENOENT) return errno;
  if (!write_file("/proc/self/gid_map", group)) return errno;
  return 0;
}

// What enter_namespaces would give, tried by a child that ends.
int try_namespaces() {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) ::_exit(enter_namespaces() & 0xff);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

}  // namespace

WhyNot leave_network_as_root() {
  if (::unshare(CLONE_NEWNET) == 0) return std::nullopt;
  return system_reason("unshare(CLONE_NEWNET)");
}

WhyNot leave_network() {
  if (::unshare(CLONE_NEWNET) == 0) return std::nullopt;
  int error = try_namespaces();
  if (error == 0) error = enter_namespaces();
  if (error == 0) return std::nullopt;
  return std::string("no new user and network namespace is allowed here: ") + std::strerror(error);
}

}  // namespace witan
