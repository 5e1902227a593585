// What witnesses that are far away add to a statement's latency: one round trip, if they are asked
// at once and all together, and nothing is polled.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/file.h"
#include "config/limits.h"
#include "config/witness_config.h"
#include "ledger/format/receipt.h"
#include "node/http/client.h"
#include "simulations/bench/benches.h"
#include "simulations/bench/node.h"
#include "simulations/bench/relay.h"
#include "simulations/bench/stopwatch.h"
#include "witness/verify.h"

namespace witan::bench {
namespace {

constexpr std::size_t kFarWitnesses = 3;
constexpr std::chrono::milliseconds kRoundTrip{50};
// What comes besides: making a proof, asking, the witness's own sync, checking its answer.
constexpr double kBesidesMs = 10;
constexpr double kStatementsASecond = 10;
constexpr std::size_t kWarmUp = 3;

// A witness behind its relay.
struct FarWitness {
  std::string policy_line;
  Serving serving;
  std::unique_ptr<Relay> relay;
};

Result<std::string> line_of(const std::filesystem::path& file) {
  WITAN_ASSIGN(const std::string text, read_text_file(file.string(), 4096));
  return text.substr(0, text.find('\n'));
}

Result<void> run_verb(std::vector<std::string> command) {
  command.insert(command.begin(), {program("witan"), "witness"});
  WITAN_ASSIGN(const ChildResult done, run_child(command));
  if (done.exit_code != 0) return fail(ErrorCode::kIo, "witan witness: " + done.err);
  return {};
}

Result<FarWitness> start_witness(const std::filesystem::path& dir, const std::string& name,
                                 const std::string& log_vkey) {
  WITAN_TRY(run_verb({"init", "--name", name + ".bench.example", "--dir", dir.string(), "--listen",
                      "127.0.0.1:0"}));
  WITAN_TRY(run_verb({"add-log", "--dir", dir.string(), log_vkey}));
  WITAN_ASSIGN(Serving serving,
               start_serving({program("witan"), "witness", "run", "--dir", dir.string()}, dir));
  WITAN_ASSIGN(auto relay, Relay::start(serving.port, kRoundTrip));
  WITAN_ASSIGN(const std::string key, line_of(WitnessPaths{dir}.vkey()));
  return FarWitness{"witness " + name + " " + key + " " + relay->url() + "\n", std::move(serving),
                    std::move(relay)};
}

// The median of what each of the statements took, one after the other, until its receipt was there.
Result<double> median_ms(const RunningNode& node, std::span<const Bytes> statements,
                         const TlogPolicy* policy) {
  WITAN_ASSIGN(const auto client, http::Client::make(node.url()));
  std::vector<double> took;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    const Stopwatch since;
    WITAN_ASSIGN(const auto response, client->post("/entries", statements[i], "application/cose"));
    const double ms = since.seconds() * 1e3;
    if (response.status != 201) {
      return fail(ErrorCode::kConflict, "a statement was answered with " +
                                            std::to_string(response.status) + ", expected 201");
    }
    WITAN_ASSIGN(const Receipt receipt, Receipt::parse(response.body));
    if (policy != nullptr) {
      const auto verdict = check_checkpoint(*policy, receipt.checkpoint.value_or(""));
      if (!verdict) return fail(verdict.error().within("a receipt's checkpoint"));
    }
    if (i >= kWarmUp) took.push_back(ms);
  }
  std::nth_element(took.begin(), took.begin() + static_cast<long>(took.size() / 2), took.end());
  return took[took.size() / 2];
}

}  // namespace

Result<void> bench_witnessed(Report& report, const Scale& scale) {
  const TemporaryFolder folder;
  WITAN_ASSIGN(const PrivateKey key, PrivateKey::generate(KeyKind::kEd25519));
  const auto count =
      kWarmUp + static_cast<std::size_t>(std::ceil(scale.seconds * kStatementsASecond));
  const std::vector<Bytes> all = sign_statements(key, 2 * count);
  const std::span<const Bytes> first(all.data(), count), second(all.data() + count, count);
  WITAN_ASSIGN(NodeFolder node, NodeFolder::make(folder.path() / "node", key.public_key()));
  double alone_ms = 0;
  {
    WITAN_ASSIGN(const RunningNode running, RunningNode::start(node));
    WITAN_ASSIGN(alone_ms, median_ms(running, first, nullptr));
  }

  WITAN_ASSIGN(const std::string vkey, line_of(node.paths.log_key()));
  std::vector<FarWitness> witnesses;
  std::string text = "log " + vkey + "\n", group = "group two 2";
  for (std::size_t i = 0; i < kFarWitnesses; ++i) {
    const std::string name = "w" + std::to_string(i);
    WITAN_ASSIGN(FarWitness witness, start_witness(folder.path() / name, name, vkey));
    text += witness.policy_line;
    group += " " + name;
    witnesses.push_back(std::move(witness));
  }
  text += group + "\nquorum two\n";
  WITAN_ASSIGN(const TlogPolicy policy, TlogPolicy::parse(text));
  WITAN_TRY(write_file_atomic((node.paths.dir / "w.policy").string(), text, 0644));
  node.config.witnesses.emplace().policy = "w.policy";
  WITAN_TRY(write_file_atomic(node.paths.config().string(), node.config.encode(), 0644));
  double witnessed_ms = 0;
  {
    WITAN_ASSIGN(const RunningNode running, RunningNode::start(node));
    WITAN_ASSIGN(witnessed_ms, median_ms(running, second, &policy));
  }
  const auto trip = static_cast<double>(kRoundTrip.count());
  report.add({"witnessed", "statement latency without witnesses, median", alone_ms, "ms"});
  report.add({"witnessed", "the same, 2 of 3 witnesses 50 ms away", witnessed_ms, "ms"});
  report.add({"witnessed",
              "added by the witnesses",
              witnessed_ms - alone_ms,
              "ms",
              Goal::kAtMost,
              trip + kBesidesMs,
              Beside{"one round trip", trip},
              {}});
  report.note("witnessed: " + std::to_string(count) +
              " statements one after the other; every receipt's checkpoint meets the policy");
  return {};
}

}  // namespace witan::bench
