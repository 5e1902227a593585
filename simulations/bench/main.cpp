// The program `witan-bench`: measures what the node promises, each figure beside its limit.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "ledger/crypto/secret.h"
#include "node/cli/options.h"
#include "simulations/bench/benches.h"
#include "simulations/bench/load.h"
#include "simulations/bench/sim_node.h"

namespace {

using namespace witan;         // NOLINT(google-build-using-namespace)
using namespace witan::bench;  // NOLINT(google-build-using-namespace)

struct Bench {
  const char* name;
  Result<void> (*run)(Report&, const Scale&);
};

constexpr std::array<Bench, 11> kBenches = {{{"tree", bench_tree},
                                             {"receipt-verify", bench_receipt_verify},
                                             {"append", bench_append},
                                             {"receipts", bench_receipts},
                                             {"tiles", bench_tiles},
                                             {"register", bench_register},
                                             {"million", bench_million},
                                             {"enclave", bench_enclave},
                                             {"witness", bench_witness},
                                             {"witness-40k", bench_witness_40k},
                                             {"witnessed", bench_witnessed}}};

constexpr int kExitDone = 0, kExitMissed = 1, kExitFailed = 3;  // 2: usage

int say(const std::string& what, const Error& error) {
  std::fprintf(stderr, "witan-bench: %s: %s\n", what.c_str(), error.message.c_str());
  return kExitFailed;
}

int run_benches(const std::vector<std::string>& names, const Scale& scale,
                const std::string& json_file) {
  Report report;
  for (const Bench& bench : kBenches) {
    const bool wanted =
        names.empty() || std::find(names.begin(), names.end(), bench.name) != names.end();
    if (!wanted) continue;
    if (const auto result = bench.run(report, scale); !result)
      return say(bench.name, result.error());
  }
  report.print_table();
  if (!json_file.empty()) {
    if (const auto written = report.write_json(json_file); !written) {
      return say("--json", written.error());
    }
  }
  return report.all_hold() ? kExitDone : kExitMissed;
}

int run_generator(const LoadOptions& options) {
  const auto result = generate_load(options);
  if (!result) return say("load", result.error());
  std::printf("%s\n", to_json(*result).c_str());
  return kExitDone;
}

}  // namespace

int main(int argc, char** argv) {
  cli::CommandLine command_line(
      "witan-bench",
      "Measures what a Witan node promises, each figure beside its limit. Exit code 1: a goal was "
      "missed; 3: a bench could not be run, or got wrong answers.");
  std::vector<std::string> names, known;
  for (const Bench& bench : kBenches) known.emplace_back(bench.name);
  std::string json_file;
  Scale scale;
  cli::Verb& top = command_line.top();
  top.option("NAMES", names, "Benches to run; all without").one_of(known);
  top.option("--json", json_file, "Writes the figures to this file, too");
  top.option("--seconds", scale.seconds, "Of each load").show_default().range(0.5, 600.0);
  top.runs([&] { return run_benches(names, scale, json_file); });

  LoadOptions load;
  int milliseconds = 0;
  cli::Verb& generator = top.verb("load", "The load generator's process");
  generator.hidden();
  generator.option("--port", load.port, "").required();
  generator.option("--connections", load.connections, "").required();
  generator.option("--requests", load.requests_file, "").required();
  generator.option("--milliseconds", milliseconds, "").required();
  generator.option("--samples", load.samples, "");
  generator.flag("--repeat", load.repeat, "");
  generator.runs([&] {
    load.duration = std::chrono::milliseconds(milliseconds);
    return run_generator(load);
  });

  std::string sim_dir;
  cli::Verb& sim = top.verb("sim-node", "A node whose signer is in its own process");
  sim.hidden();
  sim.option("--dir", sim_dir, "").required();
  sim.runs([&] {
    const auto result = run_sim_node(sim_dir);
    return result ? kExitDone : say("sim-node", result.error());
  });
  const auto chosen = command_line.parse(argc, argv);
  if (!chosen) return chosen.error();
  try {
    init_crypto();
    return (*chosen)();
  } catch (const std::exception& error) {
    return say("failed", Error{ErrorCode::kIo, error.what()});
  }
}
