#include "witness/verify.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/encoding.h"
#include "tests/ledger/registration/certificate_maker.h"
#include "tests/support/catch.h"
#include "tests/witness/verify_world.h"

using namespace witan;
using namespace witan::test;

namespace {

CheckStatus status_of(const VerifyReport& report, std::string_view name) {
  for (const Check& check : report.checks) {
    if (check.name == name) return check.status;
  }
  FAIL("no check is named " << name);
  return CheckStatus::kFailed;
}

VerifyReport run(const World& world, const Bytes& receipt, const VerifyTrust& trust) {
  VerifyInput input;
  input.statement = world.statement;
  input.receipt = receipt;
  return verify(input, trust);
}

}  // namespace

TEST_CASE("verify: a registered statement passes every check with every kind of key") {
  const World world;
  for (const bool log : {false, true}) {
    for (const bool receipts : {false, true}) {
      for (const bool policy : {false, true}) {
        INFO(log << receipts << policy);
        const auto report = run(world, world.receipt(), world.trust(log, receipts, policy));
        if (!log && !receipts && !policy) {
          CHECK(failures(report) == Names{"log signature"});
          continue;
        }
        CHECK(failures(report) == Names{});
        CHECK(report.verified());
        CHECK(report.origin == world.origin);
        CHECK(report.size == TreeSize{5});
        CHECK(report.index == LeafIndex{3});
        CHECK((status_of(report, "receipt signature") == CheckStatus::kOk) == receipts);
        CHECK((status_of(report, "log signature") == CheckStatus::kOk) == (log || policy));
        CHECK((status_of(report, "witnesses") == CheckStatus::kOk) == policy);
      }
    }
  }
}

TEST_CASE("verify: each single change to a receipt fails exactly the check that it is about") {
  const World world;
  const auto failed = [&](Faults faults, bool log = true, bool receipts = true,
                          bool policy = true) {
    return failures(run(world, world.receipt(faults), world.trust(log, receipts, policy)));
  };
  Faults path;
  path.other_path = true;
  CHECK(failed(path) == Names{"inclusion proof"});
  CHECK(failed(path, true, false, false) == Names{"inclusion proof"});
  // With a receipt key alone, the checkpoint's root still tells the proof from the signature.
  CHECK(failed(path, false, true, false) == Names{"inclusion proof"});
  path.with_checkpoint = false;
  CHECK(failed(path, false, true, false) == Names{"receipt signature"});

  Faults origin;
  origin.checkpoint_origin = "other.example";
  CHECK(failed(origin) == Names{"log signature"});
  CHECK(failed(origin, false, true, false) == Names{"log head"});
  Faults size;
  size.checkpoint_size = 6;
  CHECK(failed(size) == Names{"log head"});
  Faults root;
  root.other_checkpoint_root = true;
  CHECK(failed(root) == Names{"log head"});
  CHECK(failed(root, false, true, false) == Names{"log head"});

  Faults alone;
  alone.witness = false;
  CHECK(failed(alone) == Names{"witnesses"});
  CHECK(failed(alone, true, true, false) == Names{});
  Faults bare;
  bare.with_checkpoint = false;
  CHECK(failed(bare) == Names{"log signature"});
  CHECK(failed(bare, true, false, false) == Names{"log signature"});
  CHECK(failed(bare, true, true, false) == Names{});
}

TEST_CASE("verify: changed bytes of a receipt never verify") {
  const World world;
  const Bytes receipt = world.receipt();
  const VerifyTrust trust = world.trust();
  for (std::size_t i = 0; i < receipt.size(); i += 3) {
    Bytes changed = receipt;
    changed[i] ^= 1;
    INFO("byte " << i);
    CHECK_FALSE(run(world, changed, trust).verified());
  }
  Bytes signature = receipt;
  signature.back() ^= 1;
  CHECK(failures(run(world, signature, trust)) == Names{"receipt signature"});
  CHECK(failures(run(world, {0x01, 0x02}, trust)) == Names{"receipt"});
}

TEST_CASE("verify: keys of others do not verify") {
  const World world, other;
  VerifyTrust trust = world.trust();
  trust.receipt_keys = other.trust().receipt_keys;
  CHECK(failures(run(world, world.receipt(), trust)) == Names{"receipt signature"});
  trust = world.trust(true, true, false);
  trust.log_keys = other.trust().log_keys;
  CHECK(failures(run(world, world.receipt(), trust)) == Names{"log signature"});
  trust.log_keys.push_back(world.vkey());
  CHECK(run(world, world.receipt(), trust).verified());
  trust.log_keys = {world.witness_vkey()};
  CHECK(failures(run(world, world.receipt(), trust)) == Names{"log signature"});
  // An ML-DSA key is a log's only under the log's own name, also where the log is pinned.
  trust.origin = world.origin;
  trust.log_keys = {VerifierKey::make("w.example", NoteAlgorithm::kMlDsa44, Bytes(1'312)).value()};
  const auto foreign = run(world, world.receipt(), trust);
  CHECK(failures(foreign) == Names{"log signature"});
  CHECK_THAT(foreign.first_failure()->detail, ContainsSubstring("the key of a witness"));
  trust = world.trust();
  trust.origin = "log.example/2";
  CHECK(failures(run(world, world.receipt(), trust)) == Names{"log head"});
  trust.origin = world.origin;
  CHECK(run(world, world.receipt(), trust).verified());
}

TEST_CASE("verify: a log's own key never counts as a witness") {
  const World world;
  Faults faults;
  faults.witness = false;
  faults.log_as_witness = true;
  VerifyTrust trust = world.trust();
  const auto own = VerifierKey::make(world.origin, NoteAlgorithm::kCosignatureEd25519,
                                     world.note_key.public_key().raw())
                       .value();
  trust.tlog_policy =
      TlogPolicy::parse("log " + world.vkey().text() + "\nwitness w " + own.text() + "\nquorum w\n")
          .value();
  CHECK(failures(run(world, world.receipt(faults), trust)) == Names{"witnesses"});
}

TEST_CASE("verify: a tlog-proof proves the same with log keys, and nothing with receipt keys") {
  const World world;
  CHECK(run(world, world.tlog_proof(), world.trust()).verified());
  CHECK(run(world, world.tlog_proof(), world.trust(true, false, false)).verified());
  CHECK(failures(run(world, world.tlog_proof(), world.trust(false, true, false))) ==
        Names{"log signature"});
  Faults faults;
  faults.other_path = true;
  CHECK(failures(run(world, world.tlog_proof(faults), world.trust())) == Names{"inclusion proof"});
  faults = {};
  faults.other_checkpoint_root = true;
  CHECK(failures(run(world, world.tlog_proof(faults), world.trust())) == Names{"inclusion proof"});
}

TEST_CASE("verify: the statement's signature needs a key that is bound to its issuer") {
  const World world;
  VerifyTrust trust = world.trust();
  const PrivateKey mallory = make_key();
  trust.issuer_keys = {parse_pinned_key(pem_of(mallory)).value()};
  CHECK(failures(run(world, world.receipt(), trust)) == Names{"statement signature"});
  trust.issuer_keys.clear();
  const auto unknown = run(world, world.receipt(), trust);
  CHECK(failures(unknown) == Names{"statement signature"});
  CHECK_THAT(unknown.first_failure()->detail, ContainsSubstring("not checked"));
  trust.allow_unknown_issuer = true;
  CHECK(run(world, world.receipt(), trust).verified());

  TrustFile file;
  file.origin = world.origin;
  file.receipt_keys = {pem_of(world.receipt_key)};
  file.issuers = {{"https://example.com", {pem_of(world.issuer)}, {}}};
  CHECK(run(world, world.receipt(), VerifyTrust::from(file).value()).verified());
  file.issuers.front().name = "https://other.example";
  CHECK(failures(run(world, world.receipt(), VerifyTrust::from(file).value())) ==
        Names{"statement signature"});
  file.issuers.front() = {"https://*", {pem_of(mallory)}, {}};
  CHECK(failures(run(world, world.receipt(), VerifyTrust::from(file).value())) ==
        Names{"statement signature"});
  file.issuers.front().keys = {"-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----\n"};
  CHECK_FALSE(VerifyTrust::from(file));
}

TEST_CASE("verify: a did:x509 that binds itself to its chain counts only when it is listed") {
  World world;
  const TestChain chain({.extensions = {{"subjectAltName", "DNS:ci.example"}}});
  StatementRequest request = sample_request();
  request.issuer =
      "did:x509:0:sha256:" + base64url_encode(chain.root.fingerprint(HashFunction::kSha256)) +
      "::san:dns:ci.example";
  request.x5chain = chain.ders();
  world.statement = make_statement(request, chain.leaf_key).value();
  world.tree.entries[3] = World::parsed(world.statement).entry();
  const Bytes receipt = world.receipt();
  TrustFile file;
  file.receipt_keys = {pem_of(world.receipt_key)};
  const auto failed = [&](std::vector<TrustFile::Issuer> issuers) {
    file.issuers = std::move(issuers);
    return failures(run(world, receipt, VerifyTrust::from(file).value()));
  };
  const Names refused{"statement signature"};
  CHECK(failed({}) == refused);
  CHECK(failed({{"did:x509:*", {pem_of(world.issuer)}, {}}}) == refused);
  CHECK(failed({{request.issuer, {pem_of(world.issuer)}, {}}}) == refused);
  CHECK(failed({{"did:x509:*", {}, {pem_of(TestChain().root)}}}) == refused);
  CHECK(failed({{"did:x509:*", {pem_of(chain.leaf_key)}, {}}}) == Names{});
  CHECK(failed({{request.issuer, {}, {pem_of(chain.root)}}}) == Names{});
}

TEST_CASE("verify: a changed statement is named first, and its receipt is for another") {
  const World world;
  VerifyInput input;
  const Bytes receipt = world.receipt();
  Bytes changed = world.statement;
  changed.back() ^= 1;
  input.statement = changed;
  input.receipt = receipt;
  const auto report = verify(input, world.trust());
  CHECK(failures(report) == Names{"statement signature", "inclusion proof"});
  changed = {0xd2, 0x84};
  input.statement = changed;
  CHECK(failures(verify(input, world.trust())) == Names{"statement"});
}

TEST_CASE("verify: receipts in a transparent statement are used when none is given") {
  const World world;
  const Statement statement = World::parsed(world.statement);
  VerifyInput input;
  Bytes transparent = embed_receipts(statement, {world.receipt()});
  input.statement = transparent;
  CHECK(verify(input, world.trust()).verified());
  // The first that verifies counts.
  const World other;
  transparent = embed_receipts(statement, {other.receipt(), world.receipt()});
  input.statement = transparent;
  CHECK(verify(input, world.trust()).verified());
  input.statement = world.statement;
  CHECK(failures(verify(input, world.trust())) == Names{"receipt"});
}

TEST_CASE("verify: the artifact must be what the statement is about") {
  World world;
  const Bytes receipt = world.receipt();
  VerifyInput input;
  input.statement = world.statement;
  input.receipt = receipt;
  Bytes artifact = sample_request().payload;
  input.artifact_digest = [&](std::int64_t algorithm) -> Result<Bytes> {
    CHECK(algorithm == -16);
    return to_bytes(sha256(artifact));
  };
  CHECK(verify(input, world.trust()).verified());
  artifact.push_back('x');
  CHECK(failures(verify(input, world.trust())) == Names{"artifact"});

  StatementRequest request = sample_request();
  request.content_type.reset();
  request.hash_envelope = HashEnvelope{};
  request.payload = to_bytes(sha256(artifact));
  world.statement = make_statement(request, world.issuer).value();
  world.tree.entries[3] = World::parsed(world.statement).entry();
  const Bytes enveloped = world.receipt();
  input.statement = world.statement;
  input.receipt = enveloped;
  CHECK(verify(input, world.trust()).verified());
  artifact.push_back('y');
  const auto report = verify(input, world.trust());
  CHECK(failures(report) == Names{"artifact"});
  CHECK_THAT(report.first_failure()->detail, ContainsSubstring("SHA-256 is"));
  input.artifact_digest = [](std::int64_t) -> Result<Bytes> {
    return fail(ErrorCode::kIo, "gone");
  };
  CHECK(failures(verify(input, world.trust())) == Names{"artifact"});
}

TEST_CASE("verify: the key set shows the enclave's grade, bound to this log and its keys") {
  const World world;
  const Bytes receipt = world.receipt();
  Bytes key_set = world.registered_key_set();
  VerifyTrust trust = world.trust();
  VerifyInput input;
  input.statement = world.statement;
  input.receipt = receipt;
  input.key_set = key_set;
  CHECK(verify(input, trust).verified());
  trust.lowest_grade = TrustGrade::kProcess;
  const auto report = verify(input, trust);
  CHECK(failures(report) == Names{});
  CHECK(status_of(report, "enclave grade") == CheckStatus::kOk);
  trust.lowest_grade = TrustGrade::kTpm;
  CHECK(failures(verify(input, trust)) == Names{"enclave grade"});
  trust.lowest_grade = TrustGrade::kProcess;
  input.key_set.reset();
  CHECK(failures(verify(input, trust)) == Names{"enclave grade"});
  trust.lowest_grade = TrustGrade::kSim;
  CHECK(verify(input, trust).verified());

  // The key set of another log, one without receipt, and an ordinary statement.
  const auto fails_with = [&](const Bytes& bytes, const std::string& why) {
    input.key_set = bytes;
    const auto checked = verify(input, trust);
    CHECK(failures(checked) == Names{"key set"});
    CHECK_THAT(checked.first_failure()->detail, ContainsSubstring(why));
  };
  fails_with(World().registered_key_set(), "receipt");
  fails_with(world.key_set_statement, "no receipt");
  fails_with(world.statement, "content type");
  fails_with({0x00}, "");
}

TEST_CASE("verify: a key set with other keys, or evidence of another log, is refused") {
  World world;
  const PrivateKey other = make_key(KeyKind::kP256);
  const auto detail = [&](const Bytes& statement) {
    world.key_set_statement = statement;
    world.tree.entries[1] = World::parsed(statement).entry();
    const Bytes receipt = world.receipt();
    const Bytes key_set = world.registered_key_set();
    VerifyInput input;
    input.statement = world.statement;
    input.receipt = receipt;
    input.key_set = key_set;
    const auto report = verify(input, world.trust());
    CHECK(failures(report) == Names{"key set"});
    return report.verified() ? "" : report.first_failure()->detail;
  };
  CHECK_THAT(detail(world.make_key_set(world.tree.entries[0], &other)),
             ContainsSubstring("does not hold the key that signed the receipt"));
  CHECK_THAT(detail(world.make_key_set(sha256(as_bytes("other log")))),
             ContainsSubstring("not bound to the log's first entry"));
}
