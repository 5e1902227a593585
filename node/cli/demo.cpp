// witan demo: the main job, end to end, in a temporary folder: sign, register, have it witnessed,
// verify offline, see forgeries refused, survive the loss of witnesses and kill -9, and see a
// rewritten log refused.

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/file.h"
#include "config/limits.h"
#include "config/node_config.h"
#include "node/cli/cli.h"
#include "node/cli/demo_burst.h"
#include "node/cli/demo_story.h"
#include "node/cli/demo_witnesses.h"
#include "node/cli/options.h"
#include "node/cli/printable.h"
#include "node/cli/sbom.h"
#include "node/http/client.h"

namespace witan::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIssuer = "https://build.example";
constexpr const char* kSubject = "witan " WITAN_VERSION;
// How long a POST waits for its receipt, and how long the impatient wait for theirs.
constexpr std::chrono::milliseconds kWait{500};
constexpr const char* kImpatience = "2";

class Demo {
 public:
  explicit Demo(const fs::path& dir) : dir_(dir), story_(dir), witnesses_(dir, story_) {}

  Result<void> run() {
    WITAN_TRY(make_keys());
    WITAN_TRY(make_witnesses());
    WITAN_TRY(start_log());
    WITAN_TRY(register_artifact());
    WITAN_TRY(verify_offline());
    WITAN_TRY(show_refusals());
    WITAN_TRY(lose_witnesses());
    WITAN_TRY(survive_kill());
    WITAN_TRY(rewrite_log());
    std::printf(
        "\nThat is Witan: signed, logged, witnessed, proven, and checked without trusting the "
        "node.\n");
    return {};
  }

 private:
  [[nodiscard]] std::string at(const char* name) const { return (dir_ / name).string(); }

  Result<void> make_keys() {
    story_.chapter("A build farm makes its signing key");
    return story_.type({"keygen", "--out", at("build.pem"), "--alg", "es256"});
  }

  Result<void> make_witnesses() {
    story_.chapter("Three organisations run a witness each. None trusts the log, or the others");
    return witnesses_.make();
  }

  Result<void> start_log() {
    story_.chapter(
        "An operator begins a log. Its key is made inside witan-enclave, another process");
    WITAN_TRY(
        story_.type({"init", "--dir", at("log"), "--origin", "log.example/demo", "--issuer",
                     std::string(kIssuer) + "=" + at("build.pem.pub"), "--listen", "127.0.0.1:0"}));
    Story::say(
        "The witnesses are told its key; the operator says that two of the three must cosign");
    WITAN_ASSIGN(std::string vkey, read_text_file(at("log/log.vkey"), 4096));
    vkey = vkey.substr(0, vkey.find('\n'));
    WITAN_TRY(witnesses_.add_log(vkey));
    WITAN_ASSIGN(const std::string policy, witnesses_.policy(vkey));
    WITAN_TRY(write_file_atomic(at("log/witnesses.policy"), policy, 0644));
    WITAN_TRY(configure_witnesses());
    WITAN_TRY(story_.type({"policy", "show", at("log/witnesses.policy")}));
    story_.show({"node", "--dir", at("log")}, " &");
    WITAN_TRY(start_node("log"));
    Story::say("  serving at " + node_->url);
    return {};
  }

  Result<void> configure_witnesses() {
    const std::string file = at("log/witan.toml");
    WITAN_ASSIGN(const std::string text, read_text_file(file, limits::kConfigFileBytesMax));
    WITAN_ASSIGN(NodeConfig config, NodeConfig::parse(text, file));
    config.witnesses.emplace().policy = "witnesses.policy";
    config.wait = kWait;
    WITAN_TRY(write_file_atomic(file, config.encode(), 0644));
    return write_file_atomic(at("trust.toml"),
                             "[log]\nreceipt_keys = [\"log/receipt-key.pem\"]\n"
                             "tlog_policy_file = \"log/witnesses.policy\"\n",
                             0644);
  }

  Result<void> start_node(const char* folder) {
    WITAN_ASSIGN(Server server,
                 start_server({"node", "--dir", at(folder)}, dir_ / folder, at("node.log")));
    node_.emplace(std::move(server));
    return {};
  }

  void stop_node() {
    node_->child.send(SIGTERM);
    node_->child.wait();
    node_.reset();
  }

  Result<void> sign(const std::string& name, const std::string& text) {
    const std::string file = (dir_ / name).string();
    WITAN_TRY(write_file_atomic(file, text + "\n", 0644));
    return Story::type_unseen({"sign", "--key", at("build.pem"), "--issuer", kIssuer, "--subject",
                               kSubject, "--content-type", "text/plain", file, "-o",
                               file + ".statement"});
  }

  [[nodiscard]] std::vector<std::string> submit(const std::string& name) const {
    const std::string file = (dir_ / name).string();
    return {"submit", "--node", node_->url, file + ".statement", "-o", file + ".receipt"};
  }

  Result<void> register_artifact() {
    story_.chapter(
        "The farm signs an artifact (this very program) and its SBOM, and registers both");
    WITAN_TRY(write_file_atomic(at("witan.spdx.json"), sbom_of_this_program(), 0644));
    std::error_code error;
    fs::copy_file(this_program(), dir_ / "witan", error);
    if (error) return fail(ErrorCode::kIo, at("witan") + ": " + error.message());
    WITAN_TRY(story_.type({"sign", "--key", at("build.pem"), "--issuer", kIssuer, "--subject",
                           kSubject, "--hash-envelope", at("witan"), "-o", at("witan.statement")}));
    WITAN_TRY(story_.type({"sign", "--key", at("build.pem"), "--issuer", kIssuer, "--subject",
                           kSubject, "--content-type", "application/spdx+json",
                           at("witan.spdx.json"), "-o", at("sbom.statement")}));
    WITAN_TRY(story_.type(submit("witan")));
    return story_.type(submit("sbom"));
  }

  [[nodiscard]] std::vector<std::string> verify(const std::string& receipt,
                                                const std::string& artifact) const {
    return {"verify",   "--statement",    at("witan.statement"), "--receipt",         receipt,
            "--policy", at("trust.toml"), "--issuer-key",        at("build.pem.pub"), "--artifact",
            artifact};
  }

  Result<void> verify_offline() {
    story_.chapter("Anybody verifies offline: statement, receipt, the log's keys and the policy");
    return story_.type(verify(at("witan.receipt"), at("witan")));
  }

  Result<void> show_refusals() {
    story_.chapter(
        "What is forged is refused: a changed artifact, a changed receipt, an unknown issuer");
    fs::copy_file(dir_ / "witan", dir_ / "witan.changed");
    std::ofstream(dir_ / "witan.changed", std::ios::app | std::ios::binary) << "x";
    WITAN_TRY(story_.type(verify(at("witan.receipt"), at("witan.changed")), 1));

    WITAN_ASSIGN(std::string receipt, read_text_file(at("witan.receipt"), std::size_t{1} << 20));
    receipt.back() = static_cast<char>(receipt.back() ^ 1);
    WITAN_TRY(write_file_atomic(at("changed.receipt"), receipt, 0644));
    WITAN_TRY(story_.type(verify(at("changed.receipt"), at("witan")), 1));

    WITAN_TRY(story_.type({"keygen", "--out", at("mallory.pem")}));
    WITAN_TRY(story_.type({"sign", "--key", at("mallory.pem"), "--issuer",
                           "https://mallory.example", "--subject", kSubject, "--hash-envelope",
                           at("witan"), "-o", at("mallory.statement")}));
    return story_.type(submit("mallory"), 1);
  }

  Result<void> lose_witnesses() {
    story_.chapter("One witness is killed: two are left, and registration goes on");
    WITAN_TRY(sign("one-down", "registered with one witness down"));
    WITAN_TRY(sign("two-down", "registered with two witnesses down"));
    witnesses_.kill(0);
    WITAN_TRY(story_.type(submit("one-down")));

    story_.chapter("A second one is killed: statements are kept, and receipts wait");
    witnesses_.kill(1);
    auto impatient = submit("two-down");
    impatient.insert(impatient.end(), {"--wait", kImpatience});
    WITAN_TRY(story_.type(impatient, kExitUnreachable));
    Story::say("One of them comes back, and the receipt with it");
    WITAN_TRY(witnesses_.start(1));
    auto receipt = submit("two-down");
    receipt.front() = "receipt";
    WITAN_TRY(story_.type(receipt));
    return witnesses_.start(0);
  }

  Result<void> survive_kill() {
    story_.chapter("The node is killed with kill -9 in the middle of a burst, and started again");
    Burst burst{node_->url, at("build.pem"), kIssuer};
    WITAN_ASSIGN(const BurstResult acknowledged, burst.run([this] { node_->child.send(SIGKILL); }));
    node_->child.wait();
    Story::say(std::to_string(acknowledged.ids.size()) +
               " statements were answered with 201 before it died");
    WITAN_TRY(start_node("log"));
    Story::say("started again at " + node_->url);
    WITAN_TRY(story_.type(
        {"audit", "--node", node_->url, "--log-key", at("log/log.vkey"), "--state", at("audit")}));
    WITAN_ASSIGN(const std::size_t found, burst.count_registered(node_->url, acknowledged));
    Story::say("of the " + std::to_string(acknowledged.ids.size()) + " acknowledged statements, " +
               std::to_string(found) + " have their receipt");
    if (found != acknowledged.ids.size()) {
      return fail(ErrorCode::kConflict, "an acknowledged statement was lost");
    }
    return {};
  }

  Result<void> rewrite_log() {
    story_.chapter(
        "The operator turns bad: puts an old copy of the whole log back, key and all, and lets it "
        "go another way");
    WITAN_TRY(sign("honest", "the history that was witnessed"));
    WITAN_TRY(sign("forged", "the history that comes in its place"));
    stop_node();
    Story::say("$ cp -r log rewritten");
    fs::copy(dir_ / "log", dir_ / "rewritten", fs::copy_options::recursive);
    WITAN_TRY(start_node("log"));
    Story::say("The log goes on, and its witnesses cosign it:");
    WITAN_TRY(story_.type(submit("honest")));
    stop_node();
    Story::say("Now the copy is run in its place:");
    story_.show({"node", "--dir", at("rewritten")}, " &");
    WITAN_TRY(start_node("rewritten"));
    auto impatient = submit("forged");
    impatient.insert(impatient.end(), {"--wait", kImpatience});
    WITAN_TRY(story_.type(impatient, kExitUnreachable));
    WITAN_TRY(show_refusing_witnesses());
    stop_node();
    return {};
  }

  // What the witnesses have answered to the rewritten log; all of them must have refused.
  Result<void> show_refusing_witnesses() {
    WITAN_ASSIGN(const auto client, http::Client::make(node_->url));
    WITAN_ASSIGN(const auto response, client->get("/status"));
    const auto status = nlohmann::json::parse(response.body, nullptr, false);
    if (!status.is_object() || !status.contains("witnessing")) {
      return fail(ErrorCode::kMalformed, node_->url + "/status does not tell of witnesses");
    }
    Story::say(
        "Its own key signs the other history, but no witness does, and it is not published:");
    for (const auto& witness : status["witnessing"]["witnesses"]) {
      const std::string problem = witness.value("problem", "");
      Story::say("  " + printable(witness.value("name", "")) + " answers " + printable(problem));
      if (problem.find("422") == std::string::npos) {
        return fail(ErrorCode::kConflict, "a witness did not refuse a rewritten log");
      }
    }
    return {};
  }

  fs::path dir_;
  Story story_;
  DemoWitnesses witnesses_;
  std::optional<Server> node_;
};

Result<void> run_demo() {
  const TemporaryFolder folder;
  if (folder.path().empty()) return fail(ErrorCode::kIo, "cannot make a temporary folder");
  std::printf("Witan demo, in %s (removed at the end)\n", folder.path().c_str());
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return Demo(folder.path()).run();
}

}  // namespace

void add_demo(Verb& top) {
  Verb& verb = top.verb("demo", "See the whole thing work, in a temporary folder");
  verb.footer("Example: witan demo");
  verb.runs([] {
    const auto result = run_demo();
    if (result) return kExitDone;
    // It may hold what a program of ours has printed, several lines of it.
    std::fprintf(stderr, "witan demo: %s\n", result.error().message.c_str());
    return exit_code(result.error().code);
  });
}

}  // namespace witan::cli
