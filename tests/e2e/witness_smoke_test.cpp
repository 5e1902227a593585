// A witness as an operator has it: made, told a log, run, killed in a burst, restarted, changed
// while it runs.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/witness_config.h"
#include "ledger/crypto/ml_dsa.h"
#include "node/http/client.h"
#include "tests/e2e/smoke_witness.h"
#include "tests/support/catch.h"
#include "tests/support/test_node.h"
#include "tests/witness/cosign_world.h"
#include "tests/witness/subtree_world.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("witness smoke: init, add-log, run, cosign, and see it in the list") {
  SmokeWitness witness;
  CHECK((fs::status(witness.paths().dir).permissions() & fs::perms::all) == fs::perms::owner_all);
  CHECK(witness.verb({"init", "--name", "other"}).exit_code == 2);
  CosignWorld log;
  REQUIRE(witness.verb({"add-log", log.key.vkey.text()}).exit_code == 0);
  CHECK(witness.verb({"add-log", witness.vkey().text()}).exit_code == 2);
  witness.start();
  const ChildResult second = witness.verb({"run"});
  CHECK(second.exit_code == 1);
  CHECK_THAT(second.err, ContainsSubstring("a witness runs there already"));

  const auto answer = witness.post(log.request(0, 5).encode());
  REQUIRE(answer);
  INFO(text_of(*answer));
  REQUIRE(answer->status == 200);
  const auto lines = parse_signature_lines(text_of(*answer));
  REQUIRE(lines);
  CHECK(verify_note(Note{log.text(5), *lines}, witness.vkey()));
  CHECK(witness.post(log.request(5, 9).encode())->status == 200);
  const auto conflict = witness.post(log.request(5, 11).encode());
  CHECK(conflict->status == 409);
  CHECK(text_of(*conflict) == "9\n");
  CHECK(witness.listed()[0]["size"] == 9);
  CHECK_THAT(witness.verb({"list"}).out, ContainsSubstring("log.example/1"));

  // A log that is added while it runs is cosigned at once, and one that is disabled is not.
  CosignWorld other;
  other.origin = "log.example/origin";
  CHECK(witness.post(other.request(0, 3).encode())->status == 404);
  REQUIRE(witness.verb({"add-log", other.key.vkey.text(), "--origin", other.origin, "--qpd", "2"})
              .exit_code == 0);
  CHECK(witness.post(other.request(0, 3).encode())->status == 200);
  REQUIRE(witness.verb({"disable-log", log.origin}).exit_code == 0);
  CHECK(witness.post(log.request(9, 11).encode())->status == 404);
  CHECK(witness.listed()[0]["size"] == 9);
  REQUIRE(witness.verb({"enable-log", log.origin}).exit_code == 0);
  CHECK(witness.post(log.request(9, 11).encode())->status == 200);
  CHECK(witness.verb({"disable-log", "log.example/none"}).exit_code == 3);

  const auto status = nlohmann::json::parse(witness.verb({"status", "--json"}).out);
  CHECK(status["running"] == true);
  CHECK(status["logs"] == 2);
  CHECK(status["checkpoints"]["cosigned"] == 4);
  CHECK(witness.stop() == 0);
  CHECK_FALSE(fs::exists(witness.paths().address()));
  const auto state = [&witness] {
    return nlohmann::json::parse(witness.verb({"status", "--json"}).out);
  };
  CHECK(state()["running"] == false);
  // What was left by one that was killed, and what leads nowhere though it runs.
  write_text(witness.paths().address(), "https://127.0.0.1:1\n");
  CHECK(state()["running"] == false);
  witness.start();
  write_text(witness.paths().address(), "https://127.0.0.1:1\n");
  CHECK(state()["running"] == true);
  CHECK_THAT(state()["problem"].get<std::string>(), ContainsSubstring("cannot be asked"));
  CHECK(witness.stop() == 0);
  witness.start();
  CHECK(text_of(*witness.post(log.request(0, 11).encode())) == "11\n");
}

TEST_CASE(
    "witness smoke: init goes on where another was interrupted, and takes no other's folder") {
  TempDir dir;
  fs::create_directories(dir.path() / ".w.making" / "data");
  write_text(dir.path() / ".w.making" / "data" / "data.mdb", "half a store");
  const std::vector<std::string> init = {"witness",        "init",  "--name",
                                         "witness.test/w", "--dir", dir.at("w")};
  CHECK(run_witan(init).exit_code == 0);
  CHECK_FALSE(fs::exists(dir.path() / ".w.making"));
  CHECK(fs::exists(dir.path() / "w" / "witness.vkey"));
  const ChildResult again = run_witan(init);
  CHECK(again.exit_code == 2);
  CHECK_THAT(again.err, ContainsSubstring("not empty"));
  const ChildResult run = run_witan({"witness", "run", "--dir", dir.at("none")});
  CHECK(run.exit_code == 3);
  CHECK_THAT(run.err, ContainsSubstring("witan witness init"));
}

TEST_CASE("witness smoke: a request that a stranger repeats at once is a conflict, and no more") {
  SmokeWitness witness;
  CosignWorld log;
  REQUIRE(witness.verb({"add-log", log.key.vkey.text()}).exit_code == 0);
  witness.start();
  for (std::size_t size = 1; size <= 3; ++size) {
    const std::string body = log.request(size - 1, size).encode();
    CHECK(witness.post(body)->status == 200);
    const auto again = witness.post(body);
    CHECK(again->status == 409);
    CHECK(text_of(*again) == std::to_string(size) + "\n");
  }
}

TEST_CASE("witness smoke: lists are pulled into a running witness, and linted") {
  SmokeWitness witness;
  witness.start();
  CosignWorld log;
  const std::string file = witness.folder().at("logs.txt");
  write_text(file, "logs/v0\n\nvkey " + log.key.vkey.text() + "\nqpd 24\ncontact someone\n");
  CHECK(run_witan({"witness", "lint", file}).exit_code == 0);
  const ChildResult pulled = witness.verb({"pull-logs", file});
  INFO(pulled.err);
  REQUIRE(pulled.exit_code == 0);
  CHECK(witness.post(log.request(0, 5).encode())->status == 200);
  CHECK(witness.verb({"pull-logs", file}).err.empty());
  CosignWorld same_name;
  write_text(file, "logs/v0\nvkey " + same_name.key.vkey.text() + "\ncolour blue\n");
  const ChildResult lint = run_witan({"witness", "lint", file});
  CHECK(lint.exit_code == 1);
  CHECK_THAT(lint.err, ContainsSubstring("colour"));
  const ChildResult other_key = witness.verb({"pull-logs", file});
  CHECK(other_key.exit_code == 0);
  CHECK_THAT(other_key.err, ContainsSubstring("warning"));
  CHECK(witness.listed()[0]["keys"] == nlohmann::json::array({log.key.vkey.text()}));
  CHECK(witness.listed()[0]["qpd"] == 24);
}

TEST_CASE("witness smoke: where OpenSSL has ML-DSA-44, both keys sign, and subtrees are signed") {
  SmokeWitness witness;
  CosignWorld log;
  log.witness_name = SmokeWitness::kName;
  REQUIRE(witness.verb({"add-log", log.key.vkey.text()}).exit_code == 0);
  witness.start();
  const auto answer = witness.post(log.request(0, 14).encode());
  REQUIRE(answer->status == 200);
  const auto lines = parse_signature_lines(text_of(*answer)).value();
  const std::vector<VerifierKey> keys = witness.vkeys();
  REQUIRE(keys.size() == (ml_dsa_available() ? 2 : 1));
  REQUIRE(lines.size() == keys.size());
  for (const VerifierKey& key : keys) CHECK(verify_note(Note{log.text(14), lines}, key));
  const std::string body = subtree_request(log, {8, 13}, 14, lines).encode();
  const auto subtree = witness.post(body, "/sign-subtree");
  INFO(text_of(*subtree));
  if (!ml_dsa_available()) {
    CHECK(subtree->status == 501);
    return;
  }
  REQUIRE(subtree->status == 200);
  CHECK(signs_subtree(parse_signature_lines(text_of(*subtree)).value(), log, {8, 13}, keys[1]));

  const ChildResult made = run_witan({"witness", "init", "--name", "w.test/old", "--ed25519-only",
                                      "--dir", witness.folder().at("old")});
  CHECK(made.exit_code == 0);
  const std::string old = read_text(WitnessPaths{witness.folder().at("old")}.vkey());
  CHECK(std::count(old.begin(), old.end(), '\n') == 1);
}

TEST_CASE("witness smoke: killed in a burst, it forgets nothing that it signed") {
  SmokeWitness witness;
  CosignWorld log;
  REQUIRE(witness.verb({"add-log", log.key.vkey.text()}).exit_code == 0);
  std::size_t size = 0;  // the newest that was answered
  for (const std::size_t kill_after : {3, 20, 40}) {
    witness.start();
    std::vector<std::string> bodies;
    for (std::size_t to = size + 1; to <= 60; ++to) {
      bodies.push_back(log.request(to - 1, to).encode());
    }
    std::thread burst([&] {
      for (const std::string& body : bodies) {
        const auto answer = witness.post(body);
        if (!answer || answer->status != 200) return;
        ++size;
      }
    });
    const bool far = eventually([&] {
      const auto rows = witness.listed();
      return rows[0]["size"].is_number() && rows[0]["size"] >= kill_after;
    });
    witness.kill_hard();
    burst.join();
    REQUIRE(far);
    witness.start();
    // What was under way when it died may have been signed, but nothing that was answered is lost.
    const auto conflict = witness.post(log.request(0, 70).encode());
    REQUIRE(conflict->status == 409);
    const std::size_t stands = std::stoul(text_of(*conflict));
    CHECK(stands >= size);
    CHECK(stands <= size + 1);
    CHECK(witness.listed()[0]["size"] == stands);
    const auto kept = witness.get("/" + origin_hash(log.origin) + "/checkpoint");
    REQUIRE(kept.status == 200);
    const auto note = Note::parse(text_of(kept));
    REQUIRE(note);
    CHECK(note->text == log.text(stands));
    CHECK(verify_note(*note, witness.vkey()));
    CHECK(verify_note(*note, log.key.vkey));
    size = stands;
    CHECK(witness.stop() == 0);
  }
}

TEST_CASE("witness smoke: an old copy of either half of its folder is refused by name") {
  SmokeWitness witness;
  CosignWorld log;
  REQUIRE(witness.verb({"add-log", log.key.vkey.text()}).exit_code == 0);
  witness.start();
  REQUIRE(witness.post(log.request(0, 5).encode())->status == 200);
  CHECK(witness.stop() == 0);
  const fs::path copies = witness.folder().path() / "copies";
  fs::copy(witness.paths().dir, copies, fs::copy_options::recursive);
  witness.start();
  // A new log, too: what the last two commits cosigned of known ones would be stored again.
  REQUIRE(witness.post(log.request(5, 9).encode())->status == 200);
  CosignWorld other;
  other.origin = "log.example/2";
  REQUIRE(witness.verb({"add-log", other.key.vkey.text(), "--origin", other.origin}).exit_code ==
          0);
  REQUIRE(witness.post(other.request(0, 3).encode())->status == 200);
  CHECK(witness.stop() == 0);

  const auto put_back = [&](const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    fs::copy(from, to, fs::copy_options::recursive);
  };
  const fs::path newest = witness.folder().path() / "newest";
  fs::copy(witness.paths().dir, newest, fs::copy_options::recursive);
  put_back(copies / "enclave", witness.paths().enclave());
  const ChildResult old_signer = witness.verb({"run"});
  CHECK(old_signer.exit_code == 1);
  CHECK_THAT(old_signer.err, ContainsSubstring("An old copy of the folder enclave/"));
  put_back(newest / "enclave", witness.paths().enclave());
  put_back(copies / "data", witness.paths().data());
  const ChildResult old_data = witness.verb({"run"});
  CHECK(old_data.exit_code == 1);
  CHECK_THAT(old_data.err, ContainsSubstring("An old copy of the folder data/"));
  put_back(newest / "data", witness.paths().data());
  witness.start();
  CHECK(text_of(*witness.post(log.request(5, 9).encode())) == "9\n");
}

}  // namespace
}  // namespace witan::test
