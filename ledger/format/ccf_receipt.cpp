#include "ledger/format/ccf_receipt.h"

#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::uint64_t kLeaf = 1;
constexpr std::uint64_t kPath = 2;
constexpr std::size_t kEvidenceCharsMax = 1'024;

Result<Hash32> read_hash(CborReader& reader, std::string_view name) {
  WITAN_TRY(reader.expect(CborType::kBytes, name));
  WITAN_ASSIGN(const BytesView bytes, reader.read_bytes());
  auto hash = hash_from_bytes(bytes);
  if (!hash) return fail(hash.error().within(name));
  return hash;
}

Result<void> read_leaf(CborReader& reader, CcfProof& out) {
  WITAN_TRY(reader.expect(CborType::kArray, "CCF leaf (1)"));
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count != 3) {
    return fail(ErrorCode::kMalformed,
                "CCF leaf (1): expected 3 elements, found " + std::to_string(count));
  }
  WITAN_ASSIGN(out.tx_hash, read_hash(reader, "CCF transaction hash"));
  WITAN_TRY(reader.expect(CborType::kText, "CCF evidence"));
  WITAN_ASSIGN(const std::string_view evidence, reader.read_text());
  if (evidence.empty() || evidence.size() > kEvidenceCharsMax) {
    return fail(evidence.empty() ? ErrorCode::kMalformed : ErrorCode::kTooLarge,
                "CCF evidence: expected 1 to " + std::to_string(kEvidenceCharsMax) +
                    " bytes, found " + std::to_string(evidence.size()));
  }
  out.evidence = evidence;
  WITAN_ASSIGN(out.data_hash, read_hash(reader, "CCF data hash"));
  return {};
}

Result<void> read_path(CborReader& reader, CcfProof& out) {
  WITAN_TRY(reader.expect(CborType::kArray, "CCF path (2)"));
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count == 0 || count > limits::kCcfPathMax) {
    return fail(count == 0 ? ErrorCode::kMalformed : ErrorCode::kTooLarge,
                "CCF path (2): expected 1 to " + std::to_string(limits::kCcfPathMax) +
                    " steps, found " + std::to_string(count));
  }
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_TRY(reader.expect(CborType::kArray, "CCF path step"));
    WITAN_ASSIGN(const std::size_t elements, reader.read_array());
    if (elements != 2) {
      return fail(ErrorCode::kMalformed,
                  "CCF path step: expected 2 elements, found " + std::to_string(elements));
    }
    CcfProof::Step step;
    WITAN_TRY(reader.expect(CborType::kBool, "CCF path step"));
    WITAN_ASSIGN(step.left, reader.read_bool());
    WITAN_ASSIGN(step.hash, read_hash(reader, "CCF path step"));
    out.path.push_back(step);
  }
  return {};
}

}  // namespace

Result<CcfProof> parse_ccf_proof(BytesView encoded) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(encoded));
  if (reader.peek() == CborType::kArray) {
    return fail(ErrorCode::kUnsupported,
                "inclusion proof: expected a map under vds 2 (CCF), found an array");
  }
  WITAN_TRY(reader.expect(CborType::kMap, "CCF inclusion proof"));
  WITAN_ASSIGN(const std::size_t count, reader.read_map());
  CcfProof out;
  bool leaf = false;
  bool path = false;
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_TRY(reader.expect(CborType::kUnsigned, "CCF inclusion proof: key"));
    WITAN_ASSIGN(const std::uint64_t key, reader.read_unsigned());
    if (key == kLeaf && !leaf) {
      leaf = true;
      WITAN_TRY(read_leaf(reader, out));
    } else if (key == kPath && !path) {
      path = true;
      WITAN_TRY(read_path(reader, out));
    } else {
      return fail(
          ErrorCode::kMalformed,
          "CCF inclusion proof: expected keys 1 and 2 once each, found " + std::to_string(key));
    }
  }
  if (!leaf || !path) {
    return fail(ErrorCode::kMalformed,
                std::string("CCF inclusion proof: no ") + (leaf ? "path (2)" : "leaf (1)"));
  }
  return out;
}

Bytes encode_ccf_proof(const CcfProof& proof) {
  CborWriter out;
  out.map(2);
  out.unsigned_integer(kLeaf).array(3);
  out.bytes(proof.tx_hash).text(proof.evidence).bytes(proof.data_hash);
  out.unsigned_integer(kPath).array(proof.path.size());
  for (const CcfProof::Step& step : proof.path) {
    out.array(2).boolean(step.left).bytes(step.hash);
  }
  return out.take();
}

Hash32 ccf_root(const CcfProof& proof) {
  Hash32 hash = sha256({proof.tx_hash, sha256(as_bytes(proof.evidence)), proof.data_hash});
  // Unlike RFC 9162, leaves and nodes are hashed without a prefix.
  for (const CcfProof::Step& step : proof.path) {
    hash = step.left ? sha256({step.hash, hash}) : sha256({hash, step.hash});
  }
  return hash;
}

}  // namespace witan
