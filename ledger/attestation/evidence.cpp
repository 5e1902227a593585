#include "ledger/attestation/evidence.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "config/limits.h"
#include "ledger/attestation/walls.h"
#include "ledger/encoding.h"
#include "ledger/format/cbor.h"
#include "ledger/format/cose.h"

namespace witan {
namespace {

// Version 1 says nothing of walls; logs keep it in their second entry for ever.
constexpr std::uint64_t kOldVersion = 1, kVersion = 2;
constexpr std::int64_t kBody = 1, kSignature = 2;
constexpr std::int64_t kVersionKey = 1, kGradeKey = 2, kOriginKey = 3, kNoteThumbprintKey = 4,
                       kCoseThumbprintKey = 5, kMeasurementKey = 6, kNonceKey = 7, kLastKey = 8,
                       kWallsKey = 9;
constexpr std::size_t kOldBodyPairs = 8, kBodyPairs = 9;
// Followed by a CBOR map's head this is not UTF-8, so it never is the text of a note.
constexpr std::string_view kDomain{"witan-enclave-evidence-v1\0", 26};

Result<void> expect_key(CborReader& reader, std::int64_t expected) {
  WITAN_ASSIGN(const std::int64_t found, reader.read_integer());
  if (found != expected) {
    return fail(ErrorCode::kMalformed, "evidence: key " + std::to_string(found) + ", expected " +
                                           std::to_string(expected));
  }
  return {};
}

Result<void> expect_map(CborReader& reader, std::size_t expected) {
  WITAN_ASSIGN(const std::size_t found, reader.read_map());
  if (found != expected) {
    return fail(ErrorCode::kMalformed, "evidence: a map of " + std::to_string(found) +
                                           " pairs, expected " + std::to_string(expected));
  }
  return {};
}

Result<Hash32> read_hash(CborReader& reader, std::int64_t key) {
  WITAN_TRY(expect_key(reader, key));
  WITAN_ASSIGN(const BytesView bytes, reader.read_bytes());
  return hash_from_bytes(bytes);
}

Result<std::optional<EvidenceHead>> read_last(CborReader& reader) {
  WITAN_TRY(expect_key(reader, kLastKey));
  if (reader.peek() == CborType::kNull) {
    WITAN_TRY(reader.read_null());
    return std::nullopt;
  }
  WITAN_ASSIGN(const std::size_t elements, reader.read_array());
  if (elements != 2) {
    return fail(ErrorCode::kMalformed, "evidence: last head of " + std::to_string(elements) +
                                           " elements, expected 2 (size, root)");
  }
  EvidenceHead head;
  WITAN_ASSIGN(head.size.value, reader.read_unsigned());
  if (head.size.value < 2 || head.size.value > limits::kTreeSizeMax) {
    return fail(
        ErrorCode::kMalformed,
        "evidence: last head of size " + std::to_string(head.size.value) + ", expected 2 to 2^62");
  }
  WITAN_ASSIGN(const BytesView root, reader.read_bytes());
  WITAN_ASSIGN(head.root, hash_from_bytes(root));
  return head;
}

Result<Grade> read_grade(CborReader& reader) {
  WITAN_TRY(expect_key(reader, kGradeKey));
  WITAN_ASSIGN(const std::string_view name, reader.read_text());
  WITAN_ASSIGN(const Grade grade, grade_from_name(name));
  if (grade > Grade::kProcess) {
    return fail(ErrorCode::kUnsupported, "evidence: grade " + std::string(name) +
                                             " without its proof; versions 1 and 2 carry "
                                             "sim and process");
  }
  return grade;
}

Result<Evidence> parse_body(BytesView body) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(body, {.minimal = true, .indefinite = false}));
  WITAN_ASSIGN(const std::size_t pairs, reader.read_map());
  WITAN_TRY(expect_key(reader, kVersionKey));
  WITAN_ASSIGN(const std::uint64_t version, reader.read_unsigned());
  if (version != kOldVersion && version != kVersion) {
    return fail(ErrorCode::kUnsupported,
                "evidence: version " + std::to_string(version) + ", expected 1 or 2");
  }
  const std::size_t expected = version == kOldVersion ? kOldBodyPairs : kBodyPairs;
  if (pairs != expected) {
    return fail(ErrorCode::kMalformed, "evidence: a map of " + std::to_string(pairs) +
                                           " pairs, expected " + std::to_string(expected));
  }
  Evidence evidence;
  WITAN_ASSIGN(evidence.grade, read_grade(reader));
  WITAN_TRY(expect_key(reader, kOriginKey));
  WITAN_ASSIGN(evidence.origin, reader.read_text());
  if (!valid_key_name(evidence.origin)) {
    return fail(ErrorCode::kMalformed, "evidence: the origin is not a valid key name");
  }
  WITAN_ASSIGN(evidence.note_thumbprint, read_hash(reader, kNoteThumbprintKey));
  WITAN_ASSIGN(evidence.cose_thumbprint, read_hash(reader, kCoseThumbprintKey));
  WITAN_ASSIGN(evidence.measurement, read_hash(reader, kMeasurementKey));
  WITAN_TRY(expect_key(reader, kNonceKey));
  WITAN_ASSIGN(const BytesView nonce, reader.read_bytes());
  if (nonce.size() > kEvidenceNonceBytesMax) {
    return fail(ErrorCode::kTooLarge, "evidence: nonce of " + std::to_string(nonce.size()) +
                                          " bytes, expected at most 64");
  }
  evidence.nonce = to_bytes(nonce);
  WITAN_ASSIGN(evidence.last, read_last(reader));
  if (version == kOldVersion) return evidence;
  WITAN_TRY(expect_key(reader, kWallsKey));
  WITAN_ASSIGN(evidence.walls, read_walls(reader));
  return evidence;
}

}  // namespace

Result<SignedEvidence> SignedEvidence::parse(BytesView bytes) {
  if (bytes.size() > kEvidenceBytesMax) {
    return fail(ErrorCode::kTooLarge,
                "evidence: " + std::to_string(bytes.size()) + " bytes, expected at most 4096");
  }
  WITAN_ASSIGN(CborReader reader, CborReader::make(bytes, {.minimal = true, .indefinite = false}));
  WITAN_TRY(expect_map(reader, 2));
  WITAN_TRY(expect_key(reader, kBody));
  SignedEvidence result;
  WITAN_ASSIGN(const BytesView body, reader.read_bytes());
  WITAN_ASSIGN(result.evidence, parse_body(body));
  result.body = to_bytes(body);
  WITAN_TRY(expect_key(reader, kSignature));
  WITAN_ASSIGN(const BytesView signature, reader.read_bytes());
  if (signature.size() != result.signature.size()) {
    return fail(
        ErrorCode::kMalformed,
        "evidence: signature of " + std::to_string(signature.size()) + " bytes, expected 64");
  }
  std::copy(signature.begin(), signature.end(), result.signature.begin());
  return result;
}

Bytes SignedEvidence::encode() const {
  CborWriter writer;
  writer.map(2).integer(kBody).bytes(body).integer(kSignature).bytes(signature);
  return writer.take();
}

Bytes encode_evidence_body(const Evidence& evidence) {
  CborWriter writer;
  writer.map(kBodyPairs);
  writer.integer(kVersionKey).unsigned_integer(kVersion);
  writer.integer(kGradeKey).text(to_string(evidence.grade));
  writer.integer(kOriginKey).text(evidence.origin);
  writer.integer(kNoteThumbprintKey).bytes(evidence.note_thumbprint);
  writer.integer(kCoseThumbprintKey).bytes(evidence.cose_thumbprint);
  writer.integer(kMeasurementKey).bytes(evidence.measurement);
  writer.integer(kNonceKey).bytes(evidence.nonce);
  writer.integer(kLastKey);
  if (evidence.last) {
    writer.array(2).unsigned_integer(evidence.last->size.value).bytes(evidence.last->root);
  } else {
    writer.null();
  }
  writer.integer(kWallsKey);
  write_walls(writer, evidence.walls);
  return writer.take();
}

Bytes evidence_to_be_signed(BytesView body) {
  Bytes message = to_bytes(as_bytes(kDomain));
  append(message, body);
  return message;
}

Result<Evidence> verify_evidence(BytesView bytes, BytesView nonce, const VerifierKey& log_key) {
  if (log_key.algorithm != NoteAlgorithm::kEd25519) {
    return fail(ErrorCode::kUnsupported,
                "evidence: the key " + log_key.name + " is not an Ed25519 note key (algorithm 1)");
  }
  WITAN_ASSIGN(SignedEvidence parsed, SignedEvidence::parse(bytes));
  WITAN_ASSIGN(const PublicKey key, PublicKey::from_ed25519(log_key.key));
  if (!key.verify(Algorithm::kEdDsa, evidence_to_be_signed(parsed.body), parsed.signature)) {
    return fail(ErrorCode::kBadSignature,
                "evidence: the signature does not verify under the key " + log_key.name);
  }
  Evidence& evidence = parsed.evidence;
  if (evidence.origin != log_key.name) {
    return fail(ErrorCode::kBadIdentity, "evidence: it is about the origin " + evidence.origin +
                                             ", expected " + log_key.name);
  }
  if (evidence.note_thumbprint != cose_key_thumbprint(key)) {
    return fail(ErrorCode::kBadIdentity, "evidence: it names note key " +
                                             hex_encode(evidence.note_thumbprint) + ", expected " +
                                             hex_encode(cose_key_thumbprint(key)));
  }
  if (!equal(evidence.nonce, nonce)) {
    return fail(ErrorCode::kStale, "evidence: it answers nonce " + hex_encode(evidence.nonce) +
                                       ", expected " + hex_encode(nonce));
  }
  return std::move(evidence);
}

}  // namespace witan
