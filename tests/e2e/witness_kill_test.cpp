// Killed before and in the middle of every single change to its files, a witness and its signer
// forget nothing that was signed and contradict nothing; backup and restore leave all or nothing.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "tests/e2e/smoke_witness.h"
#include "tests/support/catch.h"
#include "tests/witness/cosign_world.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;

// For a run in which `program` is killed at its n-th step.
std::map<std::string, std::string> kill_settings(const std::string& program, unsigned step,
                                                 const fs::path& watched, const fs::path& once) {
  const fs::path library = fs::path(WITAN_BINARY_DIR) / "lib" / "libkiller_preload.so";
  return {{"LD_PRELOAD", library.string()},
          {"WITAN_KILL_PROGRAM", program},
          {"WITAN_KILL_AT", std::to_string(step)},
          {"WITAN_KILL_FOLDER", watched.string()},
          {"WITAN_KILL_ONCE", once.string()}};
}

bool kills_skipped() {
  if (kSanitized) std::cout << "kills: skipped, a sanitizer's runtime wants to be loaded first\n";
  return kSanitized;
}

// A log that grows by one at a witness that is killed meanwhile.
class KilledWitness {
 public:
  KilledWitness() {
    if (witness_.verb({"add-log", log_.key.vkey.text()}).exit_code != 0) {
      throw std::runtime_error("add-log");
    }
  }

  // Whether it was killed: it has fewer steps otherwise.
  bool round(const std::string& program, unsigned step) {
    const fs::path once = witness_.folder().path() / ("once" + std::to_string(++rounds_));
    const auto settings = kill_settings(program, step, witness_.paths().dir, once);
    if (witness_.try_start(settings)) {
      for (int i = 0; i < 2; ++i) {
        const auto answer = witness_.post(log_.request(stands_, stands_ + 1).encode());
        if (!answer || answer->status != 200) break;
        ++stands_;
      }
      witness_.kill_hard();
    }
    return fs::exists(once);
  }

  // What is wrong after a start without a killer; empty when nothing is.
  std::string audit() {
    if (!witness_.try_start()) return "does not start: " + witness_.printed();
    const auto conflict = witness_.post(log_.request(69, 70).encode());
    std::string wrong;
    std::size_t stands = 0;
    if (!conflict || conflict->status != 409) {
      wrong = "no answer to a stale size";
    } else {
      stands = std::stoul(text_of(*conflict));
    }
    // The one that was under way may have been signed; nothing that was answered is lost.
    if (wrong.empty() && (stands < stands_ || stands > stands_ + 1)) {
      wrong = "stands at " + std::to_string(stands) + ", answered was " + std::to_string(stands_);
    }
    if (wrong.empty() && stands > 0) wrong = check_kept(stands);
    stands_ = stands;
    witness_.kill_hard();
    return wrong;
  }

  [[nodiscard]] std::size_t stands() const { return stands_; }

 private:
  std::string check_kept(std::size_t stands) {
    const auto kept = witness_.get("/" + origin_hash(log_.origin) + "/checkpoint");
    const auto note = Note::parse(text_of(kept));
    if (kept.status != 200 || !note) return "nothing is kept at size " + std::to_string(stands);
    const bool whole = note->text == log_.text(stands) && verify_note(*note, witness_.vkey()) &&
                       verify_note(*note, log_.key.vkey);
    return whole ? "" : "what is kept is not what was signed at " + std::to_string(stands);
  }

  SmokeWitness witness_;
  CosignWorld log_;
  std::size_t stands_ = 0;
  unsigned rounds_ = 0;
};

TEST_CASE("killed at any step of the witness or its signer, nothing signed is lost") {
  if (kills_skipped()) return;
  for (const std::string program : {"witan", "witan-enclave"}) {
    KilledWitness world;
    unsigned step = 1;
    for (; step < 60 && world.stands() < 66; ++step) {
      INFO(program << " killed at step " << step);
      const bool killed = world.round(program, step);
      const std::string wrong = world.audit();
      if (!wrong.empty()) FAIL(wrong);
      if (!killed) break;
    }
    std::cout << program << ": killed at each of " << step - 1 << " steps\n";
    CHECK(step > 8);
    CHECK(world.stands() < 66);
  }
}

// A verb that makes a folder, killed at each step (of many writes, not at all): there is no folder
// afterwards, or a whole one.
struct KilledVerb {
  SmokeWitness witness;
  CosignWorld log;

  KilledVerb() {
    if (witness.verb({"add-log", log.key.vkey.text()}).exit_code != 0) {
      throw std::runtime_error("add-log");
    }
    witness.start();
    if (witness.post(log.request(0, 5).encode())->status != 200) throw std::runtime_error("post");
    if (witness.stop() != 0) throw std::runtime_error("stop");
  }
  [[nodiscard]] std::string at(const std::string& name) const { return witness.folder().at(name); }

  // Whether it was killed.
  bool run(const std::vector<std::string>& arguments, unsigned step) const {
    const std::string once = at("once");
    fs::remove(once);
    std::vector<std::string> command = {witan_program().string(), "witness"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    auto child = Child::start(command, at("verb.log"),
                              kill_settings("witan", step, witness.folder().path(), once));
    if (!child) throw std::runtime_error(child.error().message);
    child->wait();
    return fs::exists(once);
  }
  static unsigned next(unsigned step) { return step + 1 + step / 6; }
};

TEST_CASE("killed at any step of a backup, there is a whole one or none") {
  if (kills_skipped()) return;
  KilledVerb world;
  const std::string dir = world.witness.paths().dir.string(), to = world.at("copy");
  unsigned kills = 0, whole = 0;
  for (unsigned step = 1; world.run({"backup", "--dir", dir, "--to", to}, step);
       step = KilledVerb::next(step)) {
    INFO("step " << step);
    ++kills;
    if (!fs::exists(to)) continue;
    ++whole;
    const std::string back = world.at("back");
    CHECK(run_witan({"witness", "restore", "--from", to, "--dir", back}).exit_code == 0);
    fs::remove_all(back);
    fs::remove_all(to);
  }
  std::cout << "backup: killed " << kills << " times, " << whole << " were whole\n";
  CHECK(kills > 10);
  CHECK(run_witan({"witness", "restore", "--from", to, "--dir", world.at("back")}).exit_code == 0);
  CHECK(world.witness.listed()[0]["size"] == 5);
}

TEST_CASE("killed at any step of a move, one folder at most can sign, and the move can be ended") {
  if (kills_skipped()) return;
  KilledVerb world;
  const fs::path dir = world.witness.paths().dir, spare = world.at("spare");
  fs::copy(dir, spare, fs::copy_options::recursive);
  const std::string to = world.at("moved"), back = world.at("back");
  unsigned kills = 0;
  for (unsigned step = 1;; step = KilledVerb::next(step)) {
    INFO("step " << step);
    const bool killed = world.run({"backup", "--final", "--dir", dir.string(), "--to", to}, step);
    kills += killed ? 1 : 0;
    const bool retired = fs::exists(dir / "enclave" / "retired");
    CHECK((retired || !fs::exists(to)));
    if (!fs::exists(to)) {
      CHECK(run_witan({"witness", "backup", "--final", "--dir", dir.string(), "--to", to})
                .exit_code == 0);
    }
    CHECK(run_witan({"witness", "run", "--dir", dir.string()}).exit_code == 1);
    CHECK(run_witan(
              {"witness", "backup", "--final", "--dir", dir.string(), "--to", world.at("moved2")})
              .exit_code == 1);
    const ChildResult restored =
        run_witan({"witness", "restore", "--from", to, "--dir", back, "--json"});
    CHECK_THAT(restored.out, ContainsSubstring("\"cosigned\""));
    fs::remove_all(back);
    fs::remove_all(to);
    fs::remove_all(dir);
    fs::copy(spare, dir, fs::copy_options::recursive);
    for (const char* folder : {".", "data", "enclave"}) {
      fs::permissions(dir / folder, fs::perms::owner_all);
    }
    if (!killed) break;
  }
  std::cout << "move: killed " << kills << " times\n";
  CHECK(kills > 10);
}

TEST_CASE("killed at any step of a restore, there is a whole folder or none, and one that signs") {
  if (kills_skipped()) return;
  KilledVerb world;
  const std::string dir = world.witness.paths().dir.string(), to = world.at("moved");
  REQUIRE(run_witan({"witness", "backup", "--final", "--dir", dir, "--to", to}).exit_code == 0);
  const std::string back = world.at("back"), used = world.at("moved") + "/restored";
  unsigned kills = 0;
  for (unsigned step = 1;; step = KilledVerb::next(step)) {
    INFO("step " << step);
    const bool killed = world.run({"restore", "--from", to, "--dir", back}, step);
    kills += killed ? 1 : 0;
    if (!fs::exists(back)) {
      // The same again ends it, as if nothing had happened.
      const ChildResult again =
          run_witan({"witness", "restore", "--from", to, "--dir", back, "--json"});
      CHECK_THAT(again.out, ContainsSubstring("\"cosigned\""));
    }
    CHECK(fs::exists(used));
    CHECK_FALSE(fs::exists(fs::path(back) / "enclave" / "held"));
    const ChildResult second =
        run_witan({"witness", "restore", "--from", to, "--dir", world.at("second"), "--json"});
    CHECK_THAT(second.out, ContainsSubstring("\"held\""));
    fs::remove_all(world.at("second"));
    fs::remove_all(back);
    fs::remove(used);
    if (!killed) break;
  }
  std::cout << "restore: killed " << kills << " times\n";
  CHECK(kills > 10);
}

}  // namespace
}  // namespace witan::test
