#include "witness/opened_receipt.h"

#include <string_view>
#include <utility>

#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/ccf_receipt.h"
#include "ledger/tree/proof.h"
#include "witness/verify_receipt.h"

namespace witan {
namespace {

Result<void> open_checkpoint(std::string signed_note, OpenedReceipt& out) {
  out.signed_note = std::move(signed_note);
  auto note = Note::parse(out.signed_note);
  if (!note) return fail(note.error().within("the checkpoint in it"));
  auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint) return fail(checkpoint.error().within("the checkpoint in it"));
  out.note = *std::move(note);
  out.checkpoint = *std::move(checkpoint);
  return {};
}

Result<void> add_root(const Hash32& root, std::optional<Hash32>& seen) {
  if (seen && *seen != root) {
    return fail(ErrorCode::kBadProof, "the receipt's proofs lead to different roots");
  }
  seen = root;
  return {};
}

Result<LedTo> follow_receipt(const Receipt& receipt, const Hash32& entry) {
  LedTo out;
  std::optional<Hash32> root;
  for (const InclusionProof& proof : receipt.inclusion) {
    if (receipt.head_size && *receipt.head_size != proof.size.value) {
      return fail(ErrorCode::kBadProof,
                  "the proof is for a tree of " + std::to_string(proof.size.value) +
                      " leaves, the signed head has " + std::to_string(*receipt.head_size));
    }
    WITAN_ASSIGN(const Hash32 found,
                 root_from_inclusion(proof.index, proof.size, leaf_hash(entry), proof.path));
    WITAN_TRY(add_root(found, root));
    if (!out.size) {
      out.size = proof.size;
      out.index = proof.index;
      out.path = proof.path;
    }
  }
  for (const CcfProof& proof : receipt.ccf) {
    if (proof.data_hash != entry) {
      return fail(ErrorCode::kBadProof, "the receipt is for the statement with SHA-256 " +
                                            hex_encode(proof.data_hash) + ", this one has " +
                                            hex_encode(entry));
    }
    WITAN_TRY(add_root(ccf_root(proof), root));
  }
  out.root = *root;
  return out;
}

}  // namespace

Result<OpenedReceipt> open_receipt(BytesView bytes) {
  OpenedReceipt out;
  if (is_tlog_proof(bytes)) {
    WITAN_ASSIGN(out.proof, TlogProof::parse(as_text(bytes)));
    WITAN_TRY(open_checkpoint(out.proof->checkpoint, out));
    return out;
  }
  WITAN_ASSIGN(out.receipt, Receipt::parse(bytes));
  if (out.receipt->inclusion.empty() && out.receipt->ccf.empty()) {
    return fail(ErrorCode::kMalformed,
                "a consistency receipt: it links two trees, and proves nothing about a statement");
  }
  // Whoever relies on the signature would vouch for these unchecked.
  if (!out.receipt->consistency.empty()) {
    return fail(ErrorCode::kBadProof, "a consistency proof beside inclusion proofs");
  }
  if (out.receipt->checkpoint) WITAN_TRY(open_checkpoint(*out.receipt->checkpoint, out));
  return out;
}

Result<LedTo> follow_proofs(const OpenedReceipt& opened, const Hash32& entry) {
  if (opened.receipt) return follow_receipt(*opened.receipt, entry);
  const TlogProof& proof = *opened.proof;
  const TreeSize size = opened.checkpoint->size;
  WITAN_ASSIGN(const Hash32 root,
               root_from_inclusion(proof.index, size, leaf_hash(entry), proof.path));
  return LedTo{root, size, proof.index, proof.path};
}

}  // namespace witan
