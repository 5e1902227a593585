// A witness that is told by nobody: it reads a node's checkpoint and tiles by itself, and lists of
// logs while it runs.
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/file.h"
#include "config/witness_config.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "node/http/client.h"
#include "tests/support/catch.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

class ReadingWitness {
 public:
  ReadingWitness() {
    const ChildResult made =
        verb({"init", "--name", "witness.test/reads", "--listen", "127.0.0.1:0"});
    if (made.exit_code != 0) throw std::runtime_error("witan witness init: " + made.err);
  }
  void configure(const std::vector<std::string>& lists) {
    const std::string file = paths().config().string();
    WitnessConfig config = WitnessConfig::parse(read_text(file), file).value();
    config.list_sources = lists;
    config.feed_every_s = 1;
    REQUIRE(write_file_atomic(file, config.encode(), 0644));
  }
  void start() {
    auto child =
        Child::start({witan_program().string(), "witness", "run", "--dir", paths().dir.string()},
                     folder_.at("witness.log"), {});
    if (!child) throw std::runtime_error(child.error().message);
    child_.emplace(std::move(*child));
    const bool serves =
        eventually([this] { return !read_text(paths().address()).empty() || !child_->running(); });
    if (!serves || !child_->running()) throw std::runtime_error("does not serve: " + printed());
  }
  int stop() {
    child_->send(SIGTERM);
    if (!eventually([this] { return !child_->running(); })) throw std::runtime_error("runs on");
    return child_->wait();
  }
  [[nodiscard]] ChildResult verb(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "witness");
    arguments.insert(arguments.end(), {"--dir", paths().dir.string()});
    return run_witan(arguments);
  }
  [[nodiscard]] nlohmann::json json_of(const std::string& name) const {
    return nlohmann::json::parse(verb({name, "--json"}).out);
  }
  [[nodiscard]] http::ClientResponse get(const std::string& target) const {
    std::string url = read_text(paths().address());
    url.pop_back();
    return http::Client::make(url).value()->get(target).value();
  }
  [[nodiscard]] WitnessPaths paths() const { return {folder_.path() / "witness"}; }
  [[nodiscard]] const TempDir& folder() const { return folder_; }
  [[nodiscard]] std::string printed() const { return read_text(folder_.at("witness.log")); }

 private:
  TempDir folder_;
  std::optional<Child> child_;
};

TEST_CASE("witness feed smoke: a witness follows a node that does not know it") {
  TestNode node;
  node.start();
  ReadingWitness witness;
  witness.configure({});
  witness.start();
  std::string vkey = read_text(node.paths().log_key());
  vkey = vkey.substr(0, vkey.find('\n'));
  // Added while it runs.
  const ChildResult added = witness.verb({"add-log", vkey, "--url", node.url(), "--every", "1"});
  INFO(added.err);
  REQUIRE(added.exit_code == 0);
  CHECK_THAT(added.out, ContainsSubstring(node.url()));
  const auto follows = [&] {
    return eventually([&] {
      const http::ClientResponse shown = node.get("/checkpoint");
      const http::ClientResponse kept =
          witness.get("/" + origin_hash(TestNode::kOrigin) + "/checkpoint");
      if (shown.status != 200 || kept.status != 200) return false;
      const auto ours = Note::parse(text_of(kept));
      const auto theirs = Note::parse(text_of(shown));
      return ours && theirs && ours->text == theirs->text;
    });
  };
  REQUIRE(follows());
  for (int i = 0; i < 3; ++i) {
    REQUIRE(node.post(node.issuer().statement("statement " + std::to_string(i))).status == 201);
    CHECK(follows());
  }
  const auto row = witness.json_of("list")[0];
  CHECK(row["feed"]["url"] == node.url());
  CHECK(row["feed"]["every_s"] == 1);
  const auto feeding = witness.json_of("status")["feeding"];
  CHECK(feeding["logs"] == 1);
  CHECK(feeding["readings"]["cosigned"] >= 4);
  CHECK(feeding["alarms"].empty());
  CHECK(witness.get("/").status == 200);
  CHECK(witness.verb({"add-log", vkey, "--no-url"}).exit_code == 0);
  CHECK_FALSE(witness.json_of("list")[0].contains("feed"));
  CHECK(eventually([&] { return witness.json_of("status")["feeding"]["logs"] == 0; }));
  CHECK(witness.verb({"add-log", vkey, "--every", "5"}).exit_code == 2);
  CHECK(witness.verb({"add-log", vkey, "--url", "log.example"}).exit_code == 2);
  CHECK(witness.stop() == 0);
  CHECK(node.stop() == 0);
}

TEST_CASE("witness feed smoke: lists of three forms are read by a running witness") {
  ReadingWitness witness;
  const auto vkey = [](const std::string& name, std::uint8_t seed) {
    return VerifierKey::make(name, NoteAlgorithm::kEd25519, Bytes(32, seed)).value().text();
  };
  const std::string key = vkey("a.example", 7);
  write_text(witness.paths().dir / "own.txt", "logs/v0\nvkey " + key + "\n");
  write_text(witness.folder().at("policy"), "log " + std::string(64, 'a') + "\n");
  write_text(witness.folder().at("logs.yaml"),
             "Logs:\n  - Origin: other\n    PublicKey: " + key + "\n");
  witness.configure({"own.txt", witness.folder().at("policy"), witness.folder().at("none")});
  witness.start();
  REQUIRE(eventually([&] { return witness.json_of("list").size() == 2; }));
  REQUIRE(eventually([&] {
    const auto lists = witness.json_of("status")["lists"];
    return lists.size() == 3 && lists[0]["error"] != "" && lists[2]["read_at_s"] > 0;
  }));
  const auto lists = witness.json_of("status")["lists"];
  CHECK(lists[2]["source"] == "own.txt");
  CHECK(lists[2]["logs"] == 1);
  CHECK_THAT(witness.verb({"status"}).out, ContainsSubstring("cannot be read"));
  CHECK_THAT(text_of(witness.get("/")), ContainsSubstring("own.txt"));
  CHECK(nlohmann::json::parse(text_of(witness.get("/status")))["lists"].size() == 3);
  CHECK(witness.verb({"pull-logs", witness.folder().at("logs.yaml")}).exit_code == 0);
  CHECK(witness.verb({"pull-logs", "--format", "sigsum", witness.folder().at("logs.yaml")})
            .exit_code == 1);
  CHECK(witness.json_of("list").size() == 3);
  CHECK(witness.stop() == 0);
  // Another key for a known log: seen again at the next start, and said loudly.
  write_text(witness.paths().dir / "own.txt", "logs/v0\nvkey " + vkey("a.example", 8) + "\n");
  witness.start();
  REQUIRE(eventually([&] { return witness.json_of("status")["lists"][2]["key_changes"] == 1; }));
  CHECK_THAT(witness.verb({"status"}).out, ContainsSubstring("another key"));
  CHECK_THAT(text_of(witness.get("/")), ContainsSubstring("1 changed keys"));
  CHECK_THAT(witness.printed(), ContainsSubstring("a list has another key for a known log"));
  CHECK(witness.stop() == 0);
}

}  // namespace
}  // namespace witan::test
