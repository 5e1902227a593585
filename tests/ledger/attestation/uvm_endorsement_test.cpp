// Endorsements of a utility VM: who says which launch measurement it has.

#include "ledger/attestation/uvm_endorsement.h"

#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "ledger/crypto/private_key.h"
#include "ledger/encoding.h"
#include "ledger/format/cose.h"
#include "tests/ledger/registration/certificate_maker.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan::test {
namespace {

std::string uvm_payload(const std::string& measurement = std::string(96, 'a'),
                        const std::string& svn = "\"101\"") {
  return R"({"x-ms-sevsnpvm-launchmeasurement": ")" + measurement +
         R"(", "x-ms-sevsnpvm-guestsvn": )" + svn + "}";
}

// Made once: it takes a while.
PrivateKey rsa_key() {
  static const std::string pem = [] {
    const std::shared_ptr<EVP_PKEY> key(EVP_RSA_gen(2048), EVP_PKEY_free);
    const std::shared_ptr<BIO> bio(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return std::string(text, static_cast<std::size_t>(size));
  }();
  return PrivateKey::from_pem(pem).value();
}

// An endorsement of our own, with parts that a test may spoil before it is signed.
struct OwnUvm {
  PrivateKey root_key = PrivateKey::generate(KeyKind::kP256).value();
  PrivateKey leaf_key = rsa_key();
  Certificate root =
      make_certificate({.name = "Root", .extensions = kCaExtensions}, root_key, "Root", root_key);
  std::string usage = "digitalSignature";
  std::string predicate = "::subject:CN:UVM";
  std::string payload = uvm_payload();
  Algorithm algorithm = Algorithm::kPs384;
  bool crit = false;
  bool feed = true;
  bool chain = true;

  [[nodiscard]] Bytes sign() const {
    const Certificate leaf =
        make_certificate({.name = "UVM", .extensions = {{"keyUsage", "critical," + usage}}},
                         leaf_key, "Root", root_key);
    CborWriter header;
    header.map(2 + (crit ? 1 : 0) + (feed ? 1 : 0) + (chain ? 1 : 0));
    header.integer(cose::kAlg).integer(static_cast<std::int64_t>(algorithm));
    if (crit) header.integer(cose::kCrit).array(1).text("iss");
    if (chain) {
      header.integer(cose::kX5chain).array(2).bytes(leaf.der()).bytes(root.der());
    }
    header.text("iss").text("did:x509:0:sha256:" +
                            base64url_encode(root.fingerprint(HashFunction::kSha256)) + predicate);
    if (feed) header.text("feed").text("Test-UVM");
    const Bytes signature =
        leaf_key.sign(algorithm, cose_to_be_signed(header.data(), as_bytes(payload))).value();
    const Bytes empty_map{0xa0};
    return cose_sign1_encode(header.data(), empty_map, as_bytes(payload), signature);
  }
};

std::string why_not(const std::function<void(OwnUvm&)>& change) {
  OwnUvm own;
  change(own);
  const auto verified = verify_uvm_endorsement(own.sign(), 1'800'000'000);
  return verified ? std::string() : verified.error().message;
}

TEST_CASE("UVM endorsement: measurement, feed and version under the issuer's chain") {
  const OwnUvm own;
  const auto verified = verify_uvm_endorsement(own.sign(), 1'800'000'000);
  REQUIRE(verified);
  CHECK(verified->feed == "Test-UVM");
  CHECK(verified->svn == 101);
  CHECK(hex_encode(verified->launch_measurement) == std::string(96, 'a'));
  CHECK_FALSE(verify_uvm_endorsement(own.sign(), 2'000'000'000));
}

TEST_CASE("UVM endorsement: what is refused, and why") {
  CHECK_THAT(why_not([](OwnUvm& own) { own.crit = true; }), ContainsSubstring("crit (2)"));
  CHECK_THAT(why_not([](OwnUvm& own) { own.feed = false; }), ContainsSubstring("no \"feed\""));
  CHECK_THAT(why_not([](OwnUvm& own) { own.chain = false; }), ContainsSubstring("no x5chain"));
  CHECK_THAT(why_not([](OwnUvm& own) { own.algorithm = Algorithm::kPs256; }),
             ContainsSubstring("expected PS384"));
  CHECK_THAT(why_not([](OwnUvm& own) { own.predicate = "::subject:CN:Other"; }),
             ContainsSubstring("UVM endorsement"));
  CHECK_THAT(why_not([](OwnUvm& own) { own.usage = "keyAgreement"; }),
             ContainsSubstring("key usage"));
  for (const std::string& payload :
       {std::string("no JSON"), std::string("[]"), std::string("{}"), uvm_payload("ab"),
        uvm_payload(std::string(96, 'g')), uvm_payload(std::string(98, 'a')),
        uvm_payload(std::string(96, 'a'), "101"), uvm_payload(std::string(96, 'a'), "\"-1\""),
        std::string(10'000, '[')}) {
    INFO(payload.substr(0, 200));
    CHECK_FALSE(why_not([&](OwnUvm& own) { own.payload = payload; }).empty());
  }
  const Bytes bytes = OwnUvm().sign();
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    REQUIRE_FALSE(verify_uvm_endorsement(BytesView(bytes).first(size), std::nullopt));
  }
  CHECK_FALSE(verify_uvm_endorsement(BytesView(bytes).subspan(1), std::nullopt));
  CHECK(
      verify_uvm_endorsement(Bytes(kUvmEndorsementBytesMax + 1, 0xd2), std::nullopt).error().code ==
      ErrorCode::kTooLarge);
}

TEST_CASE("UVM endorsement vectors: real ones verify, a flipped byte of what is signed fails") {
  const auto dir = vectors_dir();
  if (!dir) {
    std::cout << "UVM endorsement vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  for (const std::string date : {"20250925", "20260302"}) {
    INFO(date);
    const std::string text =
        read_file(*dir / "attestation" / "snp-aci-attested-cose" / (date + ".uvm.cose"));
    Bytes bytes = to_bytes(as_bytes(text));
    const auto verified = verify_uvm_endorsement(bytes, std::nullopt);
    REQUIRE(verified);
    CHECK(verified->feed == "ContainerPlat-AMD-UVM");
    CHECK(verified->svn == (date == "20250925" ? 101 : 104));
    // The time stamp stands in the unprotected header, which no signature covers.
    const auto parsed = CoseSign1::parse(bytes, bytes.size()).value();
    const std::size_t unsigned_begin = 3 + 3 + parsed.protected_bytes.size();
    const std::size_t unsigned_end = unsigned_begin + parsed.unprotected_bytes.size();
    for (std::size_t at = 0; at < bytes.size(); at += 37) {
      if (at >= unsigned_begin && at < unsigned_end) continue;
      bytes[at] ^= 1;
      if (verify_uvm_endorsement(bytes, std::nullopt)) FAIL("byte " << at);
      bytes[at] ^= 1;
    }
    // The leaf lived for a year.
    CHECK(verify_uvm_endorsement(bytes, date == "20250925" ? 1'731'561'659 : 1'761'595'353));
    CHECK_FALSE(verify_uvm_endorsement(bytes, 1'900'000'000));
  }
  std::cout << "UVM endorsement vectors checked: 2\n";
}

}  // namespace
}  // namespace witan::test
