// A log whose heads are published when witnesses have cosigned them, over HTTP.

#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/node_config.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "node/api/node_api.h"
#include "node/receipts.h"
#include "tests/support/catch.h"
#include "tests/support/fake_witness.h"
#include "tests/support/log_fixture.h"
#include "tests/support/wait.h"
#include "witness/verify.h"

namespace witan::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatient = std::chrono::minutes(5);

// Three witnesses, of which two must cosign.
class WitnessedLog : public LogFixture {
 public:
  explicit WitnessedLog(bool witnesses_run = true) : log_key(log_vkey_of(*log)) {
    for (const char* name : {"w1.example", "w2.example", "w3.example"}) {
      witnesses.emplace_back(name, log_key);
    }
    options.policy = TlogPolicy::parse(policy_text()).value();
    options.collector.deadline_ms = 2'000;
    options.collector.beyond_quorum_ms = 20'000;  // ends when all have answered
    options.collector.backoff_first_ms = 5;
    options.collector.backoff_max_ms = 20;
    if (!witnesses_run) {
      for (FakeWitness& witness : witnesses) witness.stop();
    }
    REQUIRE(reopen());
    if (!witnesses_run) return;
    // The log's beginning, which was published before anybody could cosign it.
    REQUIRE(eventually([this] { return status().published_witnessed; }));
  }

  static VerifierKey log_vkey_of(LogService& service) {
    const SignerState& identity = service.identity();
    return VerifierKey::make(identity.origin, NoteAlgorithm::kEd25519, identity.note_key).value();
  }
  [[nodiscard]] std::string policy_text() const {
    std::string text = "log " + log_key.text() + "\n";
    for (const FakeWitness& witness : witnesses) text += witness.policy_line() + "\n";
    return text + "group two 2 w1.example w2.example w3.example\nquorum two\n";
  }
  Result<void> reopen() {
    LogServiceOptions service;
    service.witnessing = options;
    return open(service);
  }
  FakeWitness& witness(std::size_t number) {
    return *std::next(witnesses.begin(), static_cast<std::ptrdiff_t>(number));
  }
  WitnessingStatus status() { return log->status().witnessing.value(); }
  PublishedHead newest() { return store.read().value()->published().value().value(); }
  http::Response get(const std::string& path) {
    const NodeConfig config;
    NodeApi api(*log, config, *metrics, system_clock());
    http::Request request;
    request.path = path;
    request.method_text = "GET";
    http::Response out;
    api.handle(std::move(request), [&out](http::Response response) { out = std::move(response); });
    return out;
  }

  VerifierKey log_key;
  std::list<FakeWitness> witnesses;
  WitnessingOptions options;
};

std::string header_of(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

std::size_t signatures_of(const std::string& note) {
  return Note::parse(note).value().signatures.size();
}

TEST_CASE("witnessed log: published with all cosignatures, receipts with those that count") {
  WitnessedLog log;
  const Bytes statement = log.issuer.statement("a");
  CHECK(log.submit(statement, kPatient) == "published 2");
  const PublishedHead head = log.newest();
  CHECK(signatures_of(head.witnessed) == 4);
  CHECK(signatures_of(head.checkpoint) == 3);
  CHECK(as_text(log.get("/checkpoint").body_view()) == head.witnessed);
  CHECK(log.status().published_witnessed);
  CHECK(log.status().waiting_for.empty());

  // As `witan verify --policy` does it.
  const auto view = log.store.read().value();
  const Located located = locate(*view, log.log->tiles(), LeafIndex{2}).value().value();
  VerifyTrust trust;
  trust.tlog_policy = log.options.policy;
  trust.issuer_keys = {parse_pinned_key(log.issuer.key().public_key().pem()).value()};
  VerifyInput input;
  input.statement = statement;
  const Bytes receipt = receipt_of(located);
  input.receipt = receipt;
  CHECK(verify(input, trust).verified());
  const Hash32 leaf = leaf_hash(sha256(statement));
  const auto proof = check_tlog_proof(log.options.policy, tlog_proof_of(located), leaf);
  REQUIRE(proof);
  CHECK(proof->smallest.size() == 2);
  // The log's beginning was witnessed when the log was opened.
  const Located first = locate(*view, log.log->tiles(), LeafIndex{0}).value().value();
  CHECK(first.head.head.head.size == TreeSize{2});
  CHECK(check_checkpoint(log.options.policy, first.head.checkpoint));
}

TEST_CASE("witnessed log: each statement needs one request to each witness") {
  WitnessedLog log;
  // New witnesses stood at 0, which they had to say.
  CHECK(log.witness(0).requests() == 2);
  CHECK(log.submit(log.issuer.statement("0"), kPatient) == "published 2");
  CHECK(log.witness(0).requests() == 3);
  for (int i = 1; i <= 5; ++i) {
    CHECK(log.submit(log.issuer.statement(std::to_string(i)), kPatient).substr(0, 9) ==
          "published");
  }
  for (const FakeWitness& witness : log.witnesses) {
    CHECK(witness.requests() == 8);
    CHECK(witness.mark().size == log.newest().head.head.size);
  }
}

TEST_CASE("witnessed log: goes on with one witness dead") {
  WitnessedLog log;
  log.witness(1).stop();
  CHECK(log.submit(log.issuer.statement("a"), kPatient) == "published 2");
  CHECK(signatures_of(log.newest().witnessed) == 3);
  const WitnessState dead = log.status().witnesses.at(1);
  CHECK_FALSE(dead.problem.empty());
  CHECK(dead.last_answer == "no answer");
  log.witness(1).start();
  // It is brought to the newest head with the next one.
  CHECK(eventually([&] {
    log.submit(log.issuer.statement(std::to_string(log.witness(1).requests())), kPatient);
    return log.status().witnesses.at(1).problem.empty();
  }));
  CHECK(log.witness(1).mark().size.value > 2);
}

TEST_CASE("witnessed log: without quorum it holds, says why, and goes on when one comes back") {
  WitnessedLog log;
  log.options.collector.deadline_ms = 100;
  REQUIRE(log.reopen());
  log.witness(0).stop();
  log.witness(2).stop();
  const Bytes statement = log.issuer.statement("held");
  CHECK(log.submit(statement, 10ms) == "decided 2");
  CHECK(log.log->pending(hash_from_hex(id_of(statement)).value()));
  REQUIRE(eventually([&] { return !log.status().waiting_for.empty(); }));
  CHECK_THAT(log.status().waiting_for, ContainsSubstring("\"two\""));
  CHECK_THAT(log.status().waiting_for, ContainsSubstring("w1.example"));
  CHECK(log.newest().head.head.size == TreeSize{2});
  CHECK(log.get("/healthz").status == 503);
  const auto shown = nlohmann::json::parse(as_text(log.get("/status").body_view()));
  CHECK(shown["witnessing"]["witnesses"][0]["last_answer"] == "no answer");
  CHECK(shown["witnessing"]["without_quorum"] == "hold");
  CHECK_THAT(shown["problem"].get<std::string>(), ContainsSubstring("witnesses: "));
  CHECK(log.submit(log.issuer.statement("behind"), 10ms) == "decided 3");

  Answers answers;
  log.LogFixture::submit(statement, kPatient, answers.next());
  log.witness(2).start();
  REQUIRE(answers.wait_for(1));
  CHECK(answers.last() == "published 2");
  CHECK(log.submit(log.issuer.statement("behind"), kPatient) == "published 3");
  CHECK(log.status().waiting_for.empty());
  CHECK(log.get("/healthz").status == 200);
}

TEST_CASE("witnessed log: a head that was signed and not published is published after a restart") {
  WitnessedLog log;
  CHECK(log.submit(log.issuer.statement("a"), kPatient) == "published 2");
  log.witness(0).stop();
  log.witness(1).stop();
  CHECK(log.submit(log.issuer.statement("b"), 10ms) == "decided 3");
  // One witness has cosigned what nobody else has seen.
  REQUIRE(eventually([&] { return log.witness(2).mark().size == TreeSize{4}; }));
  REQUIRE(log.reopen());
  CHECK(log.submit(log.issuer.statement("c"), 10ms) == "decided 4");
  CHECK(log.newest().head.head.size == TreeSize{3});
  CHECK(log.status().published_witnessed);
  log.witness(0).start();
  CHECK(log.submit(log.issuer.statement("b"), kPatient) == "published 3");
  CHECK(log.submit(log.issuer.statement("c"), kPatient) == "published 4");
  CHECK(check_checkpoint(log.options.policy, log.newest().witnessed));
}

TEST_CASE("witnessed log: where heads are held, the log's beginning is witnessed before all else") {
  WitnessedLog log(false);
  log.options.collector.deadline_ms = 100;
  REQUIRE(log.reopen());
  CHECK(log.submit(log.issuer.statement("a"), 10ms) == "decided 2");
  REQUIRE(eventually([&] { return !log.status().waiting_for.empty(); }));
  CHECK_THAT(log.status().waiting_for, ContainsSubstring("head of size 2 lacks the quorum"));
  CHECK(log.get("/healthz").status == 503);
  log.witness(0).start();
  log.witness(2).start();
  CHECK(log.submit(log.issuer.statement("a"), kPatient) == "published 2");
  const auto view = log.store.read().value();
  const Located keys = locate(*view, log.log->tiles(), LeafIndex{1}).value().value();
  CHECK(keys.head.head.head.size == TreeSize{2});
  CHECK(check_checkpoint(log.options.policy, keys.head.checkpoint));
  CHECK(log.get("/healthz").status == 200);
}

TEST_CASE("witnessed log: publishes without quorum when the operator wants it, and says so") {
  WitnessedLog log;
  log.options.collector.unwitnessed_after_ms = 50;
  REQUIRE(log.reopen());
  log.witness(0).stop();
  log.witness(1).stop();
  CHECK(log.submit(log.issuer.statement("a"), kPatient) == "published 2");
  CHECK_FALSE(log.status().published_witnessed);
  CHECK_FALSE(check_checkpoint(log.options.policy, log.newest().checkpoint));
  CHECK_THAT(std::string(as_text(log.get("/metrics").body_view())),
             ContainsSubstring("witan_log_published_witnessed 0"));
  CHECK_THAT(log.status().lacking, ContainsSubstring("size 3 lacks the quorum \"two\""));
  CHECK(log.status().waiting_for.empty());
  CHECK(log.get("/healthz").status == 200);
  const std::string id = id_of(log.issuer.statement("a"));
  const http::Response early = log.get("/entries/" + id + ".tlog-proof");
  CHECK(header_of(early, "Cache-Control") == "no-store");
  const bool with_restart = GENERATE(false, true);
  if (with_restart) REQUIRE(log.reopen());
  CHECK_FALSE(log.status().published_witnessed);
  log.witness(0).start();
  log.witness(1).start();
  // Nothing newer comes: the same head gets its cosignatures, and its receipts too.
  REQUIRE(eventually([&] { return check_checkpoint(log.options.policy, log.newest().witnessed); }));
  CHECK(log.newest().head.head.size == TreeSize{3});
  CHECK(log.status().published_witnessed);
  CHECK(log.status().lacking.empty());
  const http::Response late = log.get("/entries/" + id + ".tlog-proof");
  CHECK_THAT(header_of(late, "Cache-Control"), ContainsSubstring("immutable"));
  CHECK(check_tlog_proof(log.options.policy, as_text(late.body_view()),
                         leaf_hash(sha256(log.issuer.statement("a")))));
  CHECK(log.submit(log.issuer.statement("b"), kPatient) == "published 3");
  const std::string metrics(as_text(log.get("/metrics").body_view()));
  CHECK_THAT(metrics, ContainsSubstring("witan_log_published_witnessed 1"));
  CHECK_THAT(metrics, ContainsSubstring("witan_witness_answers_total"));
  CHECK_THAT(metrics, ContainsSubstring("outcome=\"cosigned\""));
}

TEST_CASE("witnessed log: heads keep their distance, and statements share the next one") {
  WitnessedLog log;
  log.options.head_interval = std::chrono::hours(1);
  REQUIRE(log.reopen());
  const std::uint64_t before = log.witness(0).requests();
  CHECK(log.submit(log.issuer.statement("first"), kPatient) == "published 2");
  for (int i = 3; i <= 5; ++i) {
    CHECK(log.submit(log.issuer.statement(std::to_string(i)), 10ms) ==
          "decided " + std::to_string(i));
  }
  CHECK(log.witness(0).requests() == before + 1);
  CHECK(log.newest().head.head.size == TreeSize{3});
  CHECK(log.get("/healthz").status == 200);
  log.options.head_interval = 0ms;
  REQUIRE(log.reopen());
  CHECK(log.submit(log.issuer.statement("3"), kPatient) == "published 3");
  CHECK(log.witness(0).requests() <= before + 3);
}

TEST_CASE("witnessed log: a witness that has seen more than the log is reported") {
  WitnessedLog log;
  log.witness(0).set_mark({TreeSize{1'000}, sha256(as_bytes("elsewhere"))});
  CHECK(log.submit(log.issuer.statement("a"), kPatient) == "published 2");
  const WitnessState ahead = log.status().witnesses.front();
  CHECK(ahead.last_answer == "409: 1000");
  CHECK_THAT(ahead.problem, ContainsSubstring("old backup"));
}

TEST_CASE("witnessed log: many statements at once all get receipts that meet the policy") {
  WitnessedLog log;
  constexpr std::size_t kStatements = 300;
  Answers answers;
  for (std::size_t i = 0; i < kStatements; ++i) {
    log.LogFixture::submit(log.issuer.statement(std::to_string(i)), kPatient, answers.next());
  }
  REQUIRE(answers.wait_for(kStatements));
  for (const std::string& text : answers.texts()) CHECK(text.substr(0, 9) == "published");
  const auto view = log.store.read().value();
  for (std::uint64_t i = 2; i < kStatements + 2; i += 17) {
    const Located located = locate(*view, log.log->tiles(), LeafIndex{i}).value().value();
    CHECK(check_checkpoint(log.options.policy, located.head.checkpoint));
  }
}

TEST_CASE("witnessed log: a policy that cannot work keeps the log from opening") {
  WitnessedLog log;
  log.options.policy.logs.clear();
  const auto opened = log.reopen();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kUsage);
  CHECK_THAT(opened.error().message, ContainsSubstring("witnesses: the policy has no line"));
}

}  // namespace
}  // namespace witan::test
