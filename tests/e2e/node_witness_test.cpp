// A node that is a witness of other logs too, as an operator runs it.

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "config/witness_config.h"
#include "ledger/format/note.h"
#include "tests/support/catch.h"
#include "tests/support/test_node.h"
#include "tests/witness/cosign_world.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& file) {
  const std::string text = read_text(file);
  return text.substr(0, text.find('\n'));
}

// A node with a witness in its folder.
class WitnessingNode {
 public:
  // Origins differ, so that neither passes for the other.
  explicit WitnessingNode(std::string name) : node({"--origin", "log.test/" + name}) {
    const ChildResult made =
        run_witan({"witness", "init", "--name", "witness.test/" + name, "--dir", dir().string()});
    if (made.exit_code != 0) throw std::runtime_error("witan witness init: " + made.err);
    node.edit_config([](NodeConfig& config) { config.witness_dir = "witness"; });
  }

  [[nodiscard]] fs::path dir() const { return node.paths().dir / "witness"; }
  [[nodiscard]] std::string log_key() const { return first_line(node.paths().log_key()); }
  [[nodiscard]] std::string witness_key() const { return first_line(WitnessPaths{dir()}.vkey()); }
  [[nodiscard]] ChildResult witness_verb(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "witness");
    arguments.insert(arguments.end(), {"--dir", dir().string()});
    return run_witan(arguments);
  }
  // Publishes what that node's witness has cosigned, and nothing else.
  void ask_for(const WitnessingNode& other) {
    write_text(node.paths().dir / "w.policy", "log " + log_key() + "\nwitness other " +
                                                  other.witness_key() + " " + other.node.url() +
                                                  "/witness\nquorum other\n");
    node.edit_config([](NodeConfig& config) {
      config.witnesses = WitnessesConfig{};
      config.witnesses->policy = "w.policy";
    });
  }
  // Registers a statement, and waits until its receipt is there.
  void registers(const std::string& text) const {
    const Bytes statement = node.issuer().statement(text);
    const unsigned status = node.post(statement).status;
    CHECK((status == 201 || status == 202));
    REQUIRE(eventually([&] { return node.get("/entries/" + id_of(statement)).status == 200; }));
  }
  [[nodiscard]] http::ClientResponse cosign(const std::string& body) const {
    return node.client()->post("/witness/add-checkpoint", as_bytes(body), "text/plain").value();
  }

  TestNode node;
};

TEST_CASE("node witness: two nodes witness each other's logs") {
  WitnessingNode a("a"), b("b");
  a.node.start();
  // While it runs, as for a witness that runs alone.
  REQUIRE(a.witness_verb({"add-log", b.log_key()}).exit_code == 0);
  REQUIRE(b.witness_verb({"add-log", a.log_key()}).exit_code == 0);
  b.ask_for(a);
  b.node.start();
  b.registers("b's first");

  // Now the other way round. A's witness keeps its address, and its marks.
  a.node.edit_config([&a](NodeConfig& config) { config.listen = a.node.address(); });
  a.ask_for(b);
  REQUIRE(a.node.stop() == 0);
  a.node.start();
  a.registers("a's first");
  b.registers("b's second");
  const auto signed_by = [](const WitnessingNode& log, const WitnessingNode& witness) {
    const auto note = Note::parse(text_of(log.node.get("/checkpoint"))).value();
    return verify_note(note, VerifierKey::parse(log.log_key()).value()) &&
           verify_note(note, VerifierKey::parse(witness.witness_key()).value());
  };
  CHECK(signed_by(a, b));
  CHECK(signed_by(b, a));
  CHECK(a.node.audit().empty());
  CHECK(b.node.audit().empty());

  const auto listed = nlohmann::json::parse(a.witness_verb({"list", "--json"}).out);
  CHECK(listed[0]["origin"] == "log.test/b");
  const ChildResult status = a.witness_verb({"status", "--json"});
  CHECK(nlohmann::json::parse(status.out)["running"] == true);
  CHECK(b.node.stop() == 0);
  CHECK(a.node.stop() == 0);
  CHECK_FALSE(fs::exists(WitnessPaths{a.dir()}.address()));
}

TEST_CASE("node witness: its paths are below /witness, its figures among the node's") {
  WitnessingNode served("a");
  served.node.start();
  const TestNode& node = served.node;
  CosignWorld log;
  CHECK(served.cosign(log.request(0, 5).encode()).status == 404);
  REQUIRE(served.witness_verb({"add-log", log.key.vkey.text()}).exit_code == 0);
  const auto answer = served.cosign(log.request(0, 5).encode());
  REQUIRE(answer.status == 200);
  CHECK(verify_note(Note{log.text(5), parse_signature_lines(text_of(answer)).value()},
                    VerifierKey::parse(served.witness_key()).value()));
  const auto conflict = served.cosign(log.request(0, 9).encode());
  CHECK(conflict.status == 409);
  CHECK(text_of(conflict) == "5\n");
  CHECK(served.cosign(std::string(limits::kAddCheckpointBytesMax + 1, 'x')).status == 413);
  CHECK(node.client()->post("/witness/sign-subtree", {}, "text/plain")->status == 501);

  const std::string checkpoint = "/witness/" + origin_hash(log.origin) + "/checkpoint";
  CHECK_THAT(text_of(node.get(checkpoint)), ContainsSubstring("witness.test/a"));
  const auto about = nlohmann::json::parse(text_of(node.get("/witness/witness.v0.json")));
  CHECK(about["submission_url"] == node.url() + "/witness/");
  CHECK_THAT(text_of(node.get("/witness/")), ContainsSubstring("Witness witness.test/a"));
  CHECK(node.get("/witness").status == 308);
  CHECK(node.get("/witness").header("location") == "/witness/");
  CHECK(nlohmann::json::parse(text_of(node.get("/witness/status")))["logs"] == 1);
  CHECK(node.get("/witness/healthz").status == 200);
  CHECK(node.get("/witness/nothing").status == 404);
  // The node's own paths are not the witness's, nor the other way round.
  CHECK(node.get("/add-checkpoint").status == 404);
  CHECK(node.get("/witness/entries/").status == 404);
  CHECK(node.get("/witnesses").status == 404);
  const std::string metrics = text_of(node.get("/metrics"));
  CHECK_THAT(metrics, ContainsSubstring("witan_witness_checkpoints_total{result=\"cosigned\"} 1"));
  CHECK_THAT(metrics, ContainsSubstring("witan_log_published_size"));
  const auto status = nlohmann::json::parse(text_of(node.get("/status")));
  CHECK(status["witness"]["name"] == "witness.test/a");
  CHECK(status["witness"]["url"] == node.url() + "/witness");
  CHECK(status["witness"]["problem"] == "");
  // One folder, one witness.
  const ChildResult second = served.witness_verb({"run"});
  CHECK(second.exit_code == 1);
  CHECK_THAT(second.err, ContainsSubstring("a witness runs there already"));

  served.node.kill_hard(true);
  served.node.start();
  CHECK(text_of(served.cosign(log.request(0, 9).encode())) == "5\n");
  CHECK(served.node.stop() == 0);
}

TEST_CASE("node witness: a wrong folder keeps the node from starting, and says why") {
  TestNode node;
  node.edit_config([](NodeConfig& config) { config.witness_dir = "witness"; });
  const ChildResult none = node.start_in_vain();
  CHECK(none.exit_code == 3);
  CHECK_THAT(none.err, ContainsSubstring("[witness] witness: "));
  CHECK_THAT(none.err, ContainsSubstring("witan witness init"));

  const fs::path dir = node.paths().dir / "witness";
  REQUIRE(run_witan({"witness", "init", "--name", TestNode::kOrigin, "--dir", dir.string()})
              .exit_code == 0);
  const ChildResult same = node.start_in_vain();
  CHECK(same.exit_code == 2);
  CHECK_THAT(same.err, ContainsSubstring("its name is this log's origin"));

  fs::remove_all(dir / "enclave");
  const ChildResult half = node.start_in_vain();
  CHECK(half.exit_code == 3);
  CHECK_THAT(half.err, ContainsSubstring("enclave: no such folder"));
  // Without it, the node runs on what it has.
  node.edit_config([](NodeConfig& config) { config.witness_dir.reset(); });
  node.start();
  CHECK(node.get("/witness/").status == 404);
  CHECK(node.stop() == 0);
}

}  // namespace
}  // namespace witan::test
