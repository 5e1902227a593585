// AWS Nitro documents: made by the test, and AWS's own.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "tests/ledger/attestation/nitro_maker.h"
#include "tests/support/vectors.h"

namespace witan::test {
namespace {

constexpr std::int64_t kNitroTimeS = kNitroTimeMs / 1'000;

ErrorCode nitro_code(const Result<NitroResult>& result) {
  REQUIRE(!result);
  return result.error().code;
}

// A maker with one part changed.
ErrorCode changed(const std::function<void(NitroMaker&)>& change) {
  NitroMaker maker;
  change(maker);
  return nitro_code(maker.verify());
}

}  // namespace

TEST_CASE("nitro: a document verifies to its root, with maps of definite and indefinite length") {
  NitroMaker maker;
  for (const bool indefinite : {false, true}) {
    maker.indefinite = indefinite;
    NitroPolicy policy = maker.policy();
    policy.nonce = Bytes{1, 2, 3};
    policy.public_key = Bytes(64, 4);
    policy.pcrs = {{1, Bytes(48, 2)}};
    policy.time_s = kNitroTimeS + 100;
    const auto result = maker.verify(policy);
    REQUIRE(result);
    CHECK(result->nonce_checked);
    CHECK_FALSE(result->debug);
    CHECK(result->document.module_id == "i-1");
    CHECK(result->document.timestamp_ms == kNitroTimeMs);
    CHECK(result->document.pcrs.size() == 3);
    CHECK_FALSE(result->document.user_data);
    CHECK_FALSE(maker.verify()->nonce_checked);
  }
}

TEST_CASE("nitro: what the policy names must be so") {
  const NitroMaker maker;
  const auto refusal = [&](const std::function<void(NitroPolicy&)>& change) {
    NitroPolicy policy = maker.policy();
    change(policy);
    return nitro_code(maker.verify(policy));
  };
  CHECK(refusal([](NitroPolicy& p) { p.nonce = Bytes{1}; }) == ErrorCode::kStale);
  CHECK(refusal([](NitroPolicy& p) { p.user_data = Bytes{}; }) == ErrorCode::kRefused);
  CHECK(refusal([](NitroPolicy& p) { p.public_key = Bytes{}; }) == ErrorCode::kRefused);
  CHECK(refusal([](NitroPolicy& p) { p.pcrs = {{0, Bytes(48, 9)}}; }) == ErrorCode::kRefused);
  CHECK(refusal([](NitroPolicy& p) { p.pcrs = {{8, Bytes(48)}}; }) == ErrorCode::kRefused);
  CHECK(refusal([](NitroPolicy& p) { p.roots = {kNitroRootG1}; }) == ErrorCode::kBadIdentity);
  CHECK(refusal([](NitroPolicy& p) { p.roots = {}; }) == ErrorCode::kBadIdentity);
  // The leaf lives three hours: a verifier who wants it valid today says so.
  CHECK(refusal([](NitroPolicy& p) { p.time_s = kNitroTimeS + 20'000; }) ==
        ErrorCode::kBadIdentity);
}

TEST_CASE("nitro: debug mode is refused unless the policy allows it") {
  NitroMaker maker;
  for (unsigned pcr = 0; pcr < 3; ++pcr) maker.pcrs[pcr] = Bytes(48);
  CHECK(nitro_code(maker.verify()) == ErrorCode::kRefused);
  NitroPolicy policy = maker.policy();
  policy.allow_debug = true;
  const auto result = maker.verify(policy);
  REQUIRE(result);
  CHECK(result->debug);
  maker.pcrs[0] = Bytes(48, 1);
  CHECK(nitro_code(maker.verify()) == ErrorCode::kRefused);
}

TEST_CASE("nitro: the chain must be whole, in order, valid at the document's time") {
  CHECK(changed([](NitroMaker& m) { m.timestamp_ms += 20'000'000; }) == ErrorCode::kBadIdentity);
  CHECK(changed([](NitroMaker& m) { m.timestamp_ms = 1; }) == ErrorCode::kBadIdentity);
  CHECK(changed([](NitroMaker& m) { m.cabundle.pop_back(); }) == ErrorCode::kBadIdentity);
  CHECK(changed([](NitroMaker& m) { std::swap(m.cabundle[0], m.cabundle[1]); }) ==
        ErrorCode::kBadIdentity);
  CHECK(changed([](NitroMaker& m) { m.cabundle.push_back(m.cabundle[1]); }) ==
        ErrorCode::kBadIdentity);
  CHECK(changed([](NitroMaker& m) {
          m.leaf = make_certificate({.name = "Leaf"}, m.leaf_key, "Middle", m.root_key);
        }) == ErrorCode::kBadIdentity);
  CHECK(changed([](NitroMaker& m) {
          m.leaf = make_certificate(
              {.name = "Leaf", .extensions = {{"keyUsage", "critical,keyAgreement"}}}, m.leaf_key,
              "Middle", m.middle_key);
        }) == ErrorCode::kBadIdentity);
  CHECK(changed([](NitroMaker& m) { m.leaf_key = nitro_key(); }) == ErrorCode::kBadSignature);
}

TEST_CASE("nitro: payloads outside of the format are refused") {
  CHECK(changed([](NitroMaker& m) { m.digest = "SHA512"; }) == ErrorCode::kUnsupported);
  CHECK(changed([](NitroMaker& m) { m.timestamp_ms = UINT64_MAX; }) == ErrorCode::kMalformed);
  CHECK(changed([](NitroMaker& m) { m.pcrs.erase(1); }) == ErrorCode::kMalformed);
  CHECK(changed([](NitroMaker& m) { m.pcrs[2].pop_back(); }) == ErrorCode::kMalformed);
  CHECK(changed([](NitroMaker& m) { m.pcrs[32] = Bytes(48); }) == ErrorCode::kMalformed);
  CHECK(changed([](NitroMaker& m) { m.nonce = Bytes(513); }) == ErrorCode::kTooLarge);
  CHECK(changed([](NitroMaker& m) { m.cabundle.clear(); }) == ErrorCode::kMalformed);
  CHECK(changed([](NitroMaker& m) {
          m.cabundle.resize(limits::kCertificatesMax, m.cabundle[1]);
        }) == ErrorCode::kTooLarge);
  CHECK(changed([](NitroMaker& m) { m.cabundle[1] = {1}; }) == ErrorCode::kMalformed);
  CHECK(changed([](NitroMaker& m) {
          m.more_pairs = {0x61, 'x', 0x01};
          m.more = 1;
        }) == ErrorCode::kUnsupported);
  CHECK(changed([](NitroMaker& m) {
          m.more_pairs = {0x01, 0x01};
          m.more = 1;
        }) == ErrorCode::kMalformed);
  CHECK(nitro_code(verify_nitro_document(Bytes(limits::kNitroDocumentBytesMax + 1), {})) ==
        ErrorCode::kTooLarge);
  CHECK_FALSE(NitroDocument::parse(Bytes(limits::kNitroDocumentBytesMax + 1)));
  CHECK_FALSE(NitroDocument::parse(Bytes{0xa0}));
  CHECK_FALSE(NitroDocument::parse(Bytes{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
}

TEST_CASE("nitro: only ES384 without other headers and without a tag") {
  const NitroMaker maker;
  const auto code = [&](const Bytes& document) {
    return nitro_code(verify_nitro_document(document, maker.policy()));
  };
  CHECK(code(maker.document({0xa1, 0x01, 0x26})) == ErrorCode::kUnsupported);
  CHECK(code(maker.document({0xa2, 0x01, 0x38, 0x22, 0x04, 0x41, 0x01})) ==
        ErrorCode::kUnsupported);
  CHECK(code(maker.document({0xa1, 0x01, 0x38, 0x22}, {0xa1, 0x04, 0x41, 0x01})) ==
        ErrorCode::kUnsupported);
  CHECK(code(maker.document({})) == ErrorCode::kMalformed);
  Bytes tagged{0xd2};
  append(tagged, maker.document());
  CHECK(code(tagged) == ErrorCode::kMalformed);
}

TEST_CASE("nitro: every changed byte and every cut of a document fails") {
  const NitroMaker maker;
  const Bytes good = maker.document();
  REQUIRE(verify_nitro_document(good, maker.policy()));
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
    REQUIRE_FALSE(verify_nitro_document(bad, maker.policy()));
    REQUIRE_FALSE(verify_nitro_document(BytesView(good).first(i), maker.policy()));
  }
}

TEST_CASE("nitro vectors: AWS's documents verify at their own time, debug ones by policy alone") {
  init_crypto();
  const auto vectors = vectors_dir();
  if (!vectors) {
    WARN("WITAN_VECTORS is not set: the Nitro vectors are not looked at");
    return;
  }
  const auto folder = *vectors / "attestation" / "nitro";
  const auto root = Certificate::from_der(as_bytes(read_file(folder / "aws-nitro-root-g1.der")));
  REQUIRE(root);
  CHECK(equal(root->fingerprint(HashFunction::kSha256), kNitroRootG1));
  NitroPolicy debug;
  debug.allow_debug = true;
  for (const char* name : {"nondebug-2022-10-13.cose", "debug-2022-10-12.cose",
                           "debug-2023-09-18.cose.b64", "debug-2024-09-09.cose"}) {
    CAPTURE(name);
    std::string content = read_file(folder / name);
    const bool text = std::string_view(name).substr(std::string_view(name).size() - 3) == "b64";
    const Bytes document = text ? *base64_decode(content) : to_bytes(as_bytes(content));
    const auto result = verify_nitro_document(document, debug);
    REQUIRE(result);
    const bool is_debug = std::string_view(name).substr(0, 5) == "debug";
    CHECK(result->debug == is_debug);
    const auto strict = verify_nitro_document(document, {});
    CHECK(strict.has_value() == !is_debug);
    if (is_debug) CHECK(nitro_code(strict) == ErrorCode::kRefused);
    NitroPolicy today = debug;
    today.time_s = static_cast<std::int64_t>(result->document.timestamp_ms / 1'000) + 86'400;
    CHECK(nitro_code(verify_nitro_document(document, today)) == ErrorCode::kBadIdentity);
    // Each byte of one of them; a part of those of the others, which are made in the same way.
    for (std::size_t i = 0; i < document.size(); i += is_debug ? 23 : 1) {
      Bytes bad = document;
      bad[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
      REQUIRE_FALSE(verify_nitro_document(bad, debug));
      REQUIRE_FALSE(verify_nitro_document(BytesView(document).first(i), debug));
    }
  }
}

}  // namespace witan::test
