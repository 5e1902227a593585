#pragma once
// A node's folder, made by `witan init`, and the node that runs on it, as a person would start it.

#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "config/node_config.h"
#include "node/cli/child.h"
#include "node/http/client.h"
#include "tests/support/statements.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace witan::test {

[[nodiscard]] std::filesystem::path witan_program();
// Runs the program to its end.
[[nodiscard]] ChildResult run_witan(std::vector<std::string> arguments);
// The processes whose parent is `parent`.
[[nodiscard]] std::vector<pid_t> children_of(pid_t parent);
[[nodiscard]] bool process_exists(pid_t pid);
void write_text(const std::filesystem::path& file, const std::string& text);
// Empty when there is no such file.
[[nodiscard]] std::string read_text(const std::filesystem::path& file);

// All functions throw, and so fail the test, when something is not as it has to be; messages then
// hold what the node printed.
class TestNode {
 public:
  // Makes the folder, where `issuer` may register. Requests are not limited in number. The origin
  // is kOrigin unless the arguments say otherwise.
  TestNode();
  explicit TestNode(const std::vector<std::string>& init_arguments);

  // Runs the node and waits until it serves.
  void start(const std::map<std::string, std::string>& environment = {});
  // Runs the node, which must end by itself; its exit code, and in `err` what it printed.
  ChildResult start_in_vain(const std::map<std::string, std::string>& environment = {});
  // SIGTERM; gives the exit code.
  int stop();
  // SIGKILL to the node, and waits until its enclave is gone too. With `enclave_too`, the enclave
  // is killed as well and has no time to finish.
  void kill_hard(bool enclave_too = false);
  void edit_config(const std::function<void(NodeConfig&)>& edit);

  [[nodiscard]] bool running() { return child_ && child_->running(); }
  [[nodiscard]] pid_t pid() const { return child_ ? child_->pid() : -1; }
  // The enclave's process; -1 when there is none at the moment.
  [[nodiscard]] pid_t enclave_pid() const;
  [[nodiscard]] const std::string& url() const { return url_; }
  // "127.0.0.1:port".
  [[nodiscard]] std::string address() const;
  [[nodiscard]] NodePaths paths() const { return NodePaths{folder_.path() / "log"}; }
  [[nodiscard]] const TempDir& folder() const { return folder_; }
  [[nodiscard]] const Issuer& issuer() const { return issuer_; }
  // `witan audit` of all of it, going on where the last one ended: what is wrong, or empty.
  [[nodiscard]] std::string audit() const;
  // What it has printed since the folder was made.
  [[nodiscard]] std::string printed() const;
  [[nodiscard]] std::unique_ptr<http::Client> client(
      std::chrono::milliseconds deadline = kPatience) const;
  // Status 0 with the error's message as body when there was no answer.
  [[nodiscard]] http::ClientResponse get(const std::string& target) const;
  [[nodiscard]] http::ClientResponse post(const Bytes& statement) const;

  static constexpr const char* kOrigin = "log.test/e2e";

 private:
  TempDir folder_;
  Issuer issuer_{"https://issuer.test"};
  std::optional<Child> child_;
  std::string url_;
};

[[nodiscard]] std::string text_of(const http::ClientResponse& response);

}  // namespace witan::test
