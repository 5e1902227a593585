// A witness without an open port: `witan witness run` behind a bastion.
#include <csignal>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "config/witness_config.h"
#include "tests/support/catch.h"
#include "tests/support/test_bastion.h"
#include "tests/support/test_node.h"
#include "tests/witness/cosign_world.h"

namespace witan::test {
namespace {

nlohmann::json status_of_folder(const WitnessPaths& paths) {
  const ChildResult shown = run_witan({"witness", "status", "--json", "--dir", paths.dir.string()});
  INFO(shown.err);
  REQUIRE(shown.exit_code == 0);
  return nlohmann::json::parse(shown.out);
}

TEST_CASE("witness behind a bastion: no port is open, and it cosigns what the bastion forwards") {
  TestBastion bastion;
  const TempDir folder;
  const WitnessPaths paths{folder.path() / "witness"};
  CHECK(run_witan({"witness", "init", "--name", "w.test/1", "--dir", paths.dir.string(), "--listen",
                   "none"})
            .exit_code == 2);
  const ChildResult made =
      run_witan({"witness", "init", "--name", "w.test/1", "--dir", paths.dir.string(), "--listen",
                 "none", "--bastion", bastion.url(), "--json"});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  const std::string hash = nlohmann::json::parse(made.out)["bastion_key_hash"];
  CHECK(status_of_folder(paths)["bastion_key_hash"] == hash);
  std::string config = read_text(paths.config());
  const std::string url_line = "\nurl = \"" + bastion.url() + "\"\n";
  const std::size_t at = config.find(url_line);
  REQUIRE(at != std::string::npos);
  config.insert(at + url_line.size(), "ca = \"" + bastion.ca_file() + "\"\n");
  write_text(paths.config(), config);
  CosignWorld log;
  REQUIRE(run_witan({"witness", "add-log", "--dir", paths.dir.string(), log.key.vkey.text()})
              .exit_code == 0);

  auto child =
      Child::start({witan_program().string(), "witness", "run", "--dir", paths.dir.string()},
                   folder.at("witness.log"), {});
  REQUIRE(child);
  REQUIRE(eventually([&] { return bastion.connected() || !child->running(); }));
  INFO(read_text(folder.at("witness.log")));
  REQUIRE(bastion.connected());
  CHECK(bastion.key_hash() == hash);
  CHECK_FALSE(std::filesystem::exists(paths.address()));

  const H2Answer cosigned = bastion.get("POST", "/add-checkpoint", log.request(0, 5).encode(),
                                        {{"x-forwarded-for", "192.0.2.7"}});
  CHECK(cosigned.status == 200);
  const auto lines = parse_signature_lines(cosigned.body);
  REQUIRE(lines);
  CHECK(lines->size() == 1);
  const H2Answer conflict = bastion.get("POST", "/add-checkpoint", log.request(0, 7).encode());
  CHECK(conflict.status == 409);
  CHECK(conflict.body == "5\n");
  const std::string public_url = bastion.url() + "/" + hash + "/";
  const auto described = nlohmann::json::parse(bastion.get("GET", "/witness.v0.json").body);
  CHECK(described["submission_url"] == public_url);
  CHECK(described["monitoring_url"] == public_url);
  CHECK_THAT(bastion.get("GET", "/").body, ContainsSubstring(public_url));
  CHECK(nlohmann::json::parse(bastion.get("GET", "/status").body)["bastions"][0]["connected"] ==
        true);

  REQUIRE(eventually([&] {
    const auto status = status_of_folder(paths);
    return status["running"] == true && status["bastions"][0]["connected"] == true;
  }));
  CHECK(status_of_folder(paths)["bastions"][0]["public_url"] == public_url);
  bastion.stop();
  REQUIRE(eventually([&] { return status_of_folder(paths)["bastions"][0]["connected"] == false; }));
  bastion.start();
  REQUIRE(eventually([&] { return bastion.connected(); }));
  CHECK(bastion.get("POST", "/add-checkpoint", log.request(5, 9).encode()).status == 200);

  child->send(SIGTERM);
  REQUIRE(eventually([&] { return !child->running(); }));
  CHECK(child->wait() == 0);
  CHECK(status_of_folder(paths)["running"] == false);
  CHECK_FALSE(std::filesystem::exists(paths.bastions()));
}

}  // namespace
}  // namespace witan::test
