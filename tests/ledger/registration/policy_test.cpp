#include "ledger/registration/policy.h"

#include <iostream>
#include <string>

#include "ledger/encoding.h"
#include "ledger/registration/did_x509.h"
#include "tests/ledger/format/statement_samples.h"
#include "tests/ledger/registration/certificate_maker.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::test;

namespace {

Statement parsed(const Bytes& bytes) {
  auto statement = Statement::parse(bytes, limits::kStatementBytesMax);
  if (!statement) FAIL(statement.error().message);
  return *std::move(statement);
}

// An admin, an issuer with one pinned key, and a policy that lists it.
struct World {
  PrivateKey admin = make_key();
  PrivateKey signer = make_key();
  RegistrationPolicyConfig config;

  World() {
    config.admin_keys = {admin.public_key().pem()};
    config.issuers = {{"https://example.com", {signer.public_key().pem()}, {}, {}}};
  }
  [[nodiscard]] RegistrationPolicy policy() const {
    auto compiled = RegistrationPolicy::compile(config);
    if (!compiled) FAIL(compiled.error().message);
    return *compiled;
  }
  [[nodiscard]] Statement statement(const StatementRequest& request = sample_request()) const {
    return parsed(make_statement(request, signer).value());
  }
  // Empty when accepted.
  [[nodiscard]] std::string why(const Statement& statement) const {
    const auto checked = policy().check(statement);
    return checked ? "" : checked.error().message;
  }
  [[nodiscard]] std::string why(const StatementRequest& request) const {
    return why(statement(request));
  }
};

StatementRequest policy_request(const RegistrationPolicyConfig& config, std::int64_t time_s) {
  StatementRequest request = sample_request();
  request.subject = "log.example.com/1";
  request.content_type = kPolicyContentType;
  request.issued_at_s = time_s;
  request.payload = bytes_of(encode(config));
  return request;
}

}  // namespace

TEST_CASE("policy: a statement of a listed issuer with its key is accepted") {
  const World world;
  CHECK(world.why(world.statement()).empty());
}

TEST_CASE("policy: each refusal names its rule") {
  World world;
  StatementRequest request = sample_request();
  request.issuer = "https://other.example";
  CHECK_THAT(world.why(request), ContainsSubstring("issuer.name"));

  world.config.algorithms = {"ES256"};
  auto checked = world.policy().check(world.statement());
  REQUIRE_FALSE(checked);
  CHECK_THAT(checked.error().message, ContainsSubstring("accept.algorithms"));
  CHECK(checked.error().fault == StatementFault::kSignatureAlgorithm);

  world = World();
  world.config.subjects = {"oci:*"};
  CHECK_THAT(world.why(sample_request()), ContainsSubstring("accept.subjects"));
  world.config.subjects = {"oci:*", "pkg:*"};
  CHECK(world.why(sample_request()).empty());
  world.config.issuers[0].subjects = {"pkg:rpm/*"};
  CHECK_THAT(world.why(sample_request()), ContainsSubstring("issuer.subjects"));

  world = World();
  world.config.content_types = {"text/*"};
  CHECK_THAT(world.why(sample_request()), ContainsSubstring("accept.content_types"));
  request = sample_request();
  request.content_type.reset();
  CHECK_THAT(world.why(request), ContainsSubstring("accept.content_types"));

  world = World();
  world.config.hash_envelope_only = true;
  CHECK_THAT(world.why(sample_request()), ContainsSubstring("accept.hash_envelope_only"));
  request.hash_envelope = HashEnvelope{};
  request.payload = Bytes(32, 7);
  CHECK(world.why(request).empty());

  world = World();
  const Statement statement = world.statement();
  world.config.max_statement_bytes = statement.canonical().size();
  CHECK(world.why(statement).empty());
  // Receipts in the unprotected header are dropped, and so do not count.
  CHECK(world.why(parsed(embed_receipts(statement, {Bytes(1'000)}))).empty());
  world.config.max_statement_bytes -= 1;
  checked = world.policy().check(statement);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().code == ErrorCode::kTooLarge);
  CHECK_THAT(checked.error().message, ContainsSubstring("accept.max_statement_bytes"));
}

TEST_CASE("policy: a wrong signature, key or kind of key is refused") {
  World world;
  const auto code_of = [&](const PrivateKey& key) {
    const auto checked =
        world.policy().check(parsed(make_statement(sample_request(), key).value()));
    REQUIRE_FALSE(checked);
    return checked.error().code;
  };
  CHECK(code_of(make_key()) == ErrorCode::kBadSignature);
  CHECK(code_of(make_key(KeyKind::kP256)) == ErrorCode::kUnsupported);

  // A kid that is no thumbprint: every fitting key of the issuer is tried.
  world.config.issuers[0].keys.insert(world.config.issuers[0].keys.begin(),
                                      make_key().public_key().pem());
  HeaderParts parts;
  const Bytes any_kid = sign_raw(world.signer, parts.encode(), as_bytes("payload"));
  CHECK(world.why(parsed(any_kid)).empty());
  Bytes changed = any_kid;
  changed.back() ^= 1;
  CHECK_THAT(world.why(parsed(changed)), ContainsSubstring("none of the issuer's 2 keys"));

  // ES512 with the thumbprint of a P-256 key.
  const PrivateKey p256 = make_key(KeyKind::kP256);
  world.config.issuers[0].keys = {p256.public_key().pem()};
  parts.algorithm = [](CborWriter& out) { out.integer(1).integer(-36); };
  parts.key_id = [&](CborWriter& out) {
    out.integer(4).bytes(cose_key_thumbprint(p256.public_key()));
  };
  const auto checked =
      world.policy().check(parsed(sign_raw(p256, parts.encode(), as_bytes("payload"))));
  REQUIRE_FALSE(checked);
  CHECK(checked.error().fault == StatementFault::kSignatureAlgorithm);
}

TEST_CASE("policy: x5chain leads to an anchor, to a pinned key, or is refused") {
  World world;
  const TestChain chain({.name = "Leaf",
                         .extensions = {{"subjectAltName", "URI:https://a.example.com"}},
                         .not_before_s = 1'750'000'000,
                         .not_after_s = 1'770'000'000});
  StatementRequest request = sample_request();
  request.x5chain = {to_bytes(chain.leaf.der()), to_bytes(chain.middle.der())};
  const auto sign = [&] { return parsed(make_statement(request, chain.leaf_key).value()); };
  IssuerRule& rule = world.config.issuers[0];
  CHECK_THAT(world.why(sign()), ContainsSubstring("issuer.keys"));
  rule.anchors = {pem_of(chain.root)};
  rule.keys.clear();
  CHECK(world.why(sign()).empty());
  rule.anchors = {pem_of(chain.middle)};
  CHECK(world.why(sign()).empty());
  rule.anchors = {pem_of(TestChain().root)};
  CHECK_THAT(world.why(sign()), ContainsSubstring("issuer.anchors"));
  rule.anchors.clear();
  rule.keys = {pem_of(chain.leaf)};
  CHECK(world.why(sign()).empty());

  // A name by pattern: the certificate must carry it.
  rule = {"https://*.example.com", {}, {pem_of(chain.root)}, {}};
  request.issuer = "https://b.example.com";
  CHECK_THAT(world.why(sign()), ContainsSubstring("URI SAN"));
  request.issuer = "https://a.example.com";
  CHECK(world.why(sign()).empty());

  world.config.check_time = CheckTime::kIat;
  CHECK(world.why(sign()).empty());
  request.issued_at_s = 1'780'000'000;
  CHECK_THAT(world.why(sign()), ContainsSubstring("expired"));
  request.issued_at_s.reset();
  CHECK_THAT(world.why(sign()), ContainsSubstring("accept.check_time"));
}

TEST_CASE("policy: x5t alone means a certificate of the policy; a chain unprotected is refused") {
  World world;
  const TestChain chain;
  world.config.issuers[0].keys = {pem_of(chain.leaf)};
  HeaderParts parts;
  parts.algorithm = [](CborWriter& out) { out.integer(1).integer(-7); };
  Bytes hash = chain.leaf.fingerprint(HashFunction::kSha256);
  parts.key_id = [&](CborWriter& out) { out.integer(34).array(2).integer(-16).bytes(hash); };
  CHECK(world.why(parsed(sign_raw(chain.leaf_key, parts.encode(), as_bytes("p")))).empty());
  hash[0] ^= 1;
  const Bytes unprotected = CborWriter().map(1).integer(33).bytes(chain.leaf.der()).take();
  const Statement statement =
      parsed(sign_raw(chain.leaf_key, parts.encode(), as_bytes("p"), unprotected));
  CHECK_THAT(world.why(statement), ContainsSubstring("only in the unprotected header"));
}

TEST_CASE("policy: an issuer by did:x509 binds itself, and must be listed") {
  World world;
  const TestChain chain({.name = "Leaf", .extensions = {{"extendedKeyUsage", "1.2.3"}}});
  StatementRequest request = sample_request();
  request.x5chain = chain.ders();
  request.issuer =
      "did:x509:0:sha256:" + base64url_encode(chain.root.fingerprint(HashFunction::kSha256)) +
      "::eku:1.2.3";
  const auto sign = [&] { return parsed(make_statement(request, chain.leaf_key).value()); };
  CHECK_THAT(world.why(sign()), ContainsSubstring("issuer.name"));
  world.config.issuers[0] = {request.issuer, {}, {}, {}};
  CHECK(world.why(sign()).empty());
  world.config.issuers[0].name = request.issuer.substr(0, request.issuer.find("::")) + "::*";
  CHECK(world.why(sign()).empty());
  world.config.issuers[0].name = "did:x509:*";
  world.config.issuers[0].anchors = {pem_of(TestChain().root)};
  CHECK_THAT(world.why(sign()), ContainsSubstring("issuer.anchors"));
  world.config.issuers[0].anchors = {pem_of(chain.root)};
  CHECK(world.why(sign()).empty());
  request.issuer.back() = '4';
  CHECK_THAT(world.why(sign()), ContainsSubstring("predicate eku"));
  request.x5chain.clear();
  CHECK_THAT(world.why(sign()), ContainsSubstring("needs it in the protected header"));
}

TEST_CASE("policy: keys of a rule bind a did:x509 that its pattern happens to match") {
  World world;
  const TestChain chain({.name = "Leaf", .extensions = {{"extendedKeyUsage", "1.2.3"}}});
  StatementRequest request = sample_request();
  request.x5chain = chain.ders();
  request.issuer =
      "did:x509:0:sha256:" + base64url_encode(chain.root.fingerprint(HashFunction::kSha256)) +
      "::eku:1.2.3";
  world.config.issuers[0].name = "*";
  const Statement statement = parsed(make_statement(request, chain.leaf_key).value());
  CHECK_THAT(world.why(statement), ContainsSubstring("issuer.keys"));
  world.config.issuers[0].keys = {pem_of(chain.leaf)};
  CHECK(world.why(statement).empty());
}

TEST_CASE("policy: production statements are accepted when the policy lists their issuer") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "policy vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  int checked = 0;
  World world;
  for (const std::string name :
       {"ccf-golden/uvm_0.2.10.cose", "ccf-payloads/cosesign1tool-scitt-a3be7e5.cose",
        "ccf-payloads/cts-hashv-cwtclaims-b64url.cose",
        "ccf-payloads/manifest.spdx.json.sha384.digest.cose"}) {
    INFO(name);
    Bytes bytes = file_bytes(*vectors / "scitt" / name);
    const std::string did = parsed(bytes).issuer;
    world.config.issuers = {{did.substr(0, did.find("::")) + "::*", {}, {}, {}}};
    CHECK(world.why(parsed(bytes)).empty());
    bytes.back() ^= 1;
    CHECK_THAT(world.why(parsed(bytes)), ContainsSubstring("signature"));
    ++checked;
  }
  std::cout << "policy vectors checked: " << checked << "\n";
}

TEST_CASE("policy: a policy that cannot work does not compile") {
  const auto refusal = [](const RegistrationPolicyConfig& config) {
    const auto compiled = RegistrationPolicy::compile(config);
    REQUIRE_FALSE(compiled);
    return compiled.error().message;
  };
  World world;
  world.config.algorithms = {"ES257"};
  CHECK_THAT(refusal(world.config), ContainsSubstring("accept.algorithms"));
  world = World();
  world.config.admin_keys = {"no pem"};
  CHECK_THAT(refusal(world.config), ContainsSubstring("admin.keys[1]"));
  world = World();
  world.config.issuers = {{"did:x509:*", {}, {}, {}}};
  CHECK_THAT(refusal(world.config), ContainsSubstring("expected the CA's fingerprint"));
  world = World();
  world.config.issuers[0].keys.clear();
  CHECK_THAT(refusal(world.config), ContainsSubstring("expected keys or anchors"));
  world.config.issuers[0].anchors = {"no pem"};
  CHECK_THAT(refusal(world.config), ContainsSubstring("anchors"));
  world = World();
  world.config.issuers.push_back(world.config.issuers[0]);
  CHECK_THAT(refusal(world.config), ContainsSubstring("listed twice"));
}

TEST_CASE("policy: the first one is signed by its own admin, the next by the present admin") {
  World world;
  const auto sign = [](const StatementRequest& request, const PrivateKey& key) {
    return parsed(make_statement(request, key).value());
  };
  const Statement first = sign(policy_request(world.config, 100), world.admin);
  CHECK(is_policy_statement(first));
  CHECK_THAT(world.why(first), ContainsSubstring("reserved"));
  const auto policy = RegistrationPolicy::first_policy(first);
  REQUIRE(policy);
  CHECK(policy->config() == world.config);
  CHECK(policy->subject() == "log.example.com/1");
  CHECK(policy->check(world.statement()));
  const auto stranger =
      RegistrationPolicy::first_policy(sign(policy_request(world.config, 100), world.signer));
  REQUIRE_FALSE(stranger);
  CHECK_THAT(stranger.error().message, ContainsSubstring("admin.keys"));
  CHECK_FALSE(RegistrationPolicy::first_policy(world.statement()));

  World next;
  const StatementRequest change = policy_request(next.config, 200);
  CHECK(policy->successor(sign(change, world.admin)));
  CHECK_FALSE(policy->successor(sign(change, next.admin)));
  CHECK_FALSE(policy->successor(sign(change, world.signer)));
  StatementRequest other_log = change;
  other_log.subject = "log.example.com/2";
  CHECK_THAT(policy->successor(sign(other_log, world.admin)).error().message,
             ContainsSubstring("expected the subject"));
  CHECK_THAT(policy->successor(sign(policy_request(next.config, 99), world.admin)).error().message,
             ContainsSubstring("iat"));
  StatementRequest broken = change;
  broken.payload = bytes_of("version = 1\n[admin]\nkeys = [3]\n");
  CHECK_THAT(policy->successor(sign(broken, world.admin)).error().message,
             ContainsSubstring("policy:3: admin.keys"));
  const auto second = policy->successor(sign(change, world.admin)).value();
  CHECK_FALSE(second.check(world.statement()));
  CHECK(second.check(next.statement()));
}

TEST_CASE("policy: the log's keys are signed by an admin and name their log") {
  const World world;
  const PrivateKey log = make_key(KeyKind::kP256);
  LogKeys keys;
  keys.origin = "log.example.com/1";
  keys.issuer = "https://log.example.com";
  keys.keys.push_back(
      {log.public_key(), to_bytes(cose_key_thumbprint(log.public_key())), Algorithm::kEs256});
  keys.vkey = "log.example.com/1+00000000+AAAA";
  keys.evidence = bytes_of("evidence");
  const Bytes payload = encode_log_keys(keys);
  const auto read = parse_log_keys(payload);
  REQUIRE(read);
  CHECK(read->origin == keys.origin);
  CHECK(read->keys.at(0).key == log.public_key());
  CHECK(encode_log_keys(*read) == payload);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    CHECK_FALSE(parse_log_keys(BytesView(payload).first(size)));
  }

  StatementRequest request = sample_request();
  request.subject = keys.origin;
  request.content_type = kLogKeysContentType;
  request.payload = payload;
  const Statement statement = parsed(make_statement(request, world.admin).value());
  CHECK(is_log_keys_statement(statement));
  CHECK(world.policy().check_log_keys(statement).value().vkey == keys.vkey);
  CHECK_THAT(world.why(statement), ContainsSubstring("reserved"));
  CHECK_FALSE(world.policy().check_log_keys(parsed(make_statement(request, world.signer).value())));
  request.subject = "another log";
  CHECK_FALSE(world.policy().check_log_keys(parsed(make_statement(request, world.admin).value())));
}
