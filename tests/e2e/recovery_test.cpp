// What the node does when its enclave dies or cannot start, and when one half of its folder was put
// back to an older state.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <random>
#include <string>

#include "ledger/crypto/private_key.h"
#include "tests/ledger/registration/certificate_maker.h"
#include "tests/support/catch.h"
#include "tests/support/load.h"
#include "tests/support/log_observer.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;

void replace_folder(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
  fs::permissions(to, fs::perms::owner_all);
}

TEST_CASE("kill -9 of the enclave under load: the node starts it again and loses nothing") {
  TestNode node;
  node.start();
  LogObserver observer(node.paths());
  std::mt19937 random(3);
  Load load(node.url(), node.issuer(), "load", 4);
  const unsigned kills = kSanitized ? 3 : 10;
  for (unsigned i = 0; i < kills; ++i) {
    INFO("kill " << i);
    REQUIRE(load.wait_for(load.count() + 1 + random() % 20));
    const pid_t enclave = node.enclave_pid();
    REQUIRE(enclave > 0);
    REQUIRE(::kill(enclave, SIGKILL) == 0);
    REQUIRE(eventually([&] {
      const pid_t now = node.enclave_pid();
      return now > 0 && now != enclave;
    }));
  }
  REQUIRE(load.wait_for(load.count() + 20));
  load.stop();
  CHECK(load.surprises().empty());
  CHECK(node.running());
  CHECK(node.get("/healthz").status == 200);
  const auto client = node.client();
  const auto ids = observer.audit(*client);
  REQUIRE(ids);
  for (const auto& [id, receipt] : load.acknowledged()) {
    CHECK(ids->count(id) == 1);
    CHECK(observer.check_receipt(receipt, id));
  }
  CHECK(node.audit() == "");
}

TEST_CASE("an enclave that cannot start again: healthz says why, and it goes on afterwards") {
  TestNode node;
  node.start();
  const fs::path state = node.paths().enclave() / "state";
  const fs::path aside = node.folder().path() / "state.aside";
  REQUIRE(node.post(node.issuer().statement("before")).status == 201);
  // A state of another length is refused by the enclave, as a damaged disk would be.
  fs::copy_file(state, aside);
  fs::remove(state);
  write_text(state, "short");
  fs::permissions(state, fs::perms::owner_read | fs::perms::owner_write);
  REQUIRE(::kill(node.enclave_pid(), SIGKILL) == 0);

  http::ClientResponse health;
  REQUIRE(eventually([&] { return (health = node.get("/healthz")).status == 503; }));
  CHECK_THAT(text_of(health), ContainsSubstring("signing: "));
  CHECK_THAT(text_of(health), ContainsSubstring("cannot be started again"));
  CHECK_THAT(text_of(health), ContainsSubstring("bytes, expected"));
  CHECK_THAT(text_of(node.get("/status")), ContainsSubstring("\"signing\": false"));
  // Reading goes on; a statement is kept and gets its receipt later.
  CHECK(node.get("/checkpoint").status == 200);
  const Bytes meanwhile = node.issuer().statement("meanwhile");
  const auto accepted =
      node.client()->post("/entries", meanwhile, "application/cose", {{"Prefer", "respond-async"}});
  REQUIRE(accepted);
  CHECK(accepted->status == 202);
  CHECK(node.get("/entries/" + id_of(meanwhile)).status == 204);

  fs::rename(aside, state);
  REQUIRE(eventually([&] { return node.get("/healthz").status == 200; }));
  REQUIRE(eventually([&] { return node.get("/entries/" + id_of(meanwhile)).status == 200; }));
  CHECK_THAT(node.printed(), ContainsSubstring("the enclave does not sign"));
  CHECK_THAT(node.printed(), ContainsSubstring("the enclave signs again"));
}

TEST_CASE("an older copy of the data or of the enclave's state is refused, and says which") {
  TestNode node;
  node.start();
  REQUIRE(node.post(node.issuer().statement("first")).status == 201);
  REQUIRE(node.stop() == 0);
  const fs::path old_data = node.folder().path() / "old-data";
  const fs::path old_enclave = node.folder().path() / "old-enclave";
  const fs::path new_data = node.folder().path() / "new-data";
  const fs::path new_enclave = node.folder().path() / "new-enclave";
  replace_folder(node.paths().data(), old_data);
  replace_folder(node.paths().enclave(), old_enclave);
  node.start();
  REQUIRE(node.post(node.issuer().statement("second")).status == 201);
  REQUIRE(node.stop() == 0);
  replace_folder(node.paths().data(), new_data);
  replace_folder(node.paths().enclave(), new_enclave);

  replace_folder(old_data, node.paths().data());
  const ChildResult stale_data = node.start_in_vain();
  CHECK(stale_data.exit_code != 0);
  CHECK_THAT(stale_data.err, ContainsSubstring("the store is older than the enclave's state"));

  replace_folder(new_data, node.paths().data());
  replace_folder(old_enclave, node.paths().enclave());
  const ChildResult stale_enclave = node.start_in_vain();
  CHECK(stale_enclave.exit_code != 0);
  CHECK_THAT(stale_enclave.err,
             ContainsSubstring("the enclave's state is older than the published"));

  replace_folder(new_enclave, node.paths().enclave());
  node.start();
  CHECK(node.post(node.issuer().statement("third")).status == 201);
}

TEST_CASE("a second node on the same folder is refused and names the first one's process") {
  TestNode node;
  node.start();
  const ChildResult second = node.start_in_vain();
  CHECK(second.exit_code != 0);
  CHECK_THAT(second.err, ContainsSubstring("in use by process " + std::to_string(node.pid())));
  CHECK(node.post(node.issuer().statement("undisturbed")).status == 201);
}

TEST_CASE("a key that others may read is refused, with the command that repairs it") {
  TestNode node;
  const auto open_to_all = fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read |
                           fs::perms::others_read;
  const auto mine = fs::perms::owner_read | fs::perms::owner_write;
  write_text(node.folder().at("file"), "artifact");

  fs::permissions(node.paths().operator_key(), open_to_all);
  const ChildResult sign = run_witan({"sign", "--key", node.paths().operator_key().string(),
                                      "--issuer", "https://a.test", "--subject", "x",
                                      node.folder().at("file"), "-o", node.folder().at("out")});
  CHECK(sign.exit_code != 0);
  CHECK_THAT(sign.err, ContainsSubstring("operator.pem: mode 0644"));
  CHECK_THAT(sign.err, ContainsSubstring("chmod 0600"));
  CHECK_FALSE(fs::exists(node.folder().at("out")));

  const fs::path machine = node.paths().enclave() / "machine.key";
  fs::permissions(machine, open_to_all);
  const ChildResult enclave = node.start_in_vain();
  CHECK(enclave.exit_code != 0);
  CHECK_THAT(enclave.err, ContainsSubstring("machine.key has mode 0644, expected 0600"));
  fs::permissions(machine, mine);

  fs::copy_file(node.paths().operator_key(), node.paths().dir / "tls.pem");
  fs::permissions(node.paths().dir / "tls.pem", open_to_all);
  const PrivateKey key = PrivateKey::generate(KeyKind::kP256).value();
  write_text(node.paths().dir / "chain.pem", pem_of(make_certificate({}, key, "Leaf", key)));
  node.edit_config([](NodeConfig& config) {
    config.tls_certificate = "chain.pem";
    config.tls_key = "tls.pem";
  });
  const ChildResult tls = node.start_in_vain();
  CHECK(tls.exit_code != 0);
  CHECK_THAT(tls.err, ContainsSubstring("tls.pem: mode 0644"));
}

}  // namespace
}  // namespace witan::test
