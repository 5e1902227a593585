// Backup and restore of a witness: what is copied is whole, and no way leads to two histories.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include "tests/e2e/smoke_witness.h"
#include "tests/support/catch.h"
#include "tests/witness/cosign_world.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;

unsigned status_after(const SmokeWitness& witness, const AddCheckpointRequest& request) {
  const auto answer = witness.post(request.encode());
  if (!answer) throw std::runtime_error(answer.error().message);
  return answer->status;
}

// A witness that has cosigned a log at size 5.
struct BackupWorld {
  SmokeWitness witness;
  CosignWorld log;

  BackupWorld() {
    if (witness.verb({"add-log", log.key.vkey.text()}).exit_code != 0) {
      throw std::runtime_error("add-log");
    }
    witness.start();
    if (status_after(witness, log.request(0, 5)) != 200) throw std::runtime_error("cosign");
  }
  [[nodiscard]] fs::path at(const std::string& name) const {
    return witness.folder().path() / name;
  }
  [[nodiscard]] ChildResult back_up(const std::string& name, bool final = false) const {
    std::vector<std::string> arguments = {"backup", "--to", at(name).string()};
    if (final) arguments.emplace_back("--final");
    return witness.verb(arguments);
  }
  [[nodiscard]] ChildResult restore(const std::string& from, const std::string& to) const {
    return run_witan({"witness", "restore", "--from", at(from).string(), "--dir", at(to).string()});
  }
  [[nodiscard]] nlohmann::json listed(const fs::path& dir) const {
    return nlohmann::json::parse(
        run_witan({"witness", "list", "--json", "--dir", dir.string()}).out);
  }
};

TEST_CASE("witness backup: one of a running witness cosigns nothing until heads are confirmed") {
  BackupWorld world;
  const ChildResult made = world.back_up("copy");
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  CHECK((fs::status(world.at("copy")).permissions() & fs::perms::all) == fs::perms::owner_all);
  CHECK(world.back_up("copy").exit_code == 2);
  // It goes on, and what it cosigns now is not in the copy.
  REQUIRE(status_after(world.witness, world.log.request(5, 9)) == 200);

  const ChildResult restored = world.restore("copy", "restored");
  INFO(restored.err);
  REQUIRE(restored.exit_code == 0);
  CHECK_THAT(restored.out, ContainsSubstring("witan witness confirm"));
  CHECK(world.restore("copy", "restored").exit_code == 2);
  SmokeWitness second;
  second.use(world.at("restored"));
  second.start();
  const auto held = second.post(world.log.request(5, 9).encode());
  REQUIRE(held->status == 503);
  CHECK_THAT(text_of(*held), ContainsSubstring("restored from a backup"));
  CHECK(second.get("/healthz").status == 503);
  CHECK_THAT(second.verb({"confirm"}).err, ContainsSubstring("stop the witness first"));
  CHECK(second.stop() == 0);
  const ChildResult nobody = second.verb({"confirm"});
  CHECK(nobody.exit_code == 1);
  CHECK_THAT(nobody.out, ContainsSubstring("stay held"));

  // The witness itself shows what it cosigned.
  const ChildResult confirmed = second.verb({"confirm", "--peer", world.witness.url()});
  INFO(confirmed.out << confirmed.err);
  REQUIRE(confirmed.exit_code == 0);
  CHECK_THAT(confirmed.out, ContainsSubstring("goes on from size 9 (was 5)"));
  second.start();
  CHECK(status_after(second, world.log.request(5, 7)) == 409);
  CHECK(status_after(second, world.log.request(9, 12)) == 200);
  CHECK(second.get("/" + origin_hash(world.log.origin) + "/checkpoint").status == 200);
  // It starts again, whatever it cosigned before the head that it took over.
  CHECK(second.stop() == 0);
  second.start();
  CHECK(status_after(second, world.log.request(12, 13)) == 200);
}

TEST_CASE("witness backup: a head in a file confirms, and the operator's word is taken by name") {
  BackupWorld world;
  REQUIRE(world.back_up("copy").exit_code == 0);
  REQUIRE(status_after(world.witness, world.log.request(5, 9)) == 200);
  const auto shown = world.witness.get("/" + origin_hash(world.log.origin) + "/checkpoint");
  write_text(world.at("head"), text_of(shown));
  write_text(world.at("bare"), world.log.note(world.log.text(9)));
  REQUIRE(world.restore("copy", "restored").exit_code == 0);
  SmokeWitness second;
  second.use(world.at("restored"));
  CosignWorld other;
  other.origin = "log.example/other";
  REQUIRE(second.verb({"add-log", other.key.vkey.text(), "--origin", other.origin}).exit_code == 0);
  CHECK(second.verb({"confirm", "--head", world.at("bare").string()}).exit_code == 2);
  CHECK(second.verb({"confirm", "--peer", "nonsense"}).exit_code == 2);
  CHECK(second.verb({"confirm", "--accept", "log.example/none"}).exit_code == 3);
  const ChildResult one = second.verb({"confirm", "--head", world.at("head").string()});
  CHECK(one.exit_code == 1);
  CHECK_THAT(one.out, ContainsSubstring("1 of 2 logs stay held"));
  CHECK(second.listed()[0]["held"] == false);
  CHECK(second.listed()[1]["held"] == true);
  CHECK(second.verb({"confirm", "--accept", other.origin}).exit_code == 0);
  second.start();
  CHECK(status_after(second, world.log.request(9, 12)) == 200);
  CHECK(status_after(second, other.request(0, 3)) == 200);
}

TEST_CASE("witness backup: a final one is gone on from exactly, by one folder") {
  BackupWorld world;
  CHECK_THAT(world.back_up("moved", true).err, ContainsSubstring("stop the witness first"));
  REQUIRE(world.witness.stop() == 0);
  const ChildResult made = world.back_up("moved", true);
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  const ChildResult run = world.witness.verb({"run"});
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.err, ContainsSubstring("was retired"));
  const ChildResult again = world.back_up("moved2", true);
  CHECK(again.exit_code == 1);
  CHECK_THAT(again.err, ContainsSubstring("was moved"));
  // Not even when the backup is somewhere else now.
  fs::rename(world.at("moved"), world.at("elsewhere"));
  CHECK(world.back_up("moved2", true).exit_code == 1);
  CHECK(world.back_up("moved2").exit_code == 1);

  const ChildResult restored = world.restore("elsewhere", "here");
  INFO(restored.err);
  REQUIRE(restored.exit_code == 0);
  CHECK_THAT(restored.out, ContainsSubstring("exactly"));
  SmokeWitness second;
  second.use(world.at("here"));
  second.start();
  CHECK(status_after(second, world.log.request(0, 9)) == 409);
  CHECK(status_after(second, world.log.request(5, 9)) == 200);
  CHECK(second.stop() == 0);
  // A second time it is an old copy as any other.
  const ChildResult twice = world.restore("elsewhere", "there");
  CHECK(twice.exit_code == 0);
  CHECK_THAT(twice.out, ContainsSubstring("restored before"));
  second.use(world.at("there"));
  second.start();
  CHECK(status_after(second, world.log.request(5, 9)) == 503);
}

TEST_CASE("witness backup: under load the copy is of one moment and opens") {
  BackupWorld world;
  std::thread load([&] {
    for (std::size_t size = 5; size < 70; ++size) {
      (void)world.witness.post(world.log.request(size, size + 1).encode());
    }
  });
  int made = 0;
  for (int i = 0; i < 4; ++i) {
    const ChildResult result = world.back_up("copy" + std::to_string(i));
    INFO(result.err);
    CHECK(result.exit_code == 0);
    made += result.exit_code == 0 ? 1 : 0;
  }
  load.join();
  for (int i = 0; i < made; ++i) {
    const std::string to = "restored" + std::to_string(i);
    REQUIRE(world.restore("copy" + std::to_string(i), to).exit_code == 0);
    const auto rows = world.listed(world.at(to));
    CHECK(rows[0]["size"] >= 5);
    SmokeWitness second;
    second.use(world.at(to));
    const ChildResult confirmed = second.verb({"confirm", "--peer", world.witness.url()});
    INFO(confirmed.out << confirmed.err);
    CHECK(confirmed.exit_code == 0);
    CHECK(second.listed()[0]["size"] == 70);
  }
}

TEST_CASE("witness backup: damaged, foreign and unfinished ones are refused by name") {
  BackupWorld world;
  REQUIRE(world.back_up("copy").exit_code == 0);
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(world.at("copy"))) {
    if (entry.is_regular_file()) files.push_back(fs::relative(entry.path(), world.at("copy")));
  }
  CHECK(files.size() >= 7);
  for (const fs::path& file : files) {
    INFO(file);
    fs::remove_all(world.at("bad"));
    fs::copy(world.at("copy"), world.at("bad"), fs::copy_options::recursive);
    std::string content = read_text(world.at("bad") / file);
    content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
    write_text(world.at("bad") / file, content);
    CHECK(world.restore("bad", "restored").exit_code == 1);
    fs::remove(world.at("bad") / file);
    CHECK(world.restore("bad", "restored").exit_code == 3);
    CHECK_FALSE(fs::exists(world.at("restored")));
    CHECK_FALSE(fs::exists(world.at(".restored.restoring")));
  }
  fs::rename(world.at("copy"), world.at(".copy.backup"));
  CHECK_THAT(world.restore(".copy.backup/", "restored").err, ContainsSubstring("interrupted"));
  CHECK(world.restore("none", "restored").exit_code == 3);
  CHECK(world.restore("witness", "restored").exit_code == 3);
  const ChildResult nowhere = run_witan({"witness", "backup", "--dir", world.at("none").string(),
                                         "--to", world.at("copy2").string()});
  CHECK(nowhere.exit_code == 3);
  write_text(world.at("file"), "x");
  CHECK(world.back_up("file").exit_code == 2);
}

TEST_CASE("witness: a whole folder put back is noticed where a peer shows newer heads of its own") {
  BackupWorld world;
  REQUIRE(world.witness.stop() == 0);
  const fs::path dir = world.witness.paths().dir;
  const auto copy = [](const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    fs::copy(from, to, fs::copy_options::recursive);
    for (const char* folder : {".", "data", "enclave"}) {
      fs::permissions(to / folder, fs::perms::owner_all);
    }
  };
  copy(dir, world.at("old"));
  world.witness.start();
  REQUIRE(status_after(world.witness, world.log.request(5, 9)) == 200);
  REQUIRE(world.witness.stop() == 0);
  SmokeWitness peer;  // shows what was cosigned last
  copy(dir, world.at("peer"));
  peer.use(world.at("peer"));
  peer.start();
  const auto ask_peers = [&] {
    const std::string toml = read_text(dir / "witness.toml");
    write_text(dir / "witness.toml",
               toml + "[peers]\nurls = [\"" + peer.url() + "\", \"http://127.0.0.1:1\"]\n");
  };
  ask_peers();
  world.witness.start();  // the newest folder
  REQUIRE(world.witness.stop() == 0);
  copy(world.at("old"), dir);
  ask_peers();
  const ChildResult refused = world.witness.verb({"run"});
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, ContainsSubstring("is an old copy"));
  CHECK_THAT(refused.err, ContainsSubstring("witan witness confirm"));
  // It stays so, whoever is asked.
  world.witness.start();
  CHECK(status_after(world.witness, world.log.request(5, 9)) == 503);
  REQUIRE(world.witness.stop() == 0);
  CHECK(world.witness.verb({"confirm", "--peer", peer.url()}).exit_code == 0);
  world.witness.start();
  CHECK(status_after(world.witness, world.log.request(9, 12)) == 200);
}

TEST_CASE("witness backup: a disk that takes no more bytes leaves nothing behind") {
  BackupWorld world;
  for (const std::string blocks : {"1", "40", "500"}) {  // of 1,024 bytes
    const auto limited =
        run_child({"/bin/bash", "-c",
                   "trap '' XFSZ; ulimit -f " + blocks + "; exec " + witan_program().string() +
                       " witness backup --dir " + world.witness.paths().dir.string() + " --to " +
                       world.at("copy").string()});
    REQUIRE(limited);
    INFO(limited->err);
    CHECK(limited->exit_code != 0);
    CHECK_FALSE(fs::exists(world.at("copy")));
    CHECK_FALSE(fs::exists(world.at(".copy.backup")));
  }
  CHECK(world.back_up("copy").exit_code == 0);
  CHECK(status_after(world.witness, world.log.request(5, 9)) == 200);
}

}  // namespace
}  // namespace witan::test
