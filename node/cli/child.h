#pragma once
// Child processes, for verbs that show Witan at work by running it, and for the tests.

#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

#include "config/result.h"

namespace witan {

struct ChildResult {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

// Runs a program to its end and keeps what it printed (at most 16 MiB each). Its standard input is
// empty. kIo when it cannot be started.
[[nodiscard]] Result<ChildResult> run_child(const std::vector<std::string>& command);

// A program that runs beside this one. The destructor kills it (by its process id) and waits for
// it.
class Child {
 public:
  // Standard output and error go to the file. `environment` is added to this process's.
  static Result<Child> start(const std::vector<std::string>& command, const std::string& log_file,
                             const std::map<std::string, std::string>& environment = {});
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void send(int signal) const;
  // Waits until it has ended; its exit code as in ChildResult.
  int wait();

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;  // -1 once it was waited for
  int exit_code_ = 0;
};

// The path of the running program.
[[nodiscard]] std::string this_program();

}  // namespace witan
