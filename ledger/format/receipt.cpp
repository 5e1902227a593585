#include "ledger/format/receipt.h"

#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/ccf_receipt.h"

namespace witan {
namespace {

// More proofs in one receipt than anybody has a use for.
constexpr std::size_t kProofsMax = 64;

Result<std::uint64_t> read_size(CborReader& reader, std::string_view name) {
  WITAN_TRY(reader.expect(CborType::kUnsigned, name));
  WITAN_ASSIGN(const std::uint64_t value, reader.read_unsigned());
  if (value > limits::kTreeSizeMax) {
    return fail(ErrorCode::kTooLarge,
                std::string(name) + ": " + std::to_string(value) + " is above the limit of 2^62");
  }
  return value;
}

// The common shape of both proofs of vds 1: [uint, uint, [* bstr .size 32]]. RFC 9942 wants at
// least one hash, but the only leaf of a tree has none, and logs issue such receipts.
struct PairProof {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::vector<Hash32> path;
};

Result<PairProof> parse_pair_proof(BytesView encoded, std::string_view name) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(encoded));
  WITAN_TRY(reader.expect(CborType::kArray, name));
  WITAN_ASSIGN(const std::size_t elements, reader.read_array());
  if (elements != 3) {
    return fail(ErrorCode::kMalformed,
                std::string(name) + ": expected 3 elements, found " + std::to_string(elements));
  }
  PairProof out;
  WITAN_ASSIGN(out.first, read_size(reader, name));
  WITAN_ASSIGN(out.second, read_size(reader, name));
  WITAN_TRY(reader.expect(CborType::kArray, name));
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  // A consistency proof has up to one hash more than an inclusion proof.
  constexpr std::size_t kHashesMax = limits::kProofHashesMax + 1;
  if (count > kHashesMax) {
    return fail(ErrorCode::kTooLarge, std::string(name) + ": " + std::to_string(count) +
                                          " hashes, the limit is " + std::to_string(kHashesMax));
  }
  out.path.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_TRY(reader.expect(CborType::kBytes, name));
    WITAN_ASSIGN(const BytesView bytes, reader.read_bytes());
    WITAN_ASSIGN(const Hash32 hash, hash_from_bytes(bytes));
    out.path.push_back(hash);
  }
  return out;
}

Result<void> add_proof(std::int64_t kind, BytesView encoded, Receipt& out) {
  const bool inclusion = kind == cose::kVdpInclusion;
  if (out.vds == cose::kVdsCcf) {
    if (!inclusion) {
      return fail(ErrorCode::kUnsupported, "consistency proof (-2): not defined under vds 2 (CCF)");
    }
    WITAN_ASSIGN(CcfProof proof, parse_ccf_proof(encoded));
    out.ccf.push_back(std::move(proof));
    return {};
  }
  WITAN_ASSIGN(PairProof proof,
               parse_pair_proof(encoded, inclusion ? "inclusion proof" : "consistency proof"));
  if (inclusion) {
    out.inclusion.push_back({.size = TreeSize{proof.first},
                             .index = LeafIndex{proof.second},
                             .path = std::move(proof.path)});
  } else {
    out.consistency.push_back({.from = TreeSize{proof.first},
                               .to = TreeSize{proof.second},
                               .path = std::move(proof.path)});
  }
  return {};
}

Result<void> read_proofs(Receipt& out) {
  const std::optional<BytesView> item = out.cose.unprotected_headers.find(cose::kVdp);
  if (!item) {
    return fail(ErrorCode::kMalformed, "receipt: no proofs (396) in the unprotected header");
  }
  WITAN_ASSIGN(CborReader reader, CborReader::make(*item));
  WITAN_TRY(reader.expect(CborType::kMap, "proofs (396)"));
  WITAN_ASSIGN(const std::size_t kinds, reader.read_map());
  std::size_t total = 0;
  for (std::size_t i = 0; i < kinds; ++i) {
    if (reader.peek() != CborType::kNegative) {
      reader.skip();
      reader.skip();
      continue;
    }
    WITAN_ASSIGN(const std::int64_t kind, reader.read_integer());
    if (kind != cose::kVdpInclusion && kind != cose::kVdpConsistency) {
      reader.skip();
      continue;
    }
    WITAN_TRY(reader.expect(CborType::kArray, "proofs (396)"));
    WITAN_ASSIGN(const std::size_t count, reader.read_array());
    total += count;
    if (count == 0 || total > kProofsMax) {
      return fail(count == 0 ? ErrorCode::kMalformed : ErrorCode::kTooLarge,
                  "proofs (396): expected 1 to " + std::to_string(kProofsMax) + ", found " +
                      std::to_string(total));
    }
    for (std::size_t j = 0; j < count; ++j) {
      WITAN_TRY(reader.expect(CborType::kBytes, "proofs (396)"));
      WITAN_ASSIGN(const BytesView encoded, reader.read_bytes());
      WITAN_TRY(add_proof(kind, encoded, out));
    }
  }
  if (total == 0) {
    return fail(ErrorCode::kMalformed, "proofs (396): no inclusion (-1) or consistency (-2) proof");
  }
  return {};
}

Result<void> read_claims(Receipt& out) {
  const std::optional<BytesView> item = out.cose.protected_headers.find(cose::kCwtClaims);
  if (!item) return {};
  WITAN_ASSIGN(CborReader reader, CborReader::make(*item));
  WITAN_TRY(reader.expect(CborType::kMap, "receipt: CWT claims (15)"));
  WITAN_ASSIGN(const std::size_t count, reader.read_map());
  for (std::size_t i = 0; i < count; ++i) {
    if (reader.peek() != CborType::kUnsigned) {
      reader.skip();
      reader.skip();
      continue;
    }
    WITAN_ASSIGN(const std::uint64_t claim, reader.read_unsigned());
    if (claim == cose::kCwtIss || claim == cose::kCwtSub) {
      WITAN_TRY(reader.expect(CborType::kText, "receipt: CWT iss or sub"));
      WITAN_ASSIGN(const std::string_view text, reader.read_text());
      (claim == cose::kCwtIss ? out.issuer : out.subject) = std::string(text);
    } else if (claim == cose::kCwtIat) {
      if (reader.peek() == CborType::kTag) WITAN_TRY(reader.read_tag());
      WITAN_ASSIGN(out.issued_at_s, reader.read_integer());
    } else {
      reader.skip();
    }
  }
  return {};
}

Result<void> read_kid(Receipt& out) {
  const std::optional<BytesView> item = out.cose.protected_headers.find(cose::kKid);
  if (!item) return {};
  WITAN_ASSIGN(CborReader reader, CborReader::make(*item));
  if (reader.peek() == CborType::kText) {
    WITAN_ASSIGN(const std::string_view text, reader.read_text());
    out.kid = to_bytes(as_bytes(text));
    return {};
  }
  WITAN_TRY(reader.expect(CborType::kBytes, "receipt: kid (4)"));
  WITAN_ASSIGN(const BytesView bytes, reader.read_bytes());
  out.kid = to_bytes(bytes);
  return {};
}

Result<void> read_witan_headers(Receipt& out) {
  WITAN_ASSIGN(const auto size, out.cose.protected_headers.integer(cose::kTreeSize));
  if (size) {
    if (*size < 0 || static_cast<std::uint64_t>(*size) > limits::kTreeSizeMax) {
      return fail(ErrorCode::kMalformed, "receipt: tree size (-65537): expected 0 to 2^62, found " +
                                             std::to_string(*size));
    }
    out.head_size = static_cast<std::uint64_t>(*size);
  }
  WITAN_ASSIGN(const auto checkpoint, out.cose.unprotected_headers.text(cose::kCheckpoint));
  if (!checkpoint) return {};
  if (checkpoint->size() > limits::kNoteBytesMax) {
    return fail(ErrorCode::kTooLarge,
                "receipt: checkpoint (-65538) of " + std::to_string(checkpoint->size()) +
                    " bytes, the limit is " + std::to_string(limits::kNoteBytesMax));
  }
  out.checkpoint = std::string(*checkpoint);
  return {};
}

}  // namespace

Result<Receipt> Receipt::parse(BytesView bytes) {
  Receipt out;
  WITAN_ASSIGN(out.cose, CoseSign1::parse(bytes, limits::kReceiptBytesMax));
  if (!out.cose.tagged) {
    return fail(ErrorCode::kMalformed, "receipt: expected tag 18 (COSE_Sign1), found none");
  }
  WITAN_ASSIGN(out.algorithm, out.cose.algorithm());
  if (out.cose.protected_headers.find(cose::kCrit) ||
      out.cose.unprotected_headers.find(cose::kCrit)) {
    return fail(ErrorCode::kUnsupported, "receipt: critical headers (2) are not supported");
  }
  WITAN_ASSIGN(const auto vds, out.cose.protected_headers.integer(cose::kVds));
  if (!vds) {
    return fail(ErrorCode::kMalformed, "receipt: no vds (395) in the protected header");
  }
  if (*vds != cose::kVdsRfc9162 && *vds != cose::kVdsCcf) {
    return fail(ErrorCode::kUnsupported,
                "receipt: vds (395): expected 1 (RFC9162_SHA256) or 2 (CCF), found " +
                    std::to_string(*vds));
  }
  out.vds = *vds;
  WITAN_TRY(read_kid(out));
  WITAN_TRY(read_claims(out));
  WITAN_TRY(read_witan_headers(out));
  WITAN_TRY(read_proofs(out));
  return out;
}

}  // namespace witan
