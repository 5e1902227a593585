// Cosignatures a second. The logs are trees of equal leaves, whose nodes are known without hashing
// them all: one hash a level, so that trees above 2^30 leaves cost nothing to make.

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/file.h"
#include "config/limits.h"
#include "config/witness_config.h"
#include "ledger/crypto/sha256.h"
#include "ledger/format/checkpoint.h"
#include "ledger/tree/proof.h"
#include "simulations/bench/benches.h"
#include "simulations/bench/litewitness.h"
#include "simulations/bench/load.h"
#include "simulations/bench/node.h"
#include "witness/add_checkpoint.h"
#include "witness/log_list.h"

namespace witan::bench {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kWitnessConnections = 64;
constexpr unsigned kWitnessSamples = 200;
constexpr double kCosignaturesPerSecondMax = 16'000;
constexpr double kLitewitnessRatioMin = 5;
constexpr std::uint64_t kFirstSize = std::uint64_t{1} << 30;
// Odd, so that the proofs are of all shapes.
constexpr std::uint64_t kGrowth = 977;

// Logs share keys: secret memory is scarce, and the witness does not know it.
constexpr std::size_t kKeys = 64;

struct BenchLog {
  std::shared_ptr<const PrivateKey> key;
  std::string origin;
};

// Sizes and roots that every log goes through, one a round, with the proofs between them.
struct Round {
  TreeSize size;
  Hash32 root{};
  std::vector<Hash32> proof;  // from the round before
};

Result<std::vector<Round>> make_rounds(std::size_t count) {
  std::array<Hash32, 64> levels{};
  levels[0] = leaf_hash(as_bytes("the same in every leaf"));
  for (std::size_t i = 1; i < levels.size(); ++i) {
    levels[i] = node_hash(levels[i - 1], levels[i - 1]);
  }
  const NodeReader nodes = [&](NodeId node) -> Result<Hash32> { return levels[node.level]; };
  std::vector<Round> rounds(count);
  for (std::size_t i = 0; i < count; ++i) {
    rounds[i].size = TreeSize{kFirstSize + i * kGrowth};
    WITAN_ASSIGN(rounds[i].root, tree_root(rounds[i].size, nodes));
    if (i == 0) continue;
    WITAN_ASSIGN(rounds[i].proof, consistency_proof(rounds[i - 1].size, rounds[i].size, nodes));
  }
  return rounds;
}

Result<std::vector<BenchLog>> make_logs(std::size_t count) {
  std::vector<BenchLog> logs;
  for (std::size_t i = 0; i < count; ++i) {
    std::shared_ptr<const PrivateKey> key;
    if (i < kKeys) {
      WITAN_ASSIGN(PrivateKey made, PrivateKey::generate(KeyKind::kEd25519));
      key = std::make_shared<const PrivateKey>(std::move(made));
    } else {
      key = logs[i % kKeys].key;
    }
    logs.push_back({std::move(key), "bench.example/log-" + std::to_string(i)});
  }
  return logs;
}

// Requests of the rounds [first, last), round after round: a log's next one is sent long after its
// last one was answered.
Result<void> write_requests(const std::string& path, const std::vector<BenchLog>& logs,
                            const std::vector<Round>& rounds, std::size_t first, std::size_t last) {
  WITAN_ASSIGN(auto file, RequestFile::create(path));
  for (std::size_t i = first; i < last; ++i) {
    for (const BenchLog& log : logs) {
      AddCheckpointRequest request;
      request.old_size = i == 0 ? 0 : rounds[i - 1].size.value;
      request.proof = rounds[i].proof;
      Note note;
      note.text = Checkpoint{log.origin, rounds[i].size, rounds[i].root, {}}.text();
      WITAN_ASSIGN(NoteSignature line, sign_note(note.text, log.origin, *log.key));
      note.signatures.push_back(std::move(line));
      request.note = note.encode();
      const std::string body = request.encode();
      file.add("POST /add-checkpoint HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " +
                   std::to_string(body.size()) + "\r\n\r\n",
               as_bytes(body));
    }
  }
  return file.finish();
}

Result<void> run_witan(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {program("witan")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  WITAN_ASSIGN(const ChildResult done, run_child(command));
  if (done.exit_code != 0) return fail(ErrorCode::kIo, "witan witness: " + done.err);
  return {};
}

Result<std::vector<VerifierKey>> keys_of(const std::vector<BenchLog>& logs) {
  std::vector<VerifierKey> keys;
  for (const BenchLog& log : logs) {
    WITAN_ASSIGN(VerifierKey key, VerifierKey::make(log.origin, NoteAlgorithm::kEd25519,
                                                    log.key->public_key().raw()));
    keys.push_back(std::move(key));
  }
  return keys;
}

// A witness without limits that knows the logs.
Result<VerifierKey> make_witness(const WitnessPaths& paths, const std::vector<BenchLog>& logs) {
  // ML-DSA-44, which takes OpenSSL most of a millisecond, would hide everything else.
  WITAN_TRY(run_witan({"witness", "init", "--name", "bench.example/witness", "--dir",
                       paths.dir.string(), "--listen", "127.0.0.1:0", "--ed25519-only"}));
  const std::string file = paths.config().string();
  WITAN_ASSIGN(const std::string text, read_text_file(file, limits::kConfigFileBytesMax));
  WITAN_ASSIGN(WitnessConfig config, WitnessConfig::parse(text, file));
  config.rate_per_s = 0;
  WITAN_TRY(write_file_atomic(file, config.encode(), 0644));
  LogList list;
  WITAN_ASSIGN(const std::vector<VerifierKey> keys, keys_of(logs));
  for (const VerifierKey& key : keys) list.logs.push_back({key, key.name, std::nullopt, ""});
  const std::string list_file = paths.dir.string() + ".logs";
  WITAN_TRY(write_file_atomic(list_file, list.encode(), 0644));
  WITAN_TRY(run_witan({"witness", "pull-logs", "--dir", paths.dir.string(), list_file}));
  WITAN_ASSIGN(std::string vkey, read_text_file(paths.vkey().string(), 4'096));
  if (!vkey.empty() && vkey.back() == '\n') vkey.pop_back();
  return VerifierKey::parse(vkey);
}

// Each sampled answer must be the witness's cosignature of the round's checkpoint of its log.
Result<void> verify_cosignatures(const std::vector<Sample>& samples, const VerifierKey& key,
                                 const std::vector<BenchLog>& logs,
                                 const std::vector<Round>& rounds) {
  if (samples.empty()) return fail(ErrorCode::kNotFound, "no answers were sampled");
  for (const Sample& sample : samples) {
    if (sample.status != 200) continue;
    const BenchLog& log = logs[sample.request % logs.size()];
    const Round& round = rounds[1 + sample.request / logs.size()];
    Note note;
    note.text = Checkpoint{log.origin, round.size, round.root, {}}.text();
    WITAN_ASSIGN(note.signatures, parse_signature_lines(as_text(sample.body)));
    WITAN_TRY(verify_note(note, key));
  }
  return {};
}

struct WitnessRun {
  LoadResult load;
  double witness_us = 0;  // processor time of the witness and its signer for one request
  double start_seconds = 0;
  double resident_mb = 0;  // of both, without files
  std::optional<LitewitnessRun> litewitness;
};

enum class Compare { kAlone, kWithLitewitness };

// The same load for litewitness, whose logs begin where the first round left them.
Result<LitewitnessRun> run_beside(const fs::path& folder, const std::vector<BenchLog>& logs,
                                  const std::vector<Round>& rounds, const LoadOptions& load) {
  WITAN_ASSIGN(const std::vector<VerifierKey> keys, keys_of(logs));
  fs::create_directory(folder);
  WITAN_ASSIGN(LitewitnessRun run,
               run_litewitness(folder, keys, rounds[0].size, rounds[0].root, load));
  WITAN_TRY(verify_cosignatures(run.load.samples, run.key, logs, rounds));
  return run;
}

Result<WitnessRun> run_witness(const fs::path& folder, std::size_t log_count, double seconds,
                               Compare compare) {
  WITAN_ASSIGN(const auto logs, make_logs(log_count));
  const auto round_count = static_cast<std::size_t>(
      std::ceil(seconds * kCosignaturesPerSecondMax / static_cast<double>(log_count)));
  WITAN_ASSIGN(const auto rounds, make_rounds(round_count + 1));
  const WitnessPaths paths{folder / "witness"};
  WITAN_ASSIGN(const VerifierKey key, make_witness(paths, logs));
  const std::vector<std::string> command = {program("witan"), "witness", "run", "--dir",
                                            paths.dir.string()};
  LoadOptions load;
  load.connections = kWitnessConnections;
  load.requests_file = (folder / "first").string();
  load.duration = std::chrono::minutes(5);
  WITAN_TRY(write_requests(load.requests_file, logs, rounds, 0, 1));
  {
    // Begins the logs; then a second start shows what a witness with marks costs.
    WITAN_ASSIGN(Serving serving, start_serving(command, paths.dir));
    load.port = serving.port;
    WITAN_ASSIGN(const LoadResult begun, run_load(load));
    if (begun.count(200) != logs.size()) {
      return fail(ErrorCode::kConflict, "only " + std::to_string(begun.count(200)) + " of " +
                                            std::to_string(logs.size()) + " logs were begun");
    }
    serving.child.send(SIGTERM);
    serving.child.wait();
  }
  load.requests_file = (folder / "requests").string();
  load.duration = std::chrono::milliseconds(static_cast<long>(seconds * 1e3));
  load.samples = kWitnessSamples;
  WITAN_TRY(write_requests(load.requests_file, logs, rounds, 1, rounds.size()));
  WitnessRun run;
  WITAN_ASSIGN(Serving serving, start_serving(command, paths.dir));
  run.start_seconds = serving.start_seconds;
  load.port = serving.port;
  const double cpu_before = cpu_seconds_with_children(serving.child.pid());
  WITAN_ASSIGN(run.load, run_load(load));
  const double cpu = cpu_seconds_with_children(serving.child.pid()) - cpu_before;
  run.witness_us = cpu / static_cast<double>(run.load.count(200)) * 1e6;
  run.resident_mb =
      static_cast<double>(anonymous_bytes_with_children(serving.child.pid())) / (1 << 20);
  serving.child.send(SIGTERM);
  serving.child.wait();
  for (const auto& [status, count] : run.load.statuses) {
    if (status == 200) continue;
    return fail(ErrorCode::kConflict,
                std::to_string(count) + " requests were answered with " + std::to_string(status));
  }
  WITAN_TRY(verify_cosignatures(run.load.samples, key, logs, rounds));
  if (compare == Compare::kWithLitewitness && litewitness_is_installed()) {
    WITAN_ASSIGN(run.litewitness, run_beside(folder / "litewitness", logs, rounds, load));
  }
  return run;
}

void report_witness(Report& report, const std::string& bench, const WitnessRun& run) {
  Figure rate{bench, "cosignatures, proofs above 2^30", run.load.rate(200), "/s", Goal::kAtLeast,
              8'000};
  if (run.litewitness) {
    rate.beside = Beside{"litewitness", run.litewitness->load.rate(200)};
    rate.ratio_min = kLitewitnessRatioMin;
  }
  report.add(std::move(rate));
  report.add({bench, "latency, median", run.load.p50_ms, "ms"});
  report.add({bench, "latency, 99th percentile", run.load.p99_ms, "ms", Goal::kAtMost, 30});
  report.add({bench, "latency, longest", run.load.max_ms, "ms"});
  report.add({bench, "processor time of witness and signer", run.witness_us, "us each"});
  const double load_us = run.load.cpu_seconds / static_cast<double>(run.load.count(200)) * 1e6;
  report.add({bench, "processor time of the load generator", load_us, "us each"});
  report.note(bench + ": " + std::to_string(run.load.count(200)) + " answered with 200, " +
              std::to_string(run.load.samples.size()) + " sampled cosignatures verified");
}

void report_litewitness(Report& report, const std::optional<LitewitnessRun>& run) {
  if (!run) {
    report.note("witness: not beside litewitness, which ./dev bench installs where Go is present");
    return;
  }
  const std::string bench = "litewitness";
  report.add({bench, "latency, median", run->load.p50_ms, "ms"});
  report.add({bench, "latency, 99th percentile", run->load.p99_ms, "ms"});
  report.add({bench, "processor time of it and its agent", run->witness_us, "us each"});
  report.note(bench + ": " + std::to_string(run->load.count(200)) + " answered with 200, " +
              std::to_string(run->load.samples.size()) +
              " sampled cosignatures verified; its SQLite: " + run->storage);
}

}  // namespace

Result<void> bench_witness(Report& report, const Scale& scale) {
  const TemporaryFolder folder;
  WITAN_ASSIGN(const WitnessRun run,
               run_witness(folder.path(), 1'000, scale.seconds, Compare::kWithLitewitness));
  report_witness(report, "witness", run);
  report_litewitness(report, run.litewitness);
  return {};
}

Result<void> bench_witness_40k(Report& report, const Scale& scale) {
  const TemporaryFolder folder;
  WITAN_ASSIGN(const WitnessRun run,
               run_witness(folder.path(), 40'000, scale.seconds, Compare::kAlone));
  report_witness(report, "witness-40k", run);
  report.add({"witness-40k", "from start to serving", run.start_seconds, "s", Goal::kAtMost, 1});
  report.add({"witness-40k", "memory of witness and signer, not of files", run.resident_mb, "MiB",
              Goal::kAtMost, 150});
  return {};
}

}  // namespace witan::bench
