#include "node/cli/child.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace witan {
namespace {

constexpr std::size_t kOutputBytesMax = std::size_t{16} << 20;

int decode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// What the child's descriptors and signals are to be.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    // The parent may have blocked or ignored signals that the child wants.
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  posix_spawn_file_actions_t& actions() { return actions_; }

  Result<pid_t> spawn(const std::vector<std::string>& command,
                      const std::map<std::string, std::string>& environment = {}) {
    std::vector<std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view text(*entry);
      if (environment.count(std::string(text.substr(0, text.find('=')))) == 0) {
        variables.emplace_back(text);
      }
    }
    for (const auto& [name, value] : environment) {
      std::string& variable = variables.emplace_back(name);
      variable += '=';
      variable += value;
    }
    pid_t pid = -1;
    const int error = posix_spawnp(&pid, command.front().c_str(), &actions_, &attributes_,
                                   pointers(command).data(), pointers(variables).data());
    if (error != 0) {
      return fail(ErrorCode::kIo, command.front() + ": cannot start: " + std::strerror(error));
    }
    return pid;
  }

 private:
  static std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (const std::string& text : texts) {
      // POSIX declares the strings writable, and does not write.
      out.push_back(const_cast<char*>(text.c_str()));  // NOLINT(*-const-cast)
    }
    out.push_back(nullptr);
    return out;
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// Reads both pipes until the child has closed them.
void drain(std::array<pollfd, 2>& pipes, std::array<std::string*, 2> into) {
  std::array<char, 16'384> buffer;
  while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
    if (poll(pipes.data(), pipes.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t i = 0; i < pipes.size(); ++i) {
      if (pipes[i].fd < 0 || pipes[i].revents == 0) continue;
      const ssize_t count = read(pipes[i].fd, buffer.data(), buffer.size());
      if (count <= 0) {
        close(pipes[i].fd);
        pipes[i].fd = -1;
      } else if (into[i]->size() < kOutputBytesMax) {
        into[i]->append(buffer.data(), static_cast<std::size_t>(count));
      }
    }
  }
}

}  // namespace

Result<ChildResult> run_child(const std::vector<std::string>& command) {
  std::array<int, 2> out{}, err{};
  if (pipe2(out.data(), O_CLOEXEC) != 0) {
    return fail(ErrorCode::kIo, std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  if (pipe2(err.data(), O_CLOEXEC) != 0) {
    close(out[0]);
    close(out[1]);
    return fail(ErrorCode::kIo, std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  SpawnPlan plan;
  posix_spawn_file_actions_adddup2(&plan.actions(), out[1], 1);
  posix_spawn_file_actions_adddup2(&plan.actions(), err[1], 2);
  const auto pid = plan.spawn(command);
  close(out[1]);
  close(err[1]);
  if (!pid) {
    close(out[0]);
    close(err[0]);
    return fail(pid.error());
  }
  ChildResult result;
  std::array<pollfd, 2> pipes{pollfd{out[0], POLLIN, 0}, pollfd{err[0], POLLIN, 0}};
  drain(pipes, {&result.out, &result.err});
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = decode(status);
  return result;
}

Result<Child> Child::start(const std::vector<std::string>& command, const std::string& log_file,
                           const std::map<std::string, std::string>& environment) {
  SpawnPlan plan;
  posix_spawn_file_actions_addopen(&plan.actions(), 1, log_file.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&plan.actions(), 1, 2);
  WITAN_ASSIGN(const pid_t pid, plan.spawn(command, environment));
  return Child(pid);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_code_(other.exit_code_) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(exit_code_, other.exit_code_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0) return;
  send(SIGKILL);
  wait();
}

bool Child::running() {
  if (pid_ < 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  exit_code_ = decode(status);
  pid_ = -1;
  return false;
}

void Child::send(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

int Child::wait() {
  int status = 0;
  while (pid_ > 0) {
    if (waitpid(pid_, &status, 0) == pid_) {
      exit_code_ = decode(status);
      pid_ = -1;
    } else if (errno != EINTR) {
      pid_ = -1;
    }
  }
  return exit_code_;
}

std::string this_program() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

}  // namespace witan
