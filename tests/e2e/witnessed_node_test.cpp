// A node whose configuration names witnesses, and the verbs that look at its policy, as a person
// would run them.

#include <string>

#include <nlohmann/json.hpp>

#include "ledger/format/note.h"
#include "tests/support/catch.h"
#include "tests/support/fake_witness.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

VerifierKey node_key(const TestNode& node) {
  std::string text = read_text(node.paths().log_key());
  text.pop_back();
  return VerifierKey::parse(text).value();
}

TEST_CASE("witnessed node: receipts verify offline against its policy, across restarts") {
  TestNode node;
  const VerifierKey key = node_key(node);
  FakeWitness one("one.example", key), two("two.example", key);
  const std::string policy = node.folder().at("log/witnesses.policy");
  write_text(policy, "log " + key.text() + "\n" + one.policy_line() + "\n" + two.policy_line() +
                         "\ngroup both all one.example two.example\nquorum both\n");
  node.edit_config([](NodeConfig& config) {
    config.witnesses = WitnessesConfig{};
    config.witnesses->policy = "witnesses.policy";
    config.witnesses->deadline = std::chrono::milliseconds(500);
    config.wait = std::chrono::milliseconds(100);
  });
  node.start();
  const std::string trust = node.folder().at("trust.toml"), file = node.folder().at("a.cose"),
                    receipt = node.folder().at("a.receipt"), pem = node.folder().at("issuer.pub");
  write_text(trust, "[log]\ntlog_policy_file = \"log/witnesses.policy\"\n");
  const auto verify = [&](const Bytes& statement) {
    const http::ClientResponse got = node.get("/entries/" + id_of(statement));
    CHECK(got.status == 200);
    const http::ClientResponse proof = node.get("/entries/" + id_of(statement) + ".tlog-proof");
    CHECK(proof.status == 200);
    write_text(file, std::string(as_text(statement)));
    for (const http::ClientResponse& evidence : {got, proof}) {
      write_text(receipt, std::string(as_text(evidence.body)));
      const ChildResult result = run_witan({"verify", "--statement", file, "--receipt", receipt,
                                            "--policy", trust, "--issuer-key", pem});
      INFO(result.out << result.err);
      CHECK(result.exit_code == 0);
      CHECK_THAT(result.out,
                 ContainsSubstring("quorum \"both\" is met by one.example, two.example"));
    }
  };
  const Bytes a = node.issuer().statement("a");
  const unsigned first = node.post(a).status;
  CHECK((first == 201 || first == 202));
  REQUIRE(eventually([&] { return node.get("/entries/" + id_of(a)).status == 200; }));
  verify(a);

  two.stop();
  const Bytes b = node.issuer().statement("b");
  CHECK(node.post(b).status == 202);
  CHECK(node.get("/entries/" + id_of(b)).status == 204);
  REQUIRE(eventually([&] { return node.get("/healthz").status == 503; }));
  const auto status = nlohmann::json::parse(text_of(node.get("/status")));
  CHECK_THAT(status["problem"].get<std::string>(), ContainsSubstring("two.example"));
  node.kill_hard();
  two.start();
  node.start();
  REQUIRE(eventually([&] { return node.get("/entries/" + id_of(b)).status == 200; }));
  verify(b);
  CHECK(Note::parse(text_of(node.get("/checkpoint")))->signatures.size() == 3);
  CHECK(node.audit().empty());
  CHECK(node.stop() == 0);
}

TEST_CASE("witnessed node: a wrong policy keeps it from starting, and says which line") {
  TestNode node;
  node.edit_config([](NodeConfig& config) {
    config.witnesses = WitnessesConfig{};
    config.witnesses->policy = "w.policy";
  });
  CHECK_THAT(node.start_in_vain().err, ContainsSubstring("w.policy"));
  write_text(node.paths().dir / "w.policy", "quorum none\nquorum none\n");
  const ChildResult twice = node.start_in_vain();
  CHECK(twice.exit_code == 2);
  CHECK_THAT(twice.err, ContainsSubstring("w.policy: policy line 2"));
  write_text(node.paths().dir / "w.policy", "quorum none\n");
  CHECK_THAT(node.start_in_vain().err, ContainsSubstring("no line for this log"));
}

TEST_CASE("witan policy: checks and shows") {
  const std::string example = std::string(WITAN_SOURCE_DIR) + "/config/examples/witnesses.policy";
  const ChildResult good = run_witan({"policy", "check", example});
  CHECK(good.exit_code == 0);
  CHECK_THAT(good.out, ContainsSubstring("1 log, 4 witnesses, 1 group, quorum three"));
  CHECK(good.out.find("note:") == std::string::npos);
  const ChildResult shown = run_witan({"policy", "show", example});
  CHECK(shown.exit_code == 0);
  CHECK_THAT(shown.out, ContainsSubstring("1 lying organisation"));
  CHECK_THAT(shown.out, ContainsSubstring("University of the West"));
  CHECK_THAT(shown.out, ContainsSubstring("3 of 4: three"));
  const auto json = nlohmann::json::parse(run_witan({"policy", "show", example, "--json"}).out);
  CHECK(json["survives_lying"] == 1);
  CHECK(json["silence_that_blocks"]["at_least"] == 2);
  CHECK(json["quorum"]["members"].size() == 4);

  const TempDir folder;
  const std::string file = folder.at("wrong.policy");
  std::string weak = read_text(example);
  weak.replace(weak.find("group three 3"), 13, "group three 1");
  weak.replace(weak.find(" https://witness.north.example"), 30, " ftp://witness.north.example");
  weak.replace(weak.find(" west\nquorum"), 5, "");
  write_text(file, weak);
  const ChildResult doubtful = run_witan({"policy", "check", file});
  CHECK(doubtful.exit_code == 0);
  CHECK_THAT(doubtful.out, ContainsSubstring("note: north: found the URL ftp://"));
  CHECK_THAT(doubtful.out, ContainsSubstring("note: west counts for nothing in the quorum"));
  CHECK_THAT(doubtful.out, ContainsSubstring("note: one lying organisation suffices"));
  // Not what `verify --policy` takes, which says what it takes.
  const ChildResult mistaken =
      run_witan({"verify", "--statement", file, "--receipt", file, "--policy", example});
  CHECK(mistaken.exit_code == 2);
  CHECK_THAT(mistaken.err, ContainsSubstring("is a tlog-policy; expected a trust file"));
  write_text(file, "# fine\n\ngroup g 2 nobody\nquorum g\n");
  const ChildResult wrong = run_witan({"policy", "check", file});
  CHECK(wrong.exit_code == 1);
  CHECK_THAT(wrong.err, ContainsSubstring("wrong.policy: policy line 3"));
  CHECK(run_witan({"policy", "check", folder.at("missing")}).exit_code == 3);
  CHECK(run_witan({"policy", "check"}).exit_code == 2);
}

TEST_CASE("witan policy: what a policy counts twice or never is said") {
  const auto vkey = [](const std::string& name, NoteAlgorithm algorithm, std::uint8_t number) {
    return VerifierKey::make(name, algorithm, Bytes(32, number))->text();
  };
  const auto witness = [&](const std::string& name, const std::string& key, std::uint8_t number) {
    return "witness " + name + " " + vkey(key, NoteAlgorithm::kCosignatureEd25519, number) + "\n";
  };
  const TempDir folder;
  const std::string file = folder.at("odd.policy");
  write_text(file, "log " + vkey("log.example", NoteAlgorithm::kEd25519, 1) + "\n" +
                       witness("ed", "w1", 2) + witness("pq", "w1", 3) +
                       witness("own", "log.example", 4) + "group g all ed pq own\nquorum g\n");
  const ChildResult twice = run_witan({"policy", "check", file});
  CHECK(twice.exit_code == 0);
  CHECK_THAT(twice.out, ContainsSubstring("note: ed and pq are keys of one witness, w1"));
  CHECK_THAT(twice.out, ContainsSubstring("note: own has the name or key of log log.example"));
  CHECK_THAT(twice.out, ContainsSubstring("note: its quorum can never be met"));
  CHECK_THAT(run_witan({"policy", "show", file}).out, ContainsSubstring("run by ed"));
  // What stands in a policy does not command the terminal.
  write_text(file, "quorum none\n\x9b!\n");
  const ChildResult odd = run_witan({"policy", "check", file});
  CHECK(odd.exit_code == 1);
  CHECK_THAT(odd.err, ContainsSubstring("line 2: expected log, witness, group or quorum"));
  CHECK_THAT(odd.err, ContainsSubstring("\\x9b!"));
}

}  // namespace
}  // namespace witan::test
