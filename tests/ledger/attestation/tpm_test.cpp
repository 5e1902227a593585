// TPM 2.0 evidence made by the test: what verifies, what is refused, and by which code.

#include <cstdint>
#include <string>

#include "config/limits.h"
#include "ledger/crypto/ecdsa_der.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "tests/ledger/attestation/tpm_maker.h"
#include "tests/ledger/registration/certificate_maker.h"

namespace witan::test {
namespace {

const Bytes kQuoteNonce{9, 8, 7, 6};
constexpr std::string_view kCheckpointText = "log.example\n42\nAAAA\n";

std::vector<TpmPcr> two_pcrs() {
  return {{kTpmSha256Id, 7, Bytes(32, 1)}, {kTpmSha256Id, 14, Bytes(32, 2)}};
}

PrivateKey new_key(KeyKind kind = KeyKind::kP256) {
  init_crypto();
  auto key = PrivateKey::generate(kind);
  REQUIRE(key);
  return std::move(*key);
}

template <typename T>
ErrorCode code_of(const Result<T>& result) {
  REQUIRE(!result);
  return result.error().code;
}

struct Quoted {
  PrivateKey key = new_key();
  Bytes attest = make_tpm_quote(kQuoteNonce, two_pcrs());
  Bytes signature = tpm_sign(key, attest);

  [[nodiscard]] Result<TpmQuoteResult> verify(const TpmQuotePolicy& policy = {},
                                              std::vector<TpmPcr> pcrs = two_pcrs()) const {
    return verify_tpm_quote({attest, signature, std::move(pcrs)}, tpm_key(key), policy);
  }
};

struct Certified {
  PrivateKey key = new_key();
  Bytes nv_public = make_nv_public(kNvCounterWritten, 8);
  Bytes attest =
      make_tpm_nv(nv_public, sha256(as_bytes(kCheckpointText)), Bytes{0, 0, 0, 0, 0, 0, 3, 0x22});
  Bytes signature = tpm_sign(key, attest);

  [[nodiscard]] Result<TpmNvResult> verify(const TpmNvPolicy& policy = {},
                                           bool with_public = true) const {
    TpmNvEvidence evidence{attest, signature};
    if (with_public) evidence.nv_public = nv_public;
    return verify_tpm_nv(evidence, tpm_key(key), policy);
  }
};

}  // namespace

TEST_CASE("tpm: a quote tells clock, nonce and the PCRs that it proves") {
  const Quoted quoted;
  const auto result = quoted.verify({.nonce = kQuoteNonce, .required = {two_pcrs()[1]}});
  REQUIRE(result);
  CHECK(result->nonce_checked);
  CHECK(result->pcrs == two_pcrs());
  CHECK(result->grade() == Grade::kProcess);
  CHECK(result->attest.extra_data == kQuoteNonce);
  CHECK(result->attest.clock.clock_ms == 123'456);
  CHECK(result->attest.clock.reset_count == 7);
  CHECK(result->attest.clock.restart_count == 1);
  CHECK(result->attest.clock.safe);
  CHECK(result->attest.firmware_version == 0x2019'1023);
}

TEST_CASE("tpm: a quote without PCR values proves none") {
  const Quoted quoted;
  const auto bare = quoted.verify({}, {});
  REQUIRE(bare);
  CHECK(bare->pcrs.empty());
  CHECK_FALSE(bare->nonce_checked);
  CHECK(code_of(quoted.verify({.nonce = {}, .required = two_pcrs()}, {})) == ErrorCode::kRefused);
}

TEST_CASE("tpm: another nonce, other PCRs and another key are refused by their own codes") {
  const Quoted quoted;
  CHECK(code_of(quoted.verify({.nonce = Bytes{1}, .required = {}})) == ErrorCode::kStale);
  CHECK(code_of(quoted.verify({.nonce = Bytes{}, .required = {}})) == ErrorCode::kStale);
  auto changed = two_pcrs();
  changed[0].value[31] ^= 1;
  CHECK(code_of(quoted.verify({}, changed)) == ErrorCode::kBadProof);
  changed = {two_pcrs()[0]};
  CHECK(code_of(quoted.verify({}, changed)) == ErrorCode::kBadProof);
  changed = two_pcrs();
  changed[1].value.pop_back();
  CHECK(code_of(quoted.verify({}, changed)) == ErrorCode::kBadProof);
  // A value that is claimed for a PCR outside of the quote is not proven by it.
  auto more = two_pcrs();
  more.push_back({kTpmSha256Id, 15, Bytes(32, 3)});
  const auto result = quoted.verify({}, more);
  REQUIRE(result);
  CHECK(result->pcrs == two_pcrs());
  CHECK(code_of(quoted.verify({.nonce = {}, .required = {more[2]}}, more)) == ErrorCode::kRefused);
  auto wanted = two_pcrs();
  wanted[0].value[0] ^= 1;
  CHECK(code_of(quoted.verify({.nonce = {}, .required = wanted})) == ErrorCode::kRefused);
  const TpmQuoteEvidence evidence{quoted.attest, quoted.signature, two_pcrs()};
  CHECK(code_of(verify_tpm_quote(evidence, tpm_key(new_key()), {})) == ErrorCode::kBadSignature);
  CHECK(code_of(verify_tpm_quote(evidence, tpm_key(new_key(KeyKind::kP384)), {})) ==
        ErrorCode::kBadSignature);
  CHECK(code_of(verify_tpm_quote(evidence, tpm_key(new_key(KeyKind::kEd25519)), {})) ==
        ErrorCode::kUnsupported);
}

TEST_CASE("tpm: P-384 with SHA-384, and plain DER signatures") {
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kP384}) {
    const PrivateKey key = new_key(kind);
    const bool p256 = kind == KeyKind::kP256;
    const Bytes attest = make_tpm_quote(kQuoteNonce, two_pcrs(),
                                        p256 ? HashFunction::kSha256 : HashFunction::kSha384);
    CHECK(verify_tpm_quote({attest, tpm_sign(key, attest), two_pcrs()}, tpm_key(key), {}));
    const auto raw = key.sign(default_algorithm(kind), attest);
    REQUIRE(raw);
    const auto der = ecdsa_to_der(*raw, kind);
    REQUIRE(der);
    CHECK(verify_tpm_quote({attest, *der, two_pcrs()}, tpm_key(key), {}));
    // r || s alone is neither form.
    CHECK_FALSE(verify_tpm_quote({attest, *raw, two_pcrs()}, tpm_key(key), {}));
  }
}

TEST_CASE("tpm: a certified counter tells its value for the checkpoint") {
  const Certified certified;
  const auto result = certified.verify(
      {.checkpoint = kCheckpointText, .index_name = {}, .type = TpmNvType::kCounter});
  REQUIRE(result);
  CHECK(result->counter == 802);
  CHECK(result->checkpoint_checked);
  CHECK(result->grade() == Grade::kProcess);
  REQUIRE(result->nv_public);
  CHECK(result->nv_public->index == 0x01500016);
  CHECK(result->nv_public->name == result->index_name);
  CHECK(certified.verify({.checkpoint = {}, .index_name = result->index_name, .type = {}}));
}

TEST_CASE("tpm: without its public area an index is no counter") {
  const Certified certified;
  const auto bare = certified.verify({.checkpoint = kCheckpointText}, false);
  REQUIRE(bare);
  CHECK_FALSE(bare->counter);
  CHECK_FALSE(bare->nv_public);
  CHECK(bare->contents.size() == 8);
  CHECK(code_of(certified.verify({.checkpoint = {}, .index_name = {}, .type = TpmNvType::kCounter},
                                 false)) == ErrorCode::kRefused);
}

TEST_CASE("tpm: another checkpoint, index or type of index is refused by its own code") {
  const Certified certified;
  CHECK(code_of(certified.verify({.checkpoint = "other"})) == ErrorCode::kBadProof);
  CHECK(code_of(certified.verify({.checkpoint = {}, .index_name = Bytes(34), .type = {}})) ==
        ErrorCode::kRefused);
  CHECK(
      code_of(certified.verify({.checkpoint = {}, .index_name = {}, .type = TpmNvType::kExtend})) ==
      ErrorCode::kRefused);
  Certified foreign;
  foreign.nv_public[3] ^= 1;
  CHECK(code_of(foreign.verify()) == ErrorCode::kBadProof);
  // Certified as a whole, but never written: its eight bytes count nothing.
  Certified unwritten;
  unwritten.nv_public = make_nv_public(std::uint32_t{1} << 4, 8);
  unwritten.attest = make_tpm_nv(unwritten.nv_public, {}, Bytes(8));
  unwritten.signature = tpm_sign(unwritten.key, unwritten.attest);
  const auto result = unwritten.verify();
  REQUIRE(result);
  CHECK_FALSE(result->counter);
  CHECK(code_of(
            unwritten.verify({.checkpoint = {}, .index_name = {}, .type = TpmNvType::kCounter})) ==
        ErrorCode::kRefused);
  // A part of a longer index.
  Certified part;
  part.attest = make_tpm_nv(part.nv_public, {}, Bytes(8), 1);
  part.signature = tpm_sign(part.key, part.attest);
  CHECK(code_of(part.verify()) == ErrorCode::kBadProof);
}

TEST_CASE("tpm: a quote is no certified index, nor the other way round") {
  const Quoted quoted;
  const Certified certified;
  CHECK(code_of(verify_tpm_nv({quoted.attest, quoted.signature}, tpm_key(quoted.key), {})) ==
        ErrorCode::kMalformed);
  CHECK(code_of(verify_tpm_quote({certified.attest, certified.signature, {}},
                                 tpm_key(certified.key), {})) == ErrorCode::kMalformed);
}

TEST_CASE("tpm: only a chain to a trusted root, for an attestation key, makes grade tpm") {
  init_crypto();
  const CertificateRequest request{.name = "AK",
                                   .extensions = {{"extendedKeyUsage", "2.23.133.8.3"}}};
  const TestChain chain(request);
  const std::vector<Certificate> given{chain.leaf, chain.middle};
  const std::vector<Certificate> roots{chain.root};
  constexpr std::int64_t kTime = 1'800'000'000;
  const auto key = tpm_certified_key(given, roots, kTime);
  REQUIRE(key);
  const Bytes attest = make_tpm_quote(kQuoteNonce, two_pcrs());
  const Bytes signature = tpm_sign(chain.leaf_key, attest);
  const auto result = verify_tpm_quote({attest, signature, {}}, *key, {});
  REQUIRE(result);
  CHECK(result->grade() == Grade::kTpm);
  const auto pinned = tpm_pinned_key(chain.leaf_key.public_key().spki());
  REQUIRE(pinned);
  CHECK(verify_tpm_quote({attest, signature, {}}, *pinned, {})->grade() == Grade::kProcess);
  CHECK(tpm_pinned_key(as_bytes(chain.leaf_key.public_key().pem()))->key == pinned->key);

  CHECK(code_of(tpm_certified_key(given, {}, kTime)) == ErrorCode::kBadIdentity);
  CHECK(code_of(tpm_certified_key(given, std::vector{TestChain().root}, kTime)) ==
        ErrorCode::kBadIdentity);
  CHECK(code_of(tpm_certified_key(given, roots, 1'950'000'000)) == ErrorCode::kBadIdentity);
  CHECK(code_of(tpm_certified_key({}, roots, kTime)) == ErrorCode::kBadIdentity);
  // A root that issues for other ends as well must not vouch for what is no attestation key.
  const std::vector<CertificateRequest> others{
      {.name = "AK"},
      {.name = "AK", .extensions = {{"extendedKeyUsage", "clientAuth"}}},
      {.name = "AK",
       .extensions = {{"extendedKeyUsage", "2.23.133.8.3"}, {"keyUsage", "keyEncipherment"}}}};
  for (const CertificateRequest& other : others) {
    const TestChain wrong(other);
    CHECK(code_of(tpm_certified_key(wrong.all(), std::vector{wrong.root}, kTime)) ==
          ErrorCode::kBadIdentity);
  }
  CHECK_FALSE(tpm_pinned_key({}));
  CHECK_FALSE(tpm_pinned_key(Bytes{0x30, 0}));
}

TEST_CASE("tpm: what a TPM did not make, and absurd lengths, are refused") {
  const auto parse = [](const TpmWriter& writer) {
    return code_of(TpmAttest::parse(writer.bytes()));
  };
  CHECK(parse(TpmWriter()) == ErrorCode::kMalformed);
  CHECK(parse(TpmWriter().number(0xff544348, 4)) == ErrorCode::kMalformed);
  CHECK(parse(TpmWriter().number(0xff544347, 4).number(0x8017, 2)) == ErrorCode::kUnsupported);
  CHECK(parse(TpmWriter().raw(Bytes(limits::kTpmAttestBytesMax + 1))) == ErrorCode::kTooLarge);
  CHECK(parse(tpm_attest_head(0x8018, Bytes(67))) == ErrorCode::kTooLarge);
  CHECK(parse(tpm_attest_head(0x8018, {}).number(0xffffffff, 4)) == ErrorCode::kTooLarge);
  CHECK(parse(tpm_attest_head(0x8018, {}).number(1, 4).number(0x000b, 2).number(255, 1)) ==
        ErrorCode::kTooLarge);
  CHECK(parse(tpm_attest_head(0x8018, {}).number(1, 4).number(0x0012, 2)) ==
        ErrorCode::kUnsupported);
  CHECK(parse(tpm_attest_head(0x8018, {}).number(0, 4).sized(Bytes(65))) == ErrorCode::kTooLarge);
  CHECK(parse(tpm_attest_head(0x8014, {}).sized({}).number(0, 2).number(0xffff, 2)) ==
        ErrorCode::kTooLarge);
  Bytes unsafe = make_tpm_quote({}, two_pcrs());
  unsafe[4 + 2 + 36 + 2 + 8 + 4 + 4] = 2;
  CHECK(code_of(TpmAttest::parse(unsafe)) == ErrorCode::kMalformed);

  CHECK(code_of(TpmNvPublic::parse({})) == ErrorCode::kMalformed);
  CHECK(code_of(TpmNvPublic::parse(Bytes(256, 1))) == ErrorCode::kTooLarge);
  CHECK(code_of(TpmNvPublic::parse(make_nv_public(0xf0, 8))) == ErrorCode::kUnsupported);
  const Bytes area = make_nv_public(kNvCounterWritten, 8);
  const auto prefixed = TpmNvPublic::parse(TpmWriter().sized(area).bytes());
  REQUIRE(prefixed);
  CHECK(prefixed->name == TpmNvPublic::parse(area)->name);
}

TEST_CASE("tpm: every changed bit and every cut of evidence fails") {
  const Quoted quoted;
  const Certified certified;
  const auto each = [](const Bytes& bytes, const auto& accepted) {
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      REQUIRE_FALSE(
          accepted(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut))));
    }
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      Bytes changed = bytes;
      changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      REQUIRE_FALSE(accepted(changed));
    }
    Bytes longer = bytes;
    longer.push_back(0);
    REQUIRE_FALSE(accepted(longer));
  };
  each(quoted.attest, [&](const Bytes& changed) {
    return verify_tpm_quote({changed, quoted.signature, {}}, tpm_key(quoted.key), {}).has_value();
  });
  each(quoted.signature, [&](const Bytes& changed) {
    return verify_tpm_quote({quoted.attest, changed, {}}, tpm_key(quoted.key), {}).has_value();
  });
  each(certified.attest, [&](const Bytes& changed) {
    return verify_tpm_nv({changed, certified.signature}, tpm_key(certified.key), {}).has_value();
  });
  each(certified.nv_public, [&](const Bytes& changed) {
    return verify_tpm_nv({certified.attest, certified.signature, changed}, tpm_key(certified.key),
                         {})
        .has_value();
  });
}

}  // namespace witan::test
