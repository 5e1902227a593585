// The main job from the command line: make a log, run it, sign, register, hold a receipt; with TLS
// and tokens too. What has to work on every system that Witan is built for.
#include <chrono>
#include <filesystem>
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "ledger/crypto/private_key.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/problem_details.h"
#include "ledger/format/receipt.h"
#include "ledger/format/tlog_proof.h"
#include "ledger/tree/proof.h"
#include "tests/ledger/registration/certificate_maker.h"
#include "tests/support/catch.h"
#include "tests/support/log_observer.h"
#include "tests/support/test_node.h"
#include "tests/support/vectors.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;

std::string signed_file(const TempDir& folder, const std::string& key, const std::string& issuer,
                        const std::string& name) {
  write_text(folder.at(name), "the artifact " + name);
  const ChildResult sign =
      run_witan({"sign", "--key", key, "--issuer", issuer, "--subject", name, "--hash-envelope",
                 folder.at(name), "-o", folder.at(name + ".statement")});
  INFO(sign.err);
  REQUIRE(sign.exit_code == 0);
  return folder.at(name + ".statement");
}

TEST_CASE("smoke: evidence of the enclave is fetched, and verified offline") {
  TestNode node;
  node.start();
  const auto status = nlohmann::json::parse(node.get("/status").body);
  const std::string vkey = status.at("log_key");
  const std::string file = node.folder().at("log.evidence");
  const std::string nonce(64, '7');
  const ChildResult fetched =
      run_witan({"attest", "fetch", "--node", node.url(), "--nonce", nonce, "-o", file});
  INFO(fetched.err);
  REQUIRE(fetched.exit_code == 0);
  CHECK_THAT(fetched.out, ContainsSubstring("not verified yet"));
  node.stop();

  const ChildResult good =
      run_witan({"attest", "verify", file, "--log-key", vkey, "--nonce", nonce});
  INFO(good.err);
  REQUIRE(good.exit_code == 0);
  for (const char* said : {"process", TestNode::kOrigin, "size 2"}) {
    CHECK_THAT(good.out, ContainsSubstring(said));
  }
  const ChildResult stale =
      run_witan({"attest", "verify", file, "--log-key", vkey, "--nonce", std::string(64, '8')});
  CHECK(stale.exit_code == 1);
  CHECK_THAT(stale.err, ContainsSubstring("nonce"));
  const ChildResult unasked = run_witan({"attest", "verify", file, "--log-key", vkey});
  CHECK(unasked.exit_code == 0);
  CHECK_THAT(unasked.out, ContainsSubstring("not checked"));

  const std::string trust = node.folder().at("trust.toml");
  write_text(node.folder().at("log.policy"), "log " + vkey + "\nquorum none\n");
  write_text(trust, "[log]\ntlog_policy_file = \"log.policy\"\nlowest_grade = \"tpm\"\n");
  const ChildResult low = run_witan({"attest", "verify", file, "--policy", trust});
  CHECK(low.exit_code == 1);
  CHECK_THAT(low.err, ContainsSubstring("grade process, the policy asks for at least tpm"));

  std::string bytes = read_text(file);
  bytes[bytes.size() / 2] ^= 1;
  write_text(file, bytes);
  CHECK(run_witan({"attest", "verify", file, "--log-key", vkey}).exit_code == 1);
  write_text(file, "no evidence");
  CHECK(run_witan({"attest", "verify", file, "--log-key", vkey}).exit_code == 1);
  CHECK(run_witan({"attest", "verify", node.folder().at("none"), "--log-key", vkey}).exit_code ==
        3);
}

TEST_CASE("smoke: a SEV-SNP report is recognised, and verified at the time it was made") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "SEV-SNP report skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const fs::path folder = *vectors / "attestation" / "snp-aci-attested-cose";
  const std::string report = folder / "20260302.report.bin";
  const std::string chain = folder / "20260302.vcek-ask-ark.pem";
  const ChildResult good = run_witan(
      {"attest", "verify", report, "--endorsements", chain, "--at", "2026-03-03", "--json"});
  INFO(good.err);
  REQUIRE(good.exit_code == 0);
  CHECK(nlohmann::json::parse(good.out).at("product") == "Genoa");
  const ChildResult late = run_witan(
      {"attest", "verify", report, "--endorsements", chain, "--at", "2060-01-01T00:00:00Z"});
  CHECK(late.exit_code == 1);
  CHECK(run_witan({"attest", "verify", report}).exit_code == 2);
  CHECK(run_witan({"attest", "verify", report, "--at", "soon"}).exit_code == 2);
  const fs::path debug = *vectors / "attestation" / "snp-milan-v2";
  const ChildResult refused =
      run_witan({"attest", "verify", debug / "report.bin", "--endorsements", debug / "vcek.der",
                 "--endorsements", debug / "ask-ark.pem", "--at", "2026-03-03"});
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, ContainsSubstring("debug"));
}

TEST_CASE("smoke: keygen, init, node, sign, submit, receipt, restart") {
  TempDir keys;
  for (const std::string algorithm : {"ed25519", "es256", "es384"}) {
    REQUIRE(run_witan({"keygen", "--out", keys.at(algorithm), "--alg", algorithm}).exit_code == 0);
    CHECK((fs::status(keys.at(algorithm)).permissions() & fs::perms::all) ==
          (fs::perms::owner_read | fs::perms::owner_write));
  }
  CHECK(run_witan({"keygen", "--out", keys.at("es256")}).exit_code != 0);

  TestNode node({"--issuer", "https://a.test=" + keys.at("ed25519.pub"), "--issuer",
                 "https://b.test=" + keys.at("es256.pub"), "--issuer",
                 "https://c.test=" + keys.at("es384.pub")});
  node.start();
  LogObserver observer(node.paths());
  std::vector<std::string> ids;
  for (const auto& [issuer, key] :
       {std::pair{"https://a.test", "ed25519"}, std::pair{"https://b.test", "es256"},
        std::pair{"https://c.test", "es384"}}) {
    INFO(key);
    const std::string file = signed_file(node.folder(), keys.at(key), issuer, key);
    const ChildResult submit =
        run_witan({"submit", "--node", node.url(), file, "-o", file + ".receipt"});
    INFO(submit.err);
    REQUIRE(submit.exit_code == 0);
    ids.push_back(id_of(as_bytes(read_text(file))));
    CHECK(observer.check_receipt(as_bytes(read_text(file + ".receipt")), ids.back()));
    const ChildResult receipt =
        run_witan({"receipt", "--node", node.url(), "--id", ids.back(), "-o", file + ".again"});
    CHECK(receipt.exit_code == 0);
    CHECK(read_text(file + ".again") == read_text(file + ".receipt"));
  }
  CHECK(run_witan({"status", "--dir", node.paths().dir.string(), "--json"}).exit_code == 0);

  // A stranger's statement is refused by name.
  REQUIRE(run_witan({"keygen", "--out", keys.at("stranger")}).exit_code == 0);
  const std::string file =
      signed_file(node.folder(), keys.at("stranger"), "https://stranger.test", "stranger");
  const ChildResult refused =
      run_witan({"submit", "--node", node.url(), file, "-o", file + ".receipt"});
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, ContainsSubstring("issuer.name"));
  CHECK_THAT(refused.err, ContainsSubstring("https://stranger.test"));
  CHECK_FALSE(fs::exists(file + ".receipt"));

  REQUIRE(observer.look(*node.client()));
  CHECK(node.stop() == 0);
  CHECK_FALSE(fs::exists(node.paths().dir / "address"));
  CHECK(run_witan({"submit", "--node", node.url(), file, "-o", file + ".r"}).exit_code == 3);
  node.start();
  const auto client = node.client();
  CHECK(observer.look(*client));
  const auto all = observer.audit(*client);
  REQUIRE(all);
  CHECK(all->size() == 5);
  for (const std::string& id : ids) CHECK(observer.receipt(*client, id));
}

TEST_CASE("smoke: a transparent statement and a tlog-proof prove the same registration") {
  TestNode node;
  node.start();
  LogObserver observer(node.paths());
  const Bytes statement = node.issuer().statement("to be proven");
  const std::string id = id_of(statement);
  const auto registered = node.post(statement);
  REQUIRE(registered.status == 201);
  CHECK(registered.header("location") == "/entries/" + id);
  CHECK(registered.header("content-type") == "application/cose");
  CHECK(observer.check_receipt(registered.body, id));

  const auto transparent = node.get("/entries/" + id + "/statement");
  REQUIRE(transparent.status == 200);
  const auto parsed = Statement::parse(transparent.body, transparent.body.size());
  REQUIRE(parsed);
  CHECK(hex_encode(parsed->entry()) == id);
  const auto receipts = parsed->receipts();
  REQUIRE(receipts);
  REQUIRE(receipts->size() == 1);
  CHECK(receipts->front() == registered.body);
  // Its receipts are not part of what it states: posting it again finds the same entry.
  const auto again = node.post(transparent.body);
  CHECK(again.status == 201);
  CHECK(again.body == registered.body);

  const auto text = node.get("/entries/" + id + ".tlog-proof");
  REQUIRE(text.status == 200);
  const auto proof = TlogProof::parse(text_of(text));
  REQUIRE(proof);
  const auto note = Note::parse(proof->checkpoint);
  REQUIRE(note);
  CHECK(verify_note(*note, observer.log_key()));
  const auto checkpoint = Checkpoint::parse(note->text);
  REQUIRE(checkpoint);
  CHECK(verify_inclusion(proof->index, checkpoint->size, leaf_hash(parsed->entry()), proof->path,
                         checkpoint->root));
}

TEST_CASE("smoke: a node with TLS and tokens") {
  TestNode node;
  const PrivateKey key = PrivateKey::generate(KeyKind::kP256).value();
  CertificateRequest request;
  request.name = "127.0.0.1";
  request.extensions = {{"basicConstraints", "critical,CA:TRUE"},
                        {"subjectAltName", "IP:127.0.0.1"}};
  write_text(node.paths().dir / "chain.pem",
             pem_of(make_certificate(request, key, request.name, key)));
  write_text(node.paths().dir / "tls.pem", key.to_pem());
  fs::permissions(node.paths().dir / "tls.pem", fs::perms::owner_read | fs::perms::owner_write);
  node.edit_config([](NodeConfig& config) {
    config.tls_certificate = "chain.pem";
    config.tls_key = "tls.pem";
    config.tokens = {{"farm", hex_encode(sha256(as_bytes("open sesame")))}};
  });
  node.start();
  CHECK(node.url().substr(0, 8) == "https://");
  CHECK(node.get("/checkpoint").status == 0);  // an unknown certificate is not trusted

  http::ClientOptions options;
  options.ca_file = (node.paths().dir / "chain.pem").string();
  const auto client = http::Client::make(node.url(), options);
  REQUIRE(client);
  const Bytes statement = node.issuer().statement("over TLS");
  const auto post = [&](const std::string& authorization) {
    std::vector<std::pair<std::string, std::string>> headers;
    if (!authorization.empty()) headers.emplace_back("Authorization", authorization);
    auto response = (*client)->post("/entries", statement, "application/cose", headers);
    if (!response) FAIL(response.error().message);
    return std::move(*response);
  };
  const auto without = post("");
  CHECK(without.status == 401);
  CHECK(without.header("www-authenticate") == "Bearer");
  CHECK(post("Bearer guessed").status == 401);
  CHECK(post("Basic open sesame").status == 401);
  CHECK(post("Bearer open sesame").status == 201);
  CHECK((*client)->get("/entries/" + id_of(statement))->status == 200);

  write_text(node.folder().at("token"), "open sesame\n");
  fs::permissions(node.folder().at("token"), fs::perms::owner_read | fs::perms::owner_write);
  write_text(node.folder().at("tls.statement"), std::string(as_text(statement)));
  const ChildResult submit = run_witan(
      {"submit", "--node", node.url(), "--ca", *options.ca_file, "--token-file",
       node.folder().at("token"), node.folder().at("tls.statement"), "-o", node.folder().at("r")});
  INFO(submit.err);
  CHECK(submit.exit_code == 0);
}

TEST_CASE("smoke: the demo runs to its end, in time") {
  const auto start = std::chrono::steady_clock::now();
  const ChildResult demo = run_witan({"demo"});
  const auto time = std::chrono::steady_clock::now() - start;
  INFO(demo.out << demo.err);
  CHECK(demo.exit_code == 0);
  CHECK_THAT(demo.out, ContainsSubstring("quorum \"two\" is met by"));
  CHECK_THAT(demo.out, ContainsSubstring("its receipt was not ready within 2 s"));
  CHECK_THAT(demo.out, ContainsSubstring("everything holds"));
  CHECK_THAT(demo.out, ContainsSubstring("east answers status 422"));
  if (!kSanitized) CHECK(time < std::chrono::seconds(45));
}

}  // namespace
}  // namespace witan::test
