#include "simulations/bench/litewitness.h"

#include <csignal>
#include <system_error>
#include <utility>

#include "config/file.h"
#include "ledger/encoding.h"
#include "simulations/bench/node.h"

namespace witan::bench {
namespace {

namespace fs = std::filesystem;

// Makes its database, is the ssh-agent with its key, and starts it.
std::string serve_program() {
  return program("../interop/bin/litewitness-serve");
}

Result<std::string> first_line(const fs::path& file) {
  WITAN_ASSIGN(const std::string text, read_text_file(file.string(), 4'096));
  return text.substr(0, text.find('\n'));
}

}  // namespace

bool litewitness_is_installed() {
  std::error_code ignored;
  return fs::exists(serve_program(), ignored);
}

Result<LitewitnessRun> run_litewitness(const fs::path& folder, const std::vector<VerifierKey>& logs,
                                       TreeSize size, const Hash32& root, LoadOptions load) {
  std::string list;
  for (const VerifierKey& log : logs) {
    list += log.text() + " " + std::to_string(size.value) + " " + base64_encode(root) + "\n";
  }
  WITAN_TRY(write_file_atomic((folder / "logs").string(), list, 0644));
  WITAN_ASSIGN(Serving serving, start_serving({serve_program(), folder.string()}, folder));
  LitewitnessRun run;
  WITAN_ASSIGN(const std::string vkey, first_line(folder / "vkey"));
  WITAN_ASSIGN(run.key, VerifierKey::parse(vkey));
  WITAN_ASSIGN(run.storage, first_line(folder / "storage"));
  load.port = serving.port;
  const double cpu_before = cpu_seconds_with_children(serving.child.pid());
  WITAN_ASSIGN(run.load, run_load(load));
  const double cpu = cpu_seconds_with_children(serving.child.pid()) - cpu_before;
  serving.child.send(SIGTERM);
  serving.child.wait();
  for (const auto& [status, count] : run.load.statuses) {
    if (status == 200) continue;
    return fail(ErrorCode::kConflict, "litewitness answered " + std::to_string(count) +
                                          " requests with " + std::to_string(status));
  }
  run.witness_us = cpu / static_cast<double>(run.load.count(200)) * 1e6;
  return run;
}

}  // namespace witan::bench
