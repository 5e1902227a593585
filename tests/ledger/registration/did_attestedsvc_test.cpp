// Attested services: statements signed with a key that hardware vouches for.

#include "ledger/registration/did_attestedsvc.h"

#include <functional>
#include <iostream>
#include <string>

#include "config/limits.h"
#include "ledger/format/cose.h"
#include "ledger/registration/policy.h"
#include "tests/ledger/attestation/snp_maker.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan::test {
namespace {

// An attested service of our own, with parts that a test may spoil before it signs.
struct OwnService {
  PrivateKey key = PrivateKey::generate(KeyKind::kP256).value();
  SnpChain chain = SnpChain({.report_data = to_bytes(cose_key_thumbprint(key.public_key()))});
  std::string issuer = "did:attestedsvc:builder::tenant:profile";
  std::string service = "builder";
  std::string type = "SEV-SNP:Test";
  std::uint64_t version = 0;
  Bytes kid = to_bytes(cose_key_thumbprint(key.public_key()));
  std::vector<std::string> crit{"attestedsvc"};
  Bytes uvm;

  [[nodiscard]] Bytes sign() const {
    CborWriter header;
    header.map(5).integer(cose::kAlg).integer(-7);
    header.integer(cose::kCrit).array(crit.size());
    for (const std::string& label : crit) header.text(label);
    header.integer(cose::kKid).bytes(kid);
    header.integer(cose::kCwtClaims).map(2).integer(1).text(issuer).integer(2).text("thing");
    header.text("attestedsvc").map(uvm.empty() ? 6 : 7);
    header.text("ver").unsigned_integer(version).text("svc_id").text(service);
    header.text("cose_key").raw(cose_key_encode(key.public_key(), std::nullopt, std::nullopt));
    header.text("attestation").bytes(chain.report).text("attestation_type").text(type);
    const std::string pem = pem_of(chain.leaf) + pem_of(chain.middle) + pem_of(chain.root);
    header.text("snp_endorsements").bytes(as_bytes(pem));
    if (!uvm.empty()) header.text("uvm_endorsements").bytes(uvm);
    const Bytes payload{1, 2, 3};
    const Bytes signature =
        key.sign(Algorithm::kEs256, cose_to_be_signed(header.data(), payload)).value();
    const Bytes empty_map{0xa0};
    return cose_sign1_encode(header.data(), empty_map, BytesView(payload), signature);
  }
  [[nodiscard]] Result<AttestedService> verify() const {
    const std::vector<AmdRoot> roots{chain.pinned()};
    const Bytes bytes = sign();
    const auto statement =
        Statement::parse(bytes, limits::kStatementBytesMax, StatementProfile::kForeign);
    REQUIRE(statement);
    return verify_attested_service(*statement, 1'800'000'000, roots);
  }
  [[nodiscard]] std::string why() const {
    const auto verified = verify();
    return verified ? std::string() : verified.error().message;
  }
};

TEST_CASE("attested service: evidence, key, kid and issuer belong together") {
  const OwnService good;
  const auto verified = good.verify();
  REQUIRE(verified);
  CHECK(verified->service == "builder");
  CHECK(verified->key == good.key.public_key());
  CHECK_FALSE(verified->uvm);
  CHECK_FALSE(verified->retired_form);

  const auto why = [](const std::function<void(OwnService&)>& change) {
    OwnService changed;
    change(changed);
    return changed.why();
  };
  CHECK_THAT(why([](OwnService& own) { own.kid[0] ^= 1; }), ContainsSubstring("kid (4)"));
  CHECK_THAT(why([](OwnService& own) { own.issuer = "did:attestedsvc:builders::tenant"; }),
             ContainsSubstring("expected \"did:attestedsvc:builder:...\""));
  CHECK_THAT(why([](OwnService& own) { own.service.clear(); }), ContainsSubstring("CWT iss (1)"));
  CHECK_THAT(why([](OwnService& own) { own.type = "TDX"; }),
             ContainsSubstring("attestation type \"TDX\""));
  CHECK_THAT(why([](OwnService& own) { own.version = 1; }), ContainsSubstring("ver 1, expected 0"));
  CHECK_THAT(why([](OwnService& own) { own.crit.push_back("attestedsvc"); }),
             ContainsSubstring("expected exactly \"attestedsvc\""));
  CHECK_THAT(why([](OwnService& own) { own.uvm = {1, 2}; }), ContainsSubstring("UVM endorsement"));
  CHECK_THAT(why([](OwnService& own) { own.chain.report[0x90] ^= 1; }),
             ContainsSubstring("SNP report"));
}

TEST_CASE("attested service: a report for another key, or for more than the key, is refused") {
  OwnService service;
  service.chain.report[0x50] ^= 1;
  service.chain.sign();
  CHECK_THAT(service.why(), ContainsSubstring("the report data is not the thumbprint"));
  service = OwnService();
  service.chain.report[0x50 + 63] = 1;
  service.chain.sign();
  CHECK_THAT(service.why(), ContainsSubstring("the report data is not the thumbprint"));
}

TEST_CASE("attested service: what a policy must pin, and how it names patch levels") {
  const auto refused = [](const AttestedServiceRule& rule) {
    const auto compiled = compile_attested_service(rule);
    REQUIRE_FALSE(compiled);
    return compiled.error().message;
  };
  const std::string digest(64, 'a');
  const std::string measurement(96, 'b');
  CHECK_THAT(refused({}), ContainsSubstring("expected measurements"));
  CHECK_THAT(refused({{}, {digest}, {}, "", ""}), ContainsSubstring("expected measurements"));
  CHECK_THAT(refused({{}, {}, {}, "did:x509:0", "feed"}), ContainsSubstring("host_data"));
  CHECK_THAT(refused({{measurement}, {}, {}, "did:x509:0", ""}), ContainsSubstring("go together"));
  CHECK_THAT(refused({{digest}, {}, {}, "", ""}), ContainsSubstring("expected 96"));
  CHECK_THAT(refused({{measurement}, {"zz"}, {}, "", ""}), ContainsSubstring("host_data"));
  for (const std::string text :
       {"", "Milan", "Milan ", "Rome 1.2.3.4", "Milan 1.2.3", "Turin 1.2.3.4", "Milan 1.2.3.4.5",
        "Milan 1.2.3.256", "Milan 1..3.4", "Milan 01.2.3.4"}) {
    INFO(text);
    CHECK_THAT(refused({{measurement}, {}, {text}, "", ""}), ContainsSubstring("minimum_tcb"));
  }
  const auto compiled = compile_attested_service(
      {{measurement}, {}, {"Milan 4.0.24.219", "Turin 1.2.3.4.5"}, "", ""});
  REQUIRE(compiled);
  REQUIRE(compiled->snp.minimum_tcb.size() == 2);
  CHECK(to_string(compiled->snp.minimum_tcb[1].second) ==
        "FMC 1, boot loader 2, TEE 3, SNP 4, microcode 5");
  CHECK(compiled->snp.vmpl_max == 0);
}

Bytes attested_vector(const std::filesystem::path& dir, const std::string& date) {
  const std::string text = read_file(dir / "attestation" / "snp-aci-attested-cose" /
                                     ("css-attested-cosesign1-" + date + ".cose"));
  return to_bytes(as_bytes(text));
}

Result<AttestedService> verify_vector(const Bytes& bytes, std::optional<std::int64_t> time_s) {
  const auto statement =
      Statement::parse(bytes, limits::kStatementBytesMax, StatementProfile::kForeign);
  if (!statement) return fail(static_cast<const Error&>(statement.error()));
  WITAN_ASSIGN(AttestedService service, verify_attested_service(*statement, time_s));
  WITAN_TRY(statement->cose.verify(service.key));
  return service;
}

TEST_CASE("attested service vectors: the four real statements verify") {
  const auto dir = vectors_dir();
  if (!dir) {
    std::cout << "attested service vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  for (const std::string date : {"20250617", "20250812", "20250925", "20260302"}) {
    INFO(date);
    const bool recent = date == "20260302";
    const auto verified = verify_vector(attested_vector(*dir, date), std::nullopt);
    if (!verified) INFO(verified.error().message);
    REQUIRE(verified);
    CHECK(verified->service == (recent ? "css-cts-ppe" : "msft-css-dev"));
    CHECK(verified->snp.product == (recent ? SnpProduct::kGenoa : SnpProduct::kMilan));
    REQUIRE(verified->uvm);
    CHECK(verified->uvm->feed == "ContainerPlat-AMD-UVM");
    CHECK(verified->uvm->svn == (recent ? 104 : 101));
    CHECK(verified->uvm->launch_measurement == verified->snp.report.measurement);
    CHECK(verified->retired_form == (date < "20250925"));
    CHECK(check_attested_service(*verified, {}).has_value() == (date >= "20250925"));
  }
  // At the time that the statement gives, and long after.
  const Bytes bytes = attested_vector(*dir, "20260302");
  CHECK(verify_vector(bytes, 1'772'459'414));
  CHECK_FALSE(verify_vector(bytes, 1'900'000'000));
  std::cout << "attested service vectors checked: 4\n";
}

TEST_CASE("attested service vectors: a flipped byte anywhere fails") {
  const auto dir = vectors_dir();
  if (!dir) return;
  Bytes bytes = attested_vector(*dir, "20260302");
  for (std::size_t at = 0; at < bytes.size(); at += 211) {
    bytes[at] ^= 1;
    if (verify_vector(bytes, std::nullopt)) FAIL("byte " << at);
    bytes[at] ^= 1;
  }
  CHECK(verify_vector(bytes, std::nullopt));
}

// A policy over real statements, with what its rule must be told.
struct AttestedWorld {
  RegistrationPolicyConfig config;
  AttestedServiceRule rule;
  std::filesystem::path dir;

  explicit AttestedWorld(std::filesystem::path dir_in) : dir(std::move(dir_in)) {
    config.admin_keys = {PrivateKey::generate(KeyKind::kEd25519).value().public_key().pem()};
    const auto verified = verify_vector(attested_vector(dir, "20260302"), std::nullopt).value();
    rule.host_data = {hex_encode(verified.snp.report.host_data)};
    rule.uvm_issuer = verified.uvm->issuer;
    rule.uvm_feed = verified.uvm->feed;
    rule.uvm_svn_min = 104;
    rule.minimum_tcb = {"Genoa 10.0.23.84"};
    config.issuers = {{"did:attestedsvc:css-cts-ppe::*", {}, {}, {}}};
  }
  [[nodiscard]] std::string why(const std::string& date) {
    if (!config.issuers.empty()) config.issuers[0].attested = rule;
    const auto again = parse_registration_policy(encode(config), "policy");
    REQUIRE(again);
    CHECK(*again == config);
    const auto policy = RegistrationPolicy::compile(*again);
    if (!policy) return policy.error().message;
    const auto statement = Statement::parse(attested_vector(dir, date), limits::kStatementBytesMax);
    if (!statement) return statement.error().message;
    const auto checked = policy->check(*statement);
    return checked ? std::string() : checked.error().message;
  }
};

TEST_CASE(
    "attested service vectors: register under a policy that allows them, and under no other") {
  const auto dir = vectors_dir();
  if (!dir) return;
  AttestedWorld world(*dir);
  CHECK(world.why("20260302").empty());
  world.config.check_time = CheckTime::kIat;
  CHECK(world.why("20260302").empty());
  world.config.check_time = CheckTime::kNone;

  const auto with = [&](const std::function<void(AttestedServiceRule&)>& change) {
    AttestedWorld other = world;
    change(other.rule);
    return other.why("20260302");
  };
  CHECK_THAT(with([](auto& rule) { rule.host_data = {std::string(64, '0')}; }),
             ContainsSubstring("issuer.attested: SNP host data"));
  CHECK_THAT(with([](auto& rule) { rule.measurements = {std::string(96, '0')}; }),
             ContainsSubstring("SNP measurement"));
  CHECK_THAT(with([](auto& rule) { rule.uvm_svn_min = 105; }), ContainsSubstring("uvm_svn_min"));
  CHECK_THAT(with([](auto& rule) { rule.uvm_feed = "Other"; }), ContainsSubstring("uvm_feed"));
  CHECK_THAT(with([](auto& rule) { rule.uvm_issuer = "did:x509:0:sha256:A::eku:1.2"; }),
             ContainsSubstring("uvm_issuer"));
  CHECK_THAT(with([](auto& rule) { rule.minimum_tcb = {"Genoa 10.0.23.85"}; }),
             ContainsSubstring("microcode 85"));
  CHECK_THAT(with([](auto& rule) { rule.minimum_tcb = {"Milan 0.0.0.0"}; }),
             ContainsSubstring("no least patch levels"));
  CHECK_THAT(world.why("20250812"), ContainsSubstring("msft-css-dev is not understood"));

  AttestedWorld nobody = world;
  nobody.config.issuers.clear();
  CHECK_THAT(nobody.why("20260302"), ContainsSubstring("issuer.name"));
  AttestedWorld by_key = world;
  by_key.config.issuers = {{"did:attestedsvc:css-cts-ppe::*", by_key.config.admin_keys, {}, {}}};
  CHECK_THAT(by_key.why("20260302"), ContainsSubstring("in place of keys and anchors"));
  AttestedWorld other_kind = world;
  other_kind.config.issuers[0].name = "https://example.com";
  CHECK_THAT(other_kind.why("20260302"), ContainsSubstring("did:attestedsvc issuers only"));
}

TEST_CASE("attested service vectors: one without subject needs the policy's word for it") {
  const auto dir = vectors_dir();
  if (!dir) return;
  AttestedWorld world(*dir);
  const auto verified = verify_vector(attested_vector(*dir, "20250925"), std::nullopt);
  REQUIRE(verified);
  world.config.issuers[0].name = "did:attestedsvc:msft-css-dev::*";
  world.rule = {{hex_encode(verified->snp.report.measurement)}, {}, {}, "", ""};
  CHECK_THAT(world.why("20250925"), ContainsSubstring("CWT sub (2): missing"));
  world.rule.without_subject = true;
  CHECK(world.why("20250925").empty());
  world.config.check_time = CheckTime::kIat;
  CHECK_THAT(world.why("20250925"), ContainsSubstring("no iat"));
}

}  // namespace
}  // namespace witan::test
