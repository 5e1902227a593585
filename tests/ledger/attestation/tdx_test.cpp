// TDX quotes that the test makes: what verifies, what is refused, and by which code.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/der.h"
#include "ledger/crypto/revocation_list.h"
#include "tests/ledger/attestation/tdx_maker.h"

namespace witan::test {
namespace {

// A maker with one part changed, under the policy that takes it unchanged.
ErrorCode made(const std::function<void(TdxMaker&)>& change) {
  TdxMaker maker;
  change(maker);
  const auto result = maker.verify();
  REQUIRE(!result);
  return result.error().code;
}

std::string components(std::size_t first) {
  std::string out = "[";
  for (std::size_t i = 0; i < 16; ++i) {
    out += (i == 0 ? "{\"svn\":" : ",{\"svn\":") + std::to_string(i == 0 ? first : 0) + "}";
  }
  return out + "]";
}

std::string level(std::size_t first, const std::string& status) {
  return "{\"tcb\":{\"sgxtcbcomponents\":" + components(first) +
         ",\"pcesvn\":11,\"tdxtcbcomponents\":" + components(0) + "},\"tcbStatus\":\"" + status +
         "\"}";
}

const std::string kPeriod =
    "\"issueDate\":\"2027-01-01T00:00:00Z\",\"nextUpdate\":\"2027-02-01T00:00:00Z\"";

std::string tcb_info_body(const std::string& levels, const std::string& period = kPeriod) {
  return "{\"id\":\"TDX\",\"version\":3," + period +
         ",\"fmspc\":\"010203040506\",\"pceId\":\"0000\",\"tdxModule\":{\"mrsigner\":\"" +
         std::string(96, '0') +
         "\",\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},"
         "\"tcbLevels\":[" +
         levels + "]}";
}

std::string qe_identity_body(const std::string& status) {
  return "{\"id\":\"TD_QE\",\"version\":2," + kPeriod +
         ",\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\",\"attributes\":\"11" +
         std::string(30, '0') + "\",\"attributesMask\":\"FB" + std::string(30, '0') +
         "\",\"mrsigner\":\"" + hex_encode(kIntelTdQuotingEnclave.mr_signer) +
         "\",\"isvprodid\":2,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":4},\"tcbStatus\":\"" + status +
         "\"}]}";
}

std::string response(const std::string& name, const std::string& body, const PrivateKey& key) {
  return "{\"" + name + "\":" + body + ",\"signature\":\"" +
         hex_encode(sign_es256(key, as_bytes(body))) + "\"}";
}

// Collateral of the maker's platform, signed in the name of Intel's service.
struct CollateralMaker {
  PrivateKey key = PrivateKey::generate(KeyKind::kP256).value();
  std::string tcb_info, qe_identity;
  std::vector<Certificate> chain;

  CollateralMaker(const TdxMaker& maker, const std::string& levels, const std::string& qe,
                  const std::string& name = "Intel SGX TCB Signing")
      : tcb_info(response("tcbInfo", tcb_info_body(levels), key)),
        qe_identity(response("enclaveIdentity", qe_identity_body(qe), key)),
        chain({make_certificate({.name = name}, key, "Root", maker.chain.root_key),
               maker.chain.root}) {}
  [[nodiscard]] TdxCollateral all() const { return {tcb_info, qe_identity, chain, {}, {}}; }
};

ErrorCode with(const TdxMaker& maker, const TdxCollateral& collateral) {
  const auto result = maker.verify(maker.policy(), collateral);
  REQUIRE(!result);
  return result.error().code;
}

}  // namespace

TEST_CASE("tdx: quotes of version 4 and of both bodies of version 5 verify") {
  TdxMaker maker;
  for (const auto& [version, body] : {std::pair{4, 2}, std::pair{5, 2}, std::pair{5, 3}}) {
    maker.version = static_cast<std::uint16_t>(version);
    maker.body_type = static_cast<std::uint16_t>(body);
    const auto result = maker.verify();
    REQUIRE(result);
    CHECK(result->quote.version == version);
    CHECK(result->quote.report.tee_tcb_svn2.has_value() == (body == 3));
    CHECK(result->quote.report.mr_td[0] == 0x11);
    CHECK(result->quote.report.rtmr[0][0] == 0x22);
    CHECK(result->quote.report.report_data[0] == 0x33);
    CHECK(result->platform.fmspc == std::array<std::uint8_t, 6>{1, 2, 3, 4, 5, 6});
    CHECK(result->platform.component_svn[15] == 16);
    CHECK(result->platform.pce_svn == 11);
    CHECK_FALSE(result->report_data_checked);
  }
}

TEST_CASE("tdx: debug domains and enclaves, foreign enclaves, modules and keys are refused") {
  CHECK(made([](TdxMaker& m) { m.td_attributes = 1; }) == ErrorCode::kRefused);
  CHECK(made([](TdxMaker& m) { m.td_attributes = 0x80; }) == ErrorCode::kRefused);
  CHECK(made([](TdxMaker& m) { m.qe_attributes = 0x13; }) == ErrorCode::kBadIdentity);
  CHECK(made([](TdxMaker& m) { m.qe_signer[0] ^= 1; }) == ErrorCode::kBadIdentity);
  CHECK(made([](TdxMaker& m) { m.product = 1; }) == ErrorCode::kBadIdentity);
  CHECK(made([](TdxMaker& m) { m.seam_signer = 1; }) == ErrorCode::kBadIdentity);
  CHECK(made([](TdxMaker& m) { m.auth_data[0] ^= 1; }) == ErrorCode::kBadProof);
  CHECK(made([](TdxMaker& m) { m.key_type = 3; }) == ErrorCode::kUnsupported);
  CHECK(made([](TdxMaker& m) { m.version = 3; }) == ErrorCode::kUnsupported);
  CHECK(made([](TdxMaker& m) {
          m.version = 5;
          m.body_type = 1;
        }) == ErrorCode::kUnsupported);
  CHECK(made([](TdxMaker& m) {
          m.auth_data = m.vouched_auth_data = Bytes(limits::kTdxAuthDataBytesMax + 1);
        }) == ErrorCode::kTooLarge);
  TdxMaker maker;
  maker.td_attributes = 1;
  TdxPolicy policy = maker.policy();
  policy.allow_debug = true;
  REQUIRE(maker.verify(policy));
  CHECK(maker.verify(policy)->debug);
}

TEST_CASE("tdx: the chain is three certificates as PEM writes them, up to a pinned root") {
  CHECK(made([](TdxMaker& m) { m.pem += "\n"; }) == ErrorCode::kMalformed);
  CHECK(made([](TdxMaker& m) { m.pem = "x\n" + m.pem; }) == ErrorCode::kMalformed);
  CHECK(made([](TdxMaker& m) { m.pem.clear(); }) == ErrorCode::kMalformed);
  CHECK(made([](TdxMaker& m) { m.pem = std::string(1, '\0'); }) == ErrorCode::kMalformed);
  CHECK(made([](TdxMaker& m) { m.pem = pem_of(m.chain.leaf) + pem_of(m.chain.middle); }) ==
        ErrorCode::kMalformed);
  CHECK(made([](TdxMaker& m) {
          m.pem = pem_of(m.chain.leaf) + pem_of(m.chain.root) + pem_of(m.chain.middle);
        }) == ErrorCode::kBadIdentity);
  CHECK(made([](TdxMaker& m) {
          const Certificate bare =
              make_certificate({.name = "PCK"}, m.chain.leaf_key, "Middle", m.chain.middle_key);
          m.pem = pem_of(bare) + pem_of(m.chain.middle) + pem_of(m.chain.root);
        }) == ErrorCode::kMalformed);
  CHECK(made([](TdxMaker& m) {
          const Certificate less = make_certificate(
              {.name = "PCK", .extensions = {{"1.2.840.113741.1.13.1", sgx_extension(false)}}},
              m.chain.leaf_key, "Middle", m.chain.middle_key);
          m.pem = pem_of(less) + pem_of(m.chain.middle) + pem_of(m.chain.root);
        }) == ErrorCode::kMalformed);
  TdxMaker maker;
  maker.pem += '\0';
  CHECK(maker.verify());
  CHECK(maker.verify(TdxPolicy{}).error().code == ErrorCode::kBadIdentity);
  const auto late = verify_tdx_quote(maker.quote(), {}, maker.policy(), 1'950'000'000);
  CHECK(late.error().code == ErrorCode::kBadIdentity);
}

TEST_CASE("tdx: collateral gives the status of platform and enclave, and says who signed it") {
  const TdxMaker maker;
  const CollateralMaker good(maker, level(1, "UpToDate"), "UpToDate");
  const auto result = maker.verify(maker.policy(), good.all());
  REQUIRE(result);
  CHECK(result->status == TdxTcbStatus::kUpToDate);
  CHECK(result->collateral_signed);
  CHECK_FALSE(result->revocation_checked);
  TdxCollateral unsigned_by_chain = good.all();
  unsigned_by_chain.signing_chain.clear();
  CHECK_FALSE(maker.verify(maker.policy(), unsigned_by_chain)->collateral_signed);
  TdxPolicy strict = maker.policy();
  strict.require_collateral = true;
  CHECK(maker.verify(strict, good.all()).error().code == ErrorCode::kRefused);

  const CollateralMaker second(maker, level(2, "UpToDate") + "," + level(1, "OutOfDate"),
                               "UpToDate");
  CHECK(with(maker, second.all()) == ErrorCode::kRefused);
  TdxPolicy lenient = maker.policy();
  lenient.accepted = {TdxTcbStatus::kUpToDate, TdxTcbStatus::kOutOfDate, TdxTcbStatus::kRevoked};
  CHECK(maker.verify(lenient, second.all())->status == TdxTcbStatus::kOutOfDate);
  const CollateralMaker revoked(maker, level(1, "UpToDate"), "Revoked");
  CHECK(maker.verify(lenient, revoked.all()).error().code == ErrorCode::kRefused);
  CHECK(with(maker, CollateralMaker(maker, level(9, "UpToDate"), "UpToDate").all()) ==
        ErrorCode::kRefused);
  CHECK(with(maker, CollateralMaker(maker, level(1, "Fine"), "UpToDate").all()) ==
        ErrorCode::kMalformed);
  // A key that the same root certified for another end.
  CHECK(with(maker, CollateralMaker(maker, level(1, "UpToDate"), "UpToDate", "Else").all()) ==
        ErrorCode::kBadIdentity);
}

TEST_CASE("tdx: a changed byte of signed collateral fails") {
  const TdxMaker maker;
  CollateralMaker good(maker, level(1, "UpToDate"), "UpToDate");
  const Bytes quote = maker.quote();
  for (std::string CollateralMaker::*part :
       {&CollateralMaker::tcb_info, &CollateralMaker::qe_identity}) {
    std::string& text = good.*part;
    for (std::size_t i = 0; i < text.size(); i += 11) {
      text[i] = static_cast<char>(text[i] ^ 1);
      REQUIRE_FALSE(verify_tdx_quote(quote, good.all(), maker.policy(), kTdxTime));
      text[i] = static_cast<char>(text[i] ^ 1);
    }
  }
  CHECK_FALSE(TdxSignedResponse::parse({}, "tcbInfo"));
  CHECK_FALSE(TdxSignedResponse::parse("{\"tcbInfo\":{},\"signature\":\"\"}", "tcbInfo"));
  CHECK(TdxSignedResponse::parse(std::string(limits::kTdxCollateralBytesMax + 1, ' '), "tcbInfo")
            .error()
            .code == ErrorCode::kTooLarge);
}

TEST_CASE("tdx: a changed or missing byte of a quote fails, bytes after it are told") {
  TdxMaker maker;
  maker.version = 5;
  maker.body_type = 3;
  Bytes good = maker.quote();
  const TdxPolicy policy = maker.policy();
  const std::size_t text = as_text(good).find("-----BEGIN");
  for (std::size_t i = 0; i < good.size(); i += i < text ? 1 : 5) {
    Bytes bad = good;
    bad[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
    REQUIRE_FALSE(verify_tdx_quote(bad, {}, policy, kTdxTime));
    REQUIRE_FALSE(verify_tdx_quote(BytesView(good).first(i), {}, policy, kTdxTime));
  }
  good.resize(good.size() + 9);
  CHECK(verify_tdx_quote(good, {}, policy, kTdxTime)->quote.trailing_bytes == 9);
  CHECK(TdxQuote::parse(Bytes(limits::kTdxQuoteBytesMax + 1)).error().code == ErrorCode::kTooLarge);
}

TEST_CASE("tdx: out of date and in need of configuration converge to both") {
  using enum TdxTcbStatus;
  CHECK(tdx_converged_status(kUpToDate, kUpToDate) == kUpToDate);
  CHECK(tdx_converged_status(kUpToDate, kSwHardeningNeeded) == kSwHardeningNeeded);
  CHECK(tdx_converged_status(kOutOfDate, kConfigurationNeeded) == kOutOfDateConfigurationNeeded);
  CHECK(tdx_converged_status(kOutOfDate, kSwHardeningNeeded) == kOutOfDate);
  CHECK(tdx_converged_status(kRevoked, kOutOfDate) == kRevoked);
}

TEST_CASE("tdx: DER and revocation lists that are none are refused") {
  CHECK_FALSE(der_sequence({}));
  CHECK_FALSE(der_sequence(Bytes{0x30, 0x01}));
  CHECK_FALSE(der_sequence(Bytes{0x30, 0x00, 0x00}));
  CHECK_FALSE(der_sequence(Bytes{0x04, 0x00}));
  CHECK(der_sequence(Bytes{0x30, 0x00})->empty());
  CHECK(der_sequence(Bytes(limits::kCertificateBytesMax + 1)).error().code == ErrorCode::kTooLarge);
  CHECK_FALSE(RevocationList::parse({}));
  CHECK_FALSE(RevocationList::parse(Bytes{0x30, 0x00}));
  CHECK_FALSE(RevocationList::parse(as_bytes("-----BEGIN PUBLIC KEY-----")));
  CHECK(RevocationList::parse(Bytes(limits::kRevocationListBytesMax + 1)).error().code ==
        ErrorCode::kTooLarge);
}

}  // namespace witan::test
