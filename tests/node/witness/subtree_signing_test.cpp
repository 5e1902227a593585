// A witness with an ML-DSA-44 key over HTTP: two lines, and subtrees.
#include "node/witness/subtree_signing.h"

#include <iostream>
#include <memory>
#include <string>

#include "enclave/in_process.h"
#include "ledger/crypto/ml_dsa.h"
#include "node/http/client.h"
#include "node/http/server.h"
#include "node/witness/witness_api.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/witness/subtree_world.h"

namespace witan::test {
namespace {

// Store, signer, service, paths and server of a witness with both keys.
class TwoKeyWitnessServer {
 public:
  TwoKeyWitnessServer() {
    init_crypto();
    auto state = cosigner_.init_cosigner(world.witness_name, true);
    if (!state) FAIL(state.error().message);
    keys = state->keys;
    store_ = WitnessStore::open(dir_.path() / "data").value();
    service_ = WitnessService::open(*store_, cosigner_, system_clock(), metrics_, {}).value();
    api_ = std::make_unique<WitnessApi>(*service_, config_, metrics_, system_clock());
    http::ServerOptions options;
    options.body_bytes_max = WitnessApi::body_bytes_max;
    options.error_response = WitnessApi::server_error;
    server_ = http::Server::start(options, [this](http::Request&& request, http::Respond respond) {
                api_->handle(std::move(request), std::move(respond));
              }).value();
    add_log({world.key.vkey}, false);
  }
  ~TwoKeyWitnessServer() { server_.reset(); }

  void add_log(std::vector<VerifierKey> log_keys, bool disabled) {
    REQUIRE(store_->change_log(world.origin, [&](const std::optional<KnownLog>&) {
      KnownLog log;
      log.keys = std::move(log_keys);
      log.disabled = disabled;
      return Result<KnownLog>(std::move(log));
    }));
  }
  [[nodiscard]] http::ClientResponse post(const std::string& target, const std::string& body) {
    return http::Client::make("http://" + server_->address())
        .value()
        ->post(target, as_bytes(body), "text/plain")
        .value();
  }
  [[nodiscard]] std::string text_at(const std::string& target) {
    const auto got = http::Client::make("http://" + server_->address()).value()->get(target);
    return std::string(as_text(got.value().body));
  }

  CosignWorld world;
  std::vector<VerifierKey> keys;

 private:
  TempDir dir_;
  WitnessConfig config_;
  Metrics metrics_;
  InProcessCosigner cosigner_{system_random()};
  std::unique_ptr<WitnessStore> store_;
  std::unique_ptr<WitnessService> service_;
  std::unique_ptr<WitnessApi> api_;
  std::unique_ptr<http::Server> server_;
};

std::vector<NoteSignature> lines_of(const http::ClientResponse& response) {
  INFO(as_text(response.body));
  REQUIRE(response.status == 200);
  return parse_signature_lines(as_text(response.body)).value();
}

bool no_subtrees_here() {
  if (ml_dsa_available()) return false;
  std::cout << "sign-subtree over HTTP skipped: this OpenSSL has no ML-DSA\n";
  return true;
}

TEST_CASE("sign-subtree: what add-checkpoint gave is the reference that subtrees need") {
  if (no_subtrees_here()) return;
  TwoKeyWitnessServer witness;
  const CosignWorld& world = witness.world;
  const auto lines = lines_of(witness.post("/add-checkpoint", world.request(0, 14).encode()));
  REQUIRE(lines.size() == 2);
  const Note note{world.text(14), lines};
  const auto first = verify_note(note, witness.keys[0]);
  const auto second = verify_note(note, witness.keys[1]);
  REQUIRE((first && second));
  CHECK(first->timestamp == second->timestamp);
  const Note served =
      Note::parse(witness.text_at("/" + origin_hash(world.origin) + "/checkpoint")).value();
  CHECK((verify_note(served, witness.keys[0]) && verify_note(served, witness.keys[1]) &&
         verify_note(served, world.key.vkey)));

  for (const Subtree subtree : {Subtree{8, 13}, Subtree{0, 14}, Subtree{13, 14}}) {
    const std::string body = subtree_request(world, subtree, 14, lines).encode();
    CHECK(signs_subtree(lines_of(witness.post("/sign-subtree", body)), world, subtree,
                        witness.keys[1]));
  }
  // Of the checkpoint as it is served to monitors, too, and of an older one.
  REQUIRE(witness.post("/add-checkpoint", world.request(14, 20).encode()).status == 200);
  SignSubtreeRequest request = subtree_request(world, {8, 13}, 14, lines);
  request.note = served.encode();
  CHECK(witness.post("/sign-subtree", request.encode()).status == 200);
  CHECK_THAT(witness.text_at("/metrics"),
             ContainsSubstring("witan_witness_subtrees_total{result=\"signed\"} 4"));
}

TEST_CASE("sign-subtree: each wrong request has its status, and signs nothing") {
  if (no_subtrees_here()) return;
  TwoKeyWitnessServer witness;
  const CosignWorld& world = witness.world;
  const auto lines = lines_of(witness.post("/add-checkpoint", world.request(0, 14).encode()));
  const SignSubtreeRequest good = subtree_request(world, {8, 13}, 14, lines);
  const auto status = [&](const SignSubtreeRequest& request) {
    return witness.post("/sign-subtree", request.encode()).status;
  };
  REQUIRE(status(good) == 200);
  for (const std::string& body :
       {std::string(), std::string("subtree 8 13\n"), "subtree 4 9" + good.encode().substr(12),
        "subtree 8 15" + good.encode().substr(12), "subtree 08 13" + good.encode().substr(12),
        good.encode().substr(0, good.encode().find("\n\n") + 2)}) {
    CHECK(witness.post("/sign-subtree", body).status == 400);
  }
  SignSubtreeRequest wrong = good;
  wrong.hash[0] ^= 1;
  CHECK(status(wrong) == 422);
  wrong = good;
  wrong.proof.pop_back();
  CHECK(status(wrong) == 422);
  CHECK(status(subtree_request(world, {8, 13}, 14, {lines[0]})) == 403);
  CHECK(status(subtree_request(world, {8, 13}, 14, {sign_as_log(world.key, world.text(14))})) ==
        403);
  CosignWorld unknown;
  unknown.origin = "log.example/unknown";
  CHECK(status(subtree_request(unknown, {8, 13}, 14, lines)) == 404);
  witness.add_log({world.key.vkey}, true);
  CHECK(status(good) == 404);
  witness.add_log({world.key.vkey}, false);
  CHECK(status(good) == 200);
  CHECK_THAT(witness.text_at("/metrics"),
             ContainsSubstring("witan_witness_subtrees_total{result=\"bad-signature\"} 2"));
}

TEST_CASE("sign-subtree: a log that signs with ML-DSA-44 only is cosigned by both keys") {
  if (no_subtrees_here()) return;
  TwoKeyWitnessServer witness;
  const CosignWorld& world = witness.world;
  const auto key = MlDsa44Key::from_seed(Bytes(kMlDsa44SeedBytes, 9)).value();
  const auto vkey =
      VerifierKey::make(world.origin, NoteAlgorithm::kMlDsa44, key.public_key()).value();
  witness.add_log({vkey}, false);
  AddCheckpointRequest request = world.request(0, 14);
  CHECK(witness.post("/add-checkpoint", request.encode()).status == 403);  // its Ed25519 line
  const NoteSignature line =
      cosign_subtree({world.origin, 0, world.origin, 0, 14, world.tree.mth(0, 14)}, key).value();
  request.note = Note{world.text(14), {line}}.encode();
  const auto lines = lines_of(witness.post("/add-checkpoint", request.encode()));
  CHECK(lines.size() == 2);
}

}  // namespace
}  // namespace witan::test
