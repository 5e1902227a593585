#include "simulations/bench/node.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "config/file.h"
#include "node/http/client.h"
#include "simulations/bench/stopwatch.h"

namespace witan::bench {
namespace {

namespace fs = std::filesystem;

constexpr double kStartSecondsMax = 60;
constexpr useconds_t kPollMicroseconds = 500;

// The numbers of /proc/PID/stat after the program's name, from the third field on.
std::vector<std::string> stat_fields(const std::string& pid) {
  std::ifstream stream("/proc/" + pid + "/stat");
  std::string text((std::istreambuf_iterator<char>(stream)), {});
  const auto end = text.rfind(')');
  std::vector<std::string> out;
  if (end == std::string::npos) return out;
  std::istringstream words(text.substr(end + 1));
  for (std::string word; words >> word;) out.push_back(word);
  return out;
}

double cpu_of(const std::vector<std::string>& fields) {
  constexpr std::size_t kUser = 11, kSystem = 12;
  if (fields.size() <= kSystem) return 0;
  const auto ticks = std::stod(fields[kUser]) + std::stod(fields[kSystem]);
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto fields = stat_fields(name);
    if (fields.size() > 1 && fields[1] == std::to_string(pid)) out.push_back(std::stoi(name));
  }
  return out;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  const char* base = std::getenv("TMPDIR");
  std::string name = std::string(base != nullptr && *base != '\0' ? base : "/tmp");
  name += "/witan-bench-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error(name + ": cannot make: " + std::strerror(errno));
  }
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Result<NodeFolder> NodeFolder::make(const fs::path& dir, const PublicKey& issuer_key) {
  const std::string key_file = dir.string() + ".issuer.pem";
  WITAN_TRY(write_file_atomic(key_file, issuer_key.pem(), 0644));
  WITAN_ASSIGN(const ChildResult made,
               run_child({program("witan"), "init", "--dir", dir.string(), "--origin",
                          "bench.example/log", "--issuer", std::string(kIssuer) + "=" + key_file}));
  if (made.exit_code != 0) return fail(ErrorCode::kIo, "witan init: " + made.err);
  const NodePaths paths{dir};
  const std::string file = paths.config().string();
  WITAN_ASSIGN(const std::string text, read_text_file(file, limits::kConfigFileBytesMax));
  WITAN_ASSIGN(NodeConfig config, NodeConfig::parse(text, file));
  config.listen = "127.0.0.1:0";
  config.rate_per_s = 0;
  WITAN_TRY(write_file_atomic(file, config.encode(), 0644));
  WITAN_ASSIGN(const std::string pem,
               read_text_file(paths.receipt_key().string(), limits::kPemFileBytesMax));
  WITAN_ASSIGN(PublicKey receipt_key, PublicKey::from_pem(pem));
  return NodeFolder{paths, std::move(config), std::move(receipt_key)};
}

ProcessUse use_of(pid_t pid) {
  ProcessUse out;
  out.cpu_seconds = cpu_of(stat_fields(std::to_string(pid)));
  std::ifstream stream("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(stream, line);) {
    if (line.rfind("RssAnon:", 0) == 0) out.anonymous_bytes = std::stoull(line.substr(8)) * 1'024;
    if (line.rfind("VmRSS:", 0) == 0) out.resident_bytes = std::stoull(line.substr(6)) * 1'024;
  }
  return out;
}

double cpu_seconds_with_children(pid_t pid) {
  double total = cpu_of(stat_fields(std::to_string(pid)));
  for (const pid_t child : children_of(pid)) total += cpu_of(stat_fields(std::to_string(child)));
  return total;
}

std::uint64_t anonymous_bytes_with_children(pid_t pid) {
  std::uint64_t total = use_of(pid).anonymous_bytes;
  for (const pid_t child : children_of(pid)) total += use_of(child).anonymous_bytes;
  return total;
}

std::uint64_t resident_bytes_of_children(pid_t pid) {
  std::uint64_t total = 0;
  for (const pid_t child : children_of(pid)) total += use_of(child).resident_bytes;
  return total;
}

std::string program(const std::string& name) {
  return (fs::path(this_program()).parent_path() / name).string();
}

Result<Serving> start_serving(const std::vector<std::string>& command, const fs::path& dir) {
  const fs::path address = dir / "address";
  const std::string log = (dir / "run.log").string();
  std::error_code ignored;
  fs::remove(address, ignored);
  const Stopwatch since;
  WITAN_ASSIGN(Child child, Child::start(command, log));
  while (since.seconds() < kStartSecondsMax && child.running()) {
    const auto text = read_text_file(address.string(), 1'024);
    if (!text || text->empty() || text->back() != '\n') {
      usleep(kPollMicroseconds);
      continue;
    }
    const double seconds = since.seconds();
    const std::string number = text->substr(text->rfind(':') + 1);
    std::uint16_t port = 0;
    std::from_chars(number.data(), number.data() + number.size() - 1, port);
    return Serving{std::move(child), port, seconds};
  }
  const auto said = read_text_file(log, std::size_t{1} << 20);
  return fail(ErrorCode::kUnavailable, "it does not serve: " + said.value_or("no log"));
}

Result<RunningNode> RunningNode::start(const NodeFolder& folder,
                                       const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {program("witan"), "node", "--dir", folder.paths.dir.string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return start_command(folder, command);
}

Result<RunningNode> RunningNode::start_command(const NodeFolder& folder,
                                               const std::vector<std::string>& command) {
  WITAN_ASSIGN(Serving serving, start_serving(command, folder.paths.dir));
  return RunningNode(std::move(serving));
}

RunningNode::~RunningNode() {
  if (!serving_.child.running()) return;
  serving_.child.send(SIGTERM);
  serving_.child.wait();
}

Result<std::uint64_t> RunningNode::tree_size() const {
  WITAN_ASSIGN(const auto client, http::Client::make(url()));
  WITAN_ASSIGN(const auto response, client->get("/checkpoint"));
  if (response.status != 200) {
    return fail(ErrorCode::kUnavailable, "/checkpoint: status " + std::to_string(response.status));
  }
  // The second line is the size.
  const std::string_view text = as_text(response.body);
  const auto at = text.find('\n') + 1;
  std::uint64_t size = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), size);
  return size;
}

Result<RunningNode::Mean> RunningNode::mean_of(const std::string& histogram) const {
  WITAN_ASSIGN(const auto client, http::Client::make(url()));
  WITAN_ASSIGN(const auto response, client->get("/metrics"));
  const std::string text = "\n" + std::string(as_text(response.body));
  const auto value = [&](const char* suffix) -> std::optional<double> {
    const std::string name = "\n" + histogram + suffix + " ";
    const auto at = text.find(name);
    if (at == std::string::npos) return std::nullopt;
    return std::strtod(text.c_str() + at + name.size(), nullptr);
  };
  const auto count = value("_count"), sum = value("_sum");
  if (!count || !sum) return fail(ErrorCode::kNotFound, "/metrics has no " + histogram);
  return Mean{*count, *count > 0 ? *sum / *count * 1e3 : 0};
}

}  // namespace witan::bench
