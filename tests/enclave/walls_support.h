#pragma once
// A child process that raises walls and then tries what they forbid.

#include <array>
#include <csignal>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#include "enclave/harden.h"
#include "tests/support/catch.h"

namespace witan::test {

// nobody, on Debian; any user that is not root would do.
inline constexpr uid_t kOtherUser = 65'534;

struct Ended {
  int status = 0;    // as waitpid gives it
  std::string said;  // at most a pipe's worth

  [[nodiscard]] bool well() const { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }
  [[nodiscard]] bool killed_by_filter() const {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
  }
};

// Runs `act` in a child, which ends with its result; what it writes to the descriptor is `said`.
inline Ended in_child(const std::function<int(int out)>& act) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(pipe[0]);
    ::_exit(act(pipe[1]));
  }
  ::close(pipe[1]);
  Ended ended;
  std::array<char, 4'096> part{};
  for (ssize_t got = 0; (got = ::read(pipe[0], part.data(), part.size())) > 0;) {
    ended.said.append(part.data(), static_cast<std::size_t>(got));
  }
  ::close(pipe[0]);
  REQUIRE(::waitpid(child, &ended.status, 0) == child);
  return ended;
}

inline void say(int out, std::string_view text) {
  (void)!::write(out, text.data(), text.size());
}

inline std::string why_not(const WallStates& walls, std::string_view name) {
  for (const WallState& wall : walls) {
    if (wall.name == name) return wall.why_not;
  }
  return "unknown wall";
}

// Whether the reason is one that only this kernel, this machine's rules or a sanitizer can give:
// then a test has nothing to try, and says so. Any other reason is a fault.
inline bool is_lacking(std::string_view reason) {
  if (reason.empty()) return false;
  bool known = false;
  for (const std::string_view begin :
       {"built with a sanitizer", "built without", "the kernel has no", "Landlock is off",
        "no new user and network namespace",
        "keys are in locked memory, which root reads: the kernel has no"}) {
    known = known || reason.substr(0, begin.size()) == begin;
  }
  if (!known) FAIL(reason);
  std::cout << "walls: not tried: " << reason << "\n";
  return true;
}

// All walls around this process, as around the enclave; its descriptors below 64 stay open.
inline WallStates raise_walls(const std::filesystem::path& folder) {
  auto walls = harden_process(64, {folder, "", {}});
  if (!walls) return {};
  confine_files(*walls, folder);
  (void)confine_calls(*walls, {});
  return walls->states();
}

}  // namespace witan::test
