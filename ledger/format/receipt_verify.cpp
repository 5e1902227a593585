// Making and verifying receipts. Parsing them is in receipt.cpp.

#include <bit>
#include <string>
#include <utility>

#include "ledger/crypto/sha256.h"
#include "ledger/format/ccf_receipt.h"
#include "ledger/format/receipt.h"
#include "ledger/tree/proof.h"

namespace witan {
namespace {

// The head's signature is over the root, detached or attached (then it must be the same root).
Result<void> verify_root(const Receipt& receipt, const Hash32& root, const PublicKey& log_key) {
  if (!receipt.cose.payload) return receipt.cose.verify(log_key, BytesView(root));
  if (!equal(*receipt.cose.payload, root)) {
    return fail(ErrorCode::kBadProof, "receipt: the proof leads to another root than the payload");
  }
  return receipt.cose.verify(log_key);
}

Result<void> check_head_size(const Receipt& receipt, TreeSize size) {
  if (!receipt.head_size || *receipt.head_size == size.value) return {};
  return fail(ErrorCode::kBadProof, "receipt: the signed tree size is " +
                                        std::to_string(*receipt.head_size) + ", the proof's is " +
                                        std::to_string(size.value));
}

// The newer root that a consistency proof leads to (RFC 9162 section 2.1.4.2, the variable sr).
// Gives something for any proof: verify_consistency() then judges it.
Hash32 newer_root(const ConsistencyProof& proof, const Hash32& root_from) {
  std::uint64_t fn = proof.from.value - 1;
  std::uint64_t sn = proof.to.value - 1;
  const int shift = std::countr_one(fn);
  fn >>= shift;
  sn >>= shift;
  // A full older tree is a node of the newer one, and the proof leaves it out.
  auto next = proof.path.begin();
  Hash32 root = root_from;
  if (!std::has_single_bit(proof.from.value) && next != proof.path.end()) root = *next++;
  for (; next != proof.path.end(); ++next) {
    if ((fn & 1) == 1 || fn == sn) {
      root = node_hash(*next, root);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      root = node_hash(root, *next);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return root;
}

Bytes encode_proof(std::uint64_t first, std::uint64_t second, const std::vector<Hash32>& path) {
  CborWriter out;
  out.array(3).unsigned_integer(first).unsigned_integer(second).array(path.size());
  for (const Hash32& hash : path) out.bytes(hash);
  return out.take();
}

Bytes encode_receipt(BytesView head_protected, BytesView head_signature, std::int64_t kind,
                     BytesView proof, std::optional<std::string_view> checkpoint) {
  CborWriter unprotected;
  unprotected.map(checkpoint ? 2 : 1);
  unprotected.integer(cose::kVdp).map(1).integer(kind).array(1).bytes(proof);
  if (checkpoint) unprotected.integer(cose::kCheckpoint).text(*checkpoint);
  return cose_sign1_encode(head_protected, unprotected.data(), std::nullopt, head_signature);
}

}  // namespace

Bytes cose_head_protected(const CoseHeadFields& fields) {
  CborWriter out;
  out.map(5);
  out.integer(cose::kAlg).integer(static_cast<std::int64_t>(Algorithm::kEs256));
  out.integer(cose::kKid).bytes(fields.kid);
  out.integer(cose::kCwtClaims).map(3);
  out.integer(cose::kCwtIss).text(fields.issuer);
  out.integer(cose::kCwtSub).text(fields.origin);
  out.integer(cose::kCwtIat).unsigned_integer(fields.time_s);
  out.integer(cose::kVds).integer(cose::kVdsRfc9162);
  out.integer(cose::kTreeSize).unsigned_integer(fields.size.value);
  return out.take();
}

Bytes encode_inclusion_receipt(BytesView head_protected, BytesView head_signature,
                               const InclusionProof& proof,
                               std::optional<std::string_view> checkpoint) {
  return encode_receipt(head_protected, head_signature, cose::kVdpInclusion,
                        encode_proof(proof.size.value, proof.index.value, proof.path), checkpoint);
}

Bytes encode_consistency_receipt(BytesView head_protected, BytesView head_signature,
                                 const ConsistencyProof& proof) {
  return encode_receipt(head_protected, head_signature, cose::kVdpConsistency,
                        encode_proof(proof.from.value, proof.to.value, proof.path), std::nullopt);
}

Result<Hash32> verify_inclusion_receipt(const Receipt& receipt, const Hash32& entry,
                                        const PublicKey& log_key) {
  std::optional<Hash32> root;
  const auto agree = [&root](const Hash32& other) {
    if (!root) root = other;
    return *root == other;
  };
  // Other proofs in the same receipt would be vouched for by whoever relies on it.
  if (!receipt.consistency.empty()) {
    return fail(ErrorCode::kBadProof, "receipt: a consistency proof beside inclusion proofs");
  }
  const Hash32 leaf = leaf_hash(entry);
  for (const InclusionProof& proof : receipt.inclusion) {
    WITAN_TRY(check_head_size(receipt, proof.size));
    WITAN_ASSIGN(const Hash32 found,
                 root_from_inclusion(proof.index, proof.size, leaf, proof.path));
    if (!agree(found)) {
      return fail(ErrorCode::kBadProof, "receipt: its inclusion proofs lead to different roots");
    }
  }
  for (const CcfProof& proof : receipt.ccf) {
    if (proof.data_hash != entry) {
      return fail(ErrorCode::kBadProof,
                  "receipt: its data hash is not that of the statement: it is for another one");
    }
    if (!agree(ccf_root(proof))) {
      return fail(ErrorCode::kBadProof, "receipt: its inclusion proofs lead to different roots");
    }
  }
  if (!root) return fail(ErrorCode::kBadProof, "receipt: it has no inclusion proof");
  WITAN_TRY(verify_root(receipt, *root, log_key));
  return *root;
}

Result<Hash32> verify_consistency_receipt(const Receipt& receipt, TreeSize from,
                                          const Hash32& root_from, const PublicKey& log_key) {
  if (receipt.consistency.size() != 1 || !receipt.inclusion.empty() || !receipt.ccf.empty()) {
    return fail(ErrorCode::kBadProof, "receipt: expected one consistency proof and nothing else");
  }
  const ConsistencyProof& proof = receipt.consistency.front();
  if (proof.from != from) {
    return fail(ErrorCode::kBadProof, "receipt: expected a proof from size " +
                                          std::to_string(from.value) + ", found one from " +
                                          std::to_string(proof.from.value));
  }
  // From the empty tree every tree follows, and no proof says which.
  if (from.value == 0) {
    return fail(ErrorCode::kBadProof, "receipt: a consistency proof from size 0 proves nothing");
  }
  if (proof.from > proof.to) {
    return fail(ErrorCode::kBadProof, "receipt: the proof goes from size " +
                                          std::to_string(proof.from.value) + " back to " +
                                          std::to_string(proof.to.value));
  }
  WITAN_TRY(check_head_size(receipt, proof.to));
  const Hash32 root = newer_root(proof, root_from);
  WITAN_TRY(verify_consistency(proof.from, proof.to, proof.path, root_from, root));
  WITAN_TRY(verify_root(receipt, root, log_key));
  return root;
}

}  // namespace witan
