#pragma once
// A witness's folder and the process that runs on it, as an operator has it.

#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/witness_config.h"
#include "ledger/format/note.h"
#include "node/http/client.h"
#include "tests/support/test_node.h"

namespace witan::test {

class SmokeWitness {
 public:
  // Makes it.
  SmokeWitness() {
    const ChildResult made = verb({"init", "--name", kName, "--listen", "127.0.0.1:0"});
    if (made.exit_code != 0) throw std::runtime_error("witan witness init: " + made.err);
  }

  // A copy of its folder takes its place, or another folder does.
  void use(const std::filesystem::path& dir) { dir_ = dir; }

  void start(const std::map<std::string, std::string>& environment = {}) {
    if (!try_start(environment)) throw std::runtime_error("does not serve: " + printed());
  }
  // Whether it serves; if not it has ended.
  bool try_start(const std::map<std::string, std::string>& environment = {}) {
    std::error_code ignored;
    std::filesystem::remove(paths().address(), ignored);
    auto child =
        Child::start({witan_program().string(), "witness", "run", "--dir", paths().dir.string()},
                     folder_.at("witness.log"), environment);
    if (!child) throw std::runtime_error(child.error().message);
    child_.emplace(std::move(*child));
    const bool ready =
        eventually([this] { return !read_text(paths().address()).empty() || !child_->running(); });
    if (!ready) throw std::runtime_error("neither serves nor ends: " + printed());
    url_ = read_text(paths().address());
    url_ = url_.substr(0, url_.find('\n'));
    if (!url_.empty()) return true;
    child_->wait();
    child_.reset();
    return false;
  }
  // SIGKILL, to its signer as well; waits until both are gone.
  void kill_hard() {
    const std::vector<pid_t> signers = children_of(child_->pid());
    if (child_->running()) child_->send(SIGKILL);
    for (const pid_t signer : signers) ::kill(signer, SIGKILL);
    child_->wait();
    child_.reset();
    for (const pid_t signer : signers) {
      if (!eventually([signer] { return !process_exists(signer); })) {
        throw std::runtime_error("the signer outlives its witness");
      }
    }
  }
  int stop() {
    child_->send(SIGTERM);
    if (!eventually([this] { return !child_->running(); })) throw std::runtime_error("runs on");
    const int code = child_->wait();
    child_.reset();
    return code;
  }

  // `witan witness VERB ... --dir DIR`
  [[nodiscard]] ChildResult verb(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "witness");
    arguments.insert(arguments.end(), {"--dir", paths().dir.string()});
    return run_witan(arguments);
  }
  [[nodiscard]] nlohmann::json listed() const {
    return nlohmann::json::parse(verb({"list", "--json"}).out);
  }
  [[nodiscard]] Result<http::ClientResponse> post(
      const std::string& body, const std::string& target = "/add-checkpoint") const {
    return http::Client::make(url_).value()->post(target, as_bytes(body), "text/plain");
  }
  [[nodiscard]] http::ClientResponse get(const std::string& target) const {
    return http::Client::make(url_).value()->get(target).value();
  }
  [[nodiscard]] VerifierKey vkey() const {
    const std::string text = read_text(paths().vkey());
    return VerifierKey::parse(text.substr(0, text.find('\n'))).value();
  }
  // Of Ed25519, and of ML-DSA-44 where OpenSSL has it.
  [[nodiscard]] std::vector<VerifierKey> vkeys() const {
    std::istringstream lines(read_text(paths().vkey()));
    std::vector<VerifierKey> out;
    for (std::string line; std::getline(lines, line);) {
      out.push_back(VerifierKey::parse(line).value());
    }
    return out;
  }
  [[nodiscard]] WitnessPaths paths() const {
    return {dir_.empty() ? folder_.path() / "witness" : dir_};
  }
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] bool running() { return child_ && child_->running(); }
  [[nodiscard]] pid_t pid() const { return child_ ? child_->pid() : -1; }
  [[nodiscard]] const TempDir& folder() const { return folder_; }
  [[nodiscard]] std::string printed() const { return read_text(folder_.at("witness.log")); }

  static constexpr const char* kName = "witness.test/e2e";

 private:
  TempDir folder_;
  std::optional<Child> child_;
  std::string url_;
  std::filesystem::path dir_;  // empty: the one that was made
};

}  // namespace witan::test
