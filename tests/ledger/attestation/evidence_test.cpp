// Evidence: what an enclave says of itself, parsed and verified from bytes alone.

#include "ledger/attestation/evidence.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "ledger/crypto/private_key.h"
#include "ledger/crypto/secret.h"
#include "ledger/format/cbor.h"
#include "ledger/format/cose.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

const Bytes kNonce{1, 2, 3, 4};

// A log's note key and evidence that it signs.
struct Log {
  PrivateKey key;
  VerifierKey vkey;

  static Log make(const std::string& origin = "log.example") {
    init_crypto();
    auto key = PrivateKey::generate(KeyKind::kEd25519);
    REQUIRE(key);
    auto vkey = VerifierKey::make(origin, NoteAlgorithm::kEd25519, key->public_key().raw());
    REQUIRE(vkey);
    return Log{std::move(*key), std::move(*vkey)};
  }
  [[nodiscard]] Evidence evidence() const {
    Evidence out;
    out.grade = Grade::kProcess;
    out.origin = vkey.name;
    out.note_thumbprint = cose_key_thumbprint(key.public_key());
    out.cose_thumbprint.fill(5);
    out.measurement.fill(6);
    out.nonce = kNonce;
    out.last = EvidenceHead{TreeSize{9}, Hash32{7}};
    out.walls = {{"landlock", ""}, {"seccomp", "built with a sanitizer"}};
    return out;
  }
  [[nodiscard]] Bytes sign(const Evidence& evidence) const {
    SignedEvidence out;
    out.body = encode_evidence_body(evidence);
    const auto signature = key.sign(Algorithm::kEdDsa, evidence_to_be_signed(out.body));
    REQUIRE(signature);
    std::copy(signature->begin(), signature->end(), out.signature.begin());
    return out.encode();
  }
};

ErrorCode refusal(const Result<Evidence>& result) {
  REQUIRE(!result);
  return result.error().code;
}

}  // namespace

TEST_CASE("evidence: what the log's key signed for the nonce verifies and says the same") {
  const Log log = Log::make();
  for (const bool with_head : {true, false}) {
    Evidence evidence = log.evidence();
    if (!with_head) evidence.last.reset();
    const Bytes bytes = log.sign(evidence);
    const auto verified = verify_evidence(bytes, kNonce, log.vkey);
    REQUIRE(verified);
    CHECK(*verified == evidence);
    CHECK(SignedEvidence::parse(bytes)->encode() == bytes);
  }
}

TEST_CASE("evidence: another nonce, key or origin is refused by its own code") {
  const Log log = Log::make();
  const Bytes bytes = log.sign(log.evidence());
  CHECK(refusal(verify_evidence(bytes, Bytes{1, 2, 3}, log.vkey)) == ErrorCode::kStale);
  CHECK(refusal(verify_evidence(bytes, {}, log.vkey)) == ErrorCode::kStale);
  CHECK(refusal(verify_evidence(bytes, kNonce, Log::make().vkey)) == ErrorCode::kBadSignature);
  VerifierKey renamed = log.vkey;
  renamed.name = "other.example";
  CHECK(refusal(verify_evidence(bytes, kNonce, renamed)) == ErrorCode::kBadIdentity);
  Evidence foreign = log.evidence();
  foreign.note_thumbprint.fill(1);
  CHECK(refusal(verify_evidence(log.sign(foreign), kNonce, log.vkey)) == ErrorCode::kBadIdentity);
  VerifierKey cosigner = log.vkey;
  cosigner.algorithm = NoteAlgorithm::kCosignatureEd25519;
  CHECK(refusal(verify_evidence(bytes, kNonce, cosigner)) == ErrorCode::kUnsupported);
}

TEST_CASE("evidence: a grade above process is not believed on the enclave's word") {
  const Log log = Log::make();
  for (const Grade grade : {Grade::kTpm, Grade::kTee}) {
    Evidence evidence = log.evidence();
    evidence.grade = grade;
    const auto result = verify_evidence(log.sign(evidence), kNonce, log.vkey);
    CHECK(refusal(result) == ErrorCode::kUnsupported);
    CHECK_THAT(result.error().message, ContainsSubstring(std::string(to_string(grade))));
  }
}

TEST_CASE("evidence: a signature over a checkpoint's text is none over evidence") {
  const Log log = Log::make();
  SignedEvidence bare;
  bare.body = encode_evidence_body(log.evidence());
  const auto signature = log.key.sign(Algorithm::kEdDsa, bare.body);
  std::copy(signature->begin(), signature->end(), bare.signature.begin());
  CHECK(refusal(verify_evidence(bare.encode(), kNonce, log.vkey)) == ErrorCode::kBadSignature);
  CHECK(evidence_to_be_signed(bare.body)[25] == 0);
}

TEST_CASE("evidence: cut, longer, changed and oversized bytes are refused") {
  const Log log = Log::make();
  const Bytes bytes = log.sign(log.evidence());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    REQUIRE(!verify_evidence(BytesView(bytes).first(cut), kNonce, log.vkey));
  }
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    REQUIRE(!verify_evidence(changed, kNonce, log.vkey));
  }
  Bytes longer = bytes;
  longer.push_back(0);
  CHECK(refusal(verify_evidence(longer, kNonce, log.vkey)) == ErrorCode::kMalformed);
  CHECK(refusal(verify_evidence(Bytes(kEvidenceBytesMax + 1), kNonce, log.vkey)) ==
        ErrorCode::kTooLarge);
}

TEST_CASE("evidence: version 1, without walls, is read as it was") {
  const Log log = Log::make();
  Evidence old = log.evidence();
  old.walls.clear();
  SignedEvidence signed_evidence;
  // The same map with a pair less at its end (9: []), and the older number.
  Bytes body = encode_evidence_body(old);
  body.resize(body.size() - 2);
  REQUIRE(body[0] == 0xa9);
  REQUIRE(body[2] == 2);
  body[0] = 0xa8;
  signed_evidence.body = body;
  const auto sign_body = [&] {
    const auto signature =
        log.key.sign(Algorithm::kEdDsa, evidence_to_be_signed(signed_evidence.body));
    REQUIRE(signature);
    std::copy(signature->begin(), signature->end(), signed_evidence.signature.begin());
    return verify_evidence(signed_evidence.encode(), kNonce, log.vkey);
  };
  CHECK(refusal(sign_body()) == ErrorCode::kMalformed);
  signed_evidence.body[2] = 1;
  const auto verified = sign_body();
  REQUIRE(verified);
  CHECK(*verified == old);
  signed_evidence.body = encode_evidence_body(old);
  signed_evidence.body[2] = 1;
  CHECK(refusal(sign_body()) == ErrorCode::kMalformed);
  signed_evidence.body[2] = 3;
  CHECK(refusal(sign_body()) == ErrorCode::kUnsupported);
}

TEST_CASE("evidence: all walls with the longest reasons fit") {
  const Log log = Log::make("log.example/" + std::string(200, 'x'));
  Evidence evidence = log.evidence();
  evidence.walls.clear();
  for (const auto name : kWallNames)
    evidence.walls.push_back({std::string(name), std::string(200, 'r')});
  CHECK(verify_evidence(log.sign(evidence), kNonce, log.vkey));
}

TEST_CASE("evidence: sizes that are never signed and nonces above the limit are refused") {
  const Log log = Log::make();
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    Evidence evidence = log.evidence();
    evidence.last->size.value = size;
    CHECK(refusal(verify_evidence(log.sign(evidence), kNonce, log.vkey)) == ErrorCode::kMalformed);
  }
  Evidence evidence = log.evidence();
  evidence.nonce = Bytes(kEvidenceNonceBytesMax + 1);
  CHECK(refusal(verify_evidence(log.sign(evidence), evidence.nonce, log.vkey)) ==
        ErrorCode::kTooLarge);
  CborWriter version;
  version.map(2).integer(1).bytes(Bytes{0xa1, 0x01, 0x02}).integer(2).bytes(Bytes(64));
  CHECK(!SignedEvidence::parse(version.data()));
}

}  // namespace witan::test
