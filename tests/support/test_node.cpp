#include "tests/support/test_node.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace witan::test {
namespace {

namespace fs = std::filesystem;

// The parent in a line of /proc/PID/stat. The program's name, in parentheses, may hold anything.
pid_t parent_in(const std::string& stat) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 4 >= stat.size()) return -1;
  if (stat[name_end + 2] == 'Z') return -1;
  return std::stoi(stat.substr(name_end + 4));
}

}  // namespace

fs::path witan_program() {
  return fs::path(WITAN_BINARY_DIR) / "bin" / "witan";
}

ChildResult run_witan(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), witan_program().string());
  auto result = run_child(arguments);
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); })) {
      continue;
    }
    if (parent_in(read_text(entry.path() / "stat")) == parent) found.push_back(std::stoi(name));
  }
  return found;
}

bool process_exists(pid_t pid) {
  const std::string stat = read_text("/proc/" + std::to_string(pid) + "/stat");
  return !stat.empty() && parent_in(stat) > 0;
}

void write_text(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TestNode::TestNode() : TestNode(std::vector<std::string>{}) {}

TestNode::TestNode(const std::vector<std::string>& init_arguments) {
  const std::string key = folder_.at("issuer.pub");
  write_text(key, issuer_.key().public_key().pem());
  std::vector<std::string> command = {
      "init",     "--dir",      paths().dir.string(), "--issuer", issuer_.uri() + "=" + key,
      "--listen", "127.0.0.1:0"};
  if (std::count(init_arguments.begin(), init_arguments.end(), "--origin") == 0) {
    command.insert(command.end(), {"--origin", kOrigin});
  }
  command.insert(command.end(), init_arguments.begin(), init_arguments.end());
  const ChildResult made = run_witan(command);
  if (made.exit_code != 0) throw std::runtime_error("witan init: " + made.out + made.err);
  edit_config([](NodeConfig& config) { config.rate_per_s = 0; });
}

void TestNode::edit_config(const std::function<void(NodeConfig&)>& edit) {
  const std::string file = paths().config().string();
  auto config = NodeConfig::parse(read_text(file), file);
  if (!config) throw std::runtime_error(config.error().message);
  edit(*config);
  write_text(file, config->encode());
}

void TestNode::start(const std::map<std::string, std::string>& environment) {
  const fs::path address_file = paths().dir / "address";
  std::error_code ignored;
  fs::remove(address_file, ignored);
  auto child = Child::start({witan_program().string(), "node", "--dir", paths().dir.string()},
                            folder_.at("node.log"), environment);
  if (!child) throw std::runtime_error(child.error().message);
  child_.emplace(std::move(*child));
  std::string address;
  const bool serves = eventually([&] {
    address = read_text(address_file);
    return !address.empty() || !child_->running();
  });
  if (!serves || address.empty()) {
    child_.reset();
    throw std::runtime_error("the node does not serve: " + printed());
  }
  url_ = address.substr(0, address.find('\n'));
}

ChildResult TestNode::start_in_vain(const std::map<std::string, std::string>& environment) {
  const std::string log = folder_.at("in-vain.log");
  std::error_code ignored;
  fs::remove(log, ignored);
  auto child = Child::start({witan_program().string(), "node", "--dir", paths().dir.string()}, log,
                            environment);
  if (!child) throw std::runtime_error(child.error().message);
  if (!eventually([&] { return !child->running(); })) {
    throw std::runtime_error("the node runs, and should have refused: " + read_text(log));
  }
  return ChildResult{child->wait(), "", read_text(log)};
}

int TestNode::stop() {
  if (!child_) return -1;
  child_->send(SIGTERM);
  if (!eventually([&] { return !child_->running(); })) {
    throw std::runtime_error("the node does not end on SIGTERM: " + printed());
  }
  const int code = child_->wait();
  child_.reset();
  return code;
}

void TestNode::kill_hard(bool enclave_too) {
  if (!child_) return;
  const std::vector<pid_t> enclaves = children_of(child_->pid());
  child_->send(SIGKILL);
  for (const pid_t enclave : enclaves) {
    if (enclave_too) ::kill(enclave, SIGKILL);
  }
  child_->wait();
  child_.reset();
  for (const pid_t enclave : enclaves) {
    if (!eventually([enclave] { return !process_exists(enclave); })) {
      throw std::runtime_error("the enclave outlives its node");
    }
  }
}

pid_t TestNode::enclave_pid() const {
  const std::vector<pid_t> found = children_of(pid());
  return found.empty() ? -1 : found.front();
}

std::string TestNode::address() const {
  return url_.substr(url_.find("//") + 2);
}

std::string TestNode::audit() const {
  const ChildResult result =
      run_witan({"audit", "--node", url_, "--log-key", paths().log_key().string(), "--state",
                 folder_.at("audit.json"), "--no-progress"});
  return result.exit_code == 0 ? "" : "witan audit: " + result.out + result.err;
}

std::string TestNode::printed() const {
  return read_text(folder_.at("node.log"));
}

std::unique_ptr<http::Client> TestNode::client(std::chrono::milliseconds deadline) const {
  http::ClientOptions options;
  options.deadline = deadline;
  auto client = http::Client::make(url_, options);
  if (!client) throw std::runtime_error(client.error().message);
  return std::move(*client);
}

http::ClientResponse TestNode::get(const std::string& target) const {
  auto response = client()->get(target);
  if (response) return std::move(*response);
  return {0, {}, to_bytes(as_bytes(response.error().message))};
}

http::ClientResponse TestNode::post(const Bytes& statement) const {
  auto response = client()->post("/entries", statement, "application/cose");
  if (response) return std::move(*response);
  return {0, {}, to_bytes(as_bytes(response.error().message))};
}

std::string text_of(const http::ClientResponse& response) {
  return std::string(as_text(response.body));
}

}  // namespace witan::test
