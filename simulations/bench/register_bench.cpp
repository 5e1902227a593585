// Registered statements a second, beside the same server when it only parses and verifies.

#include <cmath>
#include <string>

#include "ledger/format/receipt.h"
#include "ledger/format/statement.h"
#include "simulations/bench/benches.h"
#include "simulations/bench/load.h"
#include "simulations/bench/node.h"

namespace witan::bench {
namespace {

constexpr unsigned kRegisterConnections = 256;
constexpr unsigned kSamples = 200;
// More than any machine of today registers, so that the time ends the run and not the file.
constexpr double kStatementsPerSecondMax = 20'000;

struct Run {
  LoadResult load;
  double node_us = 0;  // processor time of node and enclave for one request
  std::uint64_t grown = 0;
  RunningNode::Mean commits;
  RunningNode::Mean appends;
};

Result<Run> run_once(const NodeFolder& folder, const LoadOptions& load, bool check_only) {
  std::vector<std::string> arguments;
  if (check_only) arguments.emplace_back("--check-only");
  WITAN_ASSIGN(const RunningNode node, RunningNode::start(folder, arguments));
  WITAN_ASSIGN(const std::uint64_t before, node.tree_size());
  const double cpu_before = cpu_seconds_with_children(node.pid());
  LoadOptions options = load;
  options.port = node.port();
  Run run;
  WITAN_ASSIGN(run.load, run_load(options));
  const double cpu = cpu_seconds_with_children(node.pid()) - cpu_before;
  const auto answered = static_cast<double>(run.load.count(check_only ? 202 : 201));
  run.node_us = cpu / answered * 1e6;
  WITAN_ASSIGN(const std::uint64_t after, node.tree_size());
  run.grown = after - before;
  WITAN_ASSIGN(run.commits, node.mean_of("witan_commit_seconds"));
  WITAN_ASSIGN(run.appends, node.mean_of("witan_sign_seconds"));
  return run;
}

// Every sample must be a receipt of its statement.
Result<void> verify_samples(const std::vector<Sample>& samples,
                            const std::vector<Bytes>& statements, const PublicKey& key) {
  if (samples.empty()) return fail(ErrorCode::kNotFound, "no receipts were sampled");
  for (const Sample& sample : samples) {
    if (sample.status != 201) continue;
    const Bytes& bytes = statements[sample.request];
    auto statement = Statement::parse(bytes, bytes.size());
    if (!statement) return fail(statement.error());
    WITAN_ASSIGN(const Receipt receipt, Receipt::parse(sample.body));
    WITAN_TRY(verify_inclusion_receipt(receipt, statement->entry(), key));
  }
  return {};
}

void report_runs(Report& report, const Run& run, const Run& limit) {
  const auto beside = [](double value) { return Beside{"parsed and verified only", value}; };
  const auto none = [&](const char* what, double value, const char* unit, double other) {
    report.add({"register", what, value, unit, Goal::kNone, 0, beside(other), {}});
  };
  report.add({"register", "registered statements (1 KiB, Ed25519)", run.load.rate(201), "/s",
              Goal::kAtLeast, 10'000, beside(limit.load.rate(202)), 0.6});
  none("latency, median", run.load.p50_ms, "ms", limit.load.p50_ms);
  report.add({"register",
              "latency, 99th percentile",
              run.load.p99_ms,
              "ms",
              Goal::kAtMost,
              150,
              beside(limit.load.p99_ms),
              {}});
  none("latency, longest", run.load.max_ms, "ms", limit.load.max_ms);
  none("processor time of node and enclave", run.node_us, "us each", limit.node_us);
  const double load_us = run.load.cpu_seconds / static_cast<double>(run.load.count(201)) * 1e6;
  report.add({"register", "processor time of the load generator", load_us, "us each"});
  report.add({"register", "one store commit, mean", run.commits.ms, "ms"});
  report.add({"register", "one enclave append, mean", run.appends.ms, "ms"});
  report.add(
      {"register", "statements a head", static_cast<double>(run.grown) / run.appends.count, ""});
}

}  // namespace

Result<void> bench_register(Report& report, const Scale& scale) {
  const TemporaryFolder folder;
  WITAN_ASSIGN(const PrivateKey key, PrivateKey::generate(KeyKind::kEd25519));
  const auto count = static_cast<std::size_t>(std::ceil(scale.seconds * kStatementsPerSecondMax));
  const std::vector<Bytes> statements = sign_statements(key, count);
  LoadOptions load;
  load.connections = kRegisterConnections;
  load.requests_file = (folder.path() / "requests").string();
  load.duration = std::chrono::milliseconds(static_cast<long>(scale.seconds * 1e3));
  load.samples = kSamples;
  WITAN_TRY(write_register_requests(load.requests_file, statements));

  WITAN_ASSIGN(const NodeFolder limit_folder,
               NodeFolder::make(folder.path() / "limit", key.public_key()));
  WITAN_ASSIGN(const Run limit, run_once(limit_folder, load, true));
  WITAN_ASSIGN(const NodeFolder node_folder,
               NodeFolder::make(folder.path() / "node", key.public_key()));
  WITAN_ASSIGN(const Run run, run_once(node_folder, load, false));

  if (run.grown != run.load.count(201)) {
    return fail(ErrorCode::kConflict, "the tree grew by " + std::to_string(run.grown) + ", but " +
                                          std::to_string(run.load.count(201)) +
                                          " statements were answered with 201");
  }
  WITAN_TRY(verify_samples(run.load.samples, statements, node_folder.receipt_key));
  report_runs(report, run, limit);
  std::string others;
  for (const auto& [status, n] : run.load.statuses) {
    if (status != 201) others += ", " + std::to_string(n) + " with " + std::to_string(status);
  }
  report.note("register: " + std::to_string(kRegisterConnections) + " connections, " +
              std::to_string(run.load.count(201)) + " answered with 201" + others +
              "; the tree grew by as many; " + std::to_string(run.load.samples.size()) +
              " sampled receipts verified offline");
  return {};
}

}  // namespace witan::bench
