// What the enclave's process costs a node: registered statements a second with it, beside the same
// node with the signer in its own process, nothing sealed (grade `sim`).

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "simulations/bench/benches.h"
#include "simulations/bench/load.h"
#include "simulations/bench/node.h"

namespace witan::bench {
namespace {

constexpr unsigned kEnclaveConnections = 256;
constexpr double kEnclaveStatementsPerSecondMax = 20'000;
// In turns, so that a machine that slows down in the run is fair to both.
constexpr bool kEnclaveTurns[] = {true, false, false, true};

struct Measured {
  double rate = 0;
  std::uint64_t enclave_bytes = 0;  // resident; 0 without a process of its own
  double append_ms = 0;
};

Result<Measured> measure(const NodeFolder& folder, bool sim, LoadOptions load) {
  const std::string dir = folder.paths.dir.string();
  const std::vector<std::string> command =
      sim ? std::vector<std::string>{program("witan-bench"), "sim-node", "--dir", dir}
          : std::vector<std::string>{program("witan"), "node", "--dir", dir};
  WITAN_ASSIGN(const RunningNode node, RunningNode::start_command(folder, command));
  load.port = node.port();
  WITAN_ASSIGN(const LoadResult result, run_load(load));
  WITAN_ASSIGN(const std::uint64_t size, node.tree_size());
  constexpr std::uint64_t kGenesisEntries = 2;
  if (size != result.count(201) + kGenesisEntries) {
    return fail(ErrorCode::kConflict, "a tree of " + std::to_string(size) + " after " +
                                          std::to_string(result.count(201)) +
                                          " statements were answered with 201");
  }
  Measured out;
  out.rate = result.rate(201);
  WITAN_ASSIGN(const auto appends, node.mean_of("witan_sign_seconds"));
  out.append_ms = appends.ms;
  if (!sim) out.enclave_bytes = resident_bytes_of_children(node.pid());
  return out;
}

}  // namespace

Result<void> bench_enclave(Report& report, const Scale& scale) {
  const TemporaryFolder folder;
  WITAN_ASSIGN(const PrivateKey key, PrivateKey::generate(KeyKind::kEd25519));
  LoadOptions load;
  load.connections = kEnclaveConnections;
  load.requests_file = (folder.path() / "requests").string();
  load.duration = std::chrono::milliseconds(static_cast<long>(scale.seconds * 1e3));
  const auto count =
      static_cast<std::size_t>(std::ceil(scale.seconds * kEnclaveStatementsPerSecondMax));
  WITAN_TRY(write_register_requests(load.requests_file, sign_statements(key, count)));

  std::vector<double> with_process, with_sim;
  Measured last;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < std::size(kEnclaveTurns); ++i) {
    const bool sim = kEnclaveTurns[i];
    WITAN_ASSIGN(const NodeFolder node,
                 NodeFolder::make(folder.path() / std::to_string(i), key.public_key()));
    WITAN_ASSIGN(const Measured measured, measure(node, sim, load));
    (sim ? with_sim : with_process).push_back(measured.rate);
    if (sim) continue;
    last = measured;
    bytes = std::max(bytes, measured.enclave_bytes);
  }
  const double process = (with_process[0] + with_process[1]) / 2;
  const double sim = (with_sim[0] + with_sim[1]) / 2;
  report.add({"enclave", "registered statements, signer in witan-enclave", process, "/s",
              Goal::kNone, 0, Beside{"signer in the node, nothing sealed", sim}, 0.9});
  report.add({"enclave", "one enclave append in it, mean", last.append_ms, "ms"});
  report.add({"enclave",
              "resident memory of witan-enclave",
              static_cast<double>(bytes) / 1e6,
              "MB",
              Goal::kAtMost,
              20,
              {},
              {}});
  return {};
}

}  // namespace witan::bench
