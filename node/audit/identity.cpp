#include "node/audit/identity.h"

#include <algorithm>
#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/receipt.h"
#include "node/audit/fetch.h"

namespace witan::audit {
namespace {

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text.substr(0, 200)) + "'";
}

const CoseKey* key_for(const std::vector<CoseKey>& keys, BytesView kid) {
  for (const CoseKey& key : keys) {
    const Hash32 thumbprint = cose_key_thumbprint(key.key);
    if (equal(key.kid ? BytesView(*key.kid) : BytesView(thumbprint), kid)) return &key;
  }
  return nullptr;
}

}  // namespace

Result<Beginning> check_beginning(const Statement& entry0, const Statement& entry1,
                                  const std::string& origin,
                                  const std::optional<VerifierKey>& pinned) {
  auto policy = RegistrationPolicy::first_policy(entry0);
  if (!policy) return fail(finding(policy.error(), "entry 0 (registration policy)"));
  if (policy->subject() != origin) {
    return fail(ErrorCode::kBadIdentity, "entry 0 (registration policy): its subject is " +
                                             in_quotes(policy->subject()) +
                                             ", expected the origin " + in_quotes(origin));
  }
  constexpr std::string_view kKeys = "entry 1 (log keys)";
  auto keys = check_key_set(entry1, *policy, origin, entry0.entry());
  if (!keys) return fail(finding(keys.error(), kKeys));
  if (pinned && keys->log_key != *pinned) {
    return fail(finding(Error{ErrorCode::kBadIdentity, "its vkey is " + keys->log_key.text() +
                                                           ", expected " + pinned->text()},
                        kKeys));
  }
  return Beginning{std::move(*policy), std::move(*keys)};
}

Result<Checkpoint> read_checkpoint(std::string_view note) {
  WITAN_ASSIGN(const Note parsed, Note::parse(note));
  WITAN_ASSIGN(Checkpoint checkpoint, Checkpoint::parse(parsed.text));
  if (checkpoint.size.value < 2 || checkpoint.size.value > limits::kTreeSizeMax) {
    return fail(ErrorCode::kMalformed,
                "expected a size of 2 to 2^62, found " + std::to_string(checkpoint.size.value));
  }
  return checkpoint;
}

Result<void> check_checkpoint_signature(std::string_view note, const VerifierKey& log_key) {
  WITAN_ASSIGN(const Note parsed, Note::parse(note));
  WITAN_TRY(verify_note(parsed, log_key));
  return {};
}

Result<ReceiptCheck> ReceiptCheck::make(const Beginning& beginning,
                                        const std::optional<PublicKey>& receipt_key) {
  LogKeys keys = beginning.keys.keys;
  if (receipt_key) {
    std::erase_if(keys.keys, [&](const CoseKey& key) { return !(key.key == *receipt_key); });
    if (keys.keys.empty()) {
      return fail(ErrorCode::kBadIdentity, "entry 1 (log keys): the given receipt key " +
                                               hex_encode(cose_key_thumbprint(*receipt_key)) +
                                               " is none of its " +
                                               std::to_string(beginning.keys.keys.keys.size()));
    }
  }
  return ReceiptCheck(std::move(keys), beginning.keys.log_key);
}

Result<ShownHead> ReceiptCheck::check(BytesView bytes, LeafIndex index, const Hash32& entry,
                                      TreeSize newest) const {
  WITAN_ASSIGN(const Receipt receipt, Receipt::parse(bytes));
  if (receipt.inclusion.size() != 1) {
    return fail(ErrorCode::kMalformed,
                "expected one inclusion proof, found " + std::to_string(receipt.inclusion.size()));
  }
  const InclusionProof& proof = receipt.inclusion.front();
  if (proof.index != index || proof.size > newest) {
    return fail(ErrorCode::kBadProof, "expected a proof for entry " + std::to_string(index.value) +
                                          " in a tree of at most " + std::to_string(newest.value) +
                                          ", found entry " + std::to_string(proof.index.value) +
                                          " in one of " + std::to_string(proof.size.value));
  }
  if (receipt.issuer != keys_.issuer || receipt.subject != keys_.origin) {
    return fail(ErrorCode::kBadIdentity, "expected the issuer " + in_quotes(keys_.issuer) +
                                             " and the subject " + in_quotes(keys_.origin) +
                                             ", found " + in_quotes(receipt.issuer.value_or("")) +
                                             " and " + in_quotes(receipt.subject.value_or("")));
  }
  const CoseKey* key = receipt.kid ? key_for(keys_.keys, *receipt.kid) : nullptr;
  if (key == nullptr) {
    return fail(ErrorCode::kBadIdentity, "its kid " + hex_encode(receipt.kid.value_or(Bytes())) +
                                             " is none of the log's receipt keys");
  }
  WITAN_ASSIGN(const Hash32 root, verify_inclusion_receipt(receipt, entry, key->key));
  if (!receipt.head_size || *receipt.head_size != proof.size.value) {
    return fail(ErrorCode::kMalformed, "its head does not say its tree size");
  }
  if (!receipt.checkpoint) return fail(ErrorCode::kMalformed, "it carries no checkpoint");
  auto checkpoint = read_checkpoint(*receipt.checkpoint);
  if (!checkpoint) return fail(checkpoint.error().within("its checkpoint"));
  if (auto valid = check_checkpoint_signature(*receipt.checkpoint, log_key_); !valid) {
    return fail(valid.error().within("its checkpoint"));
  }
  if (checkpoint->origin != keys_.origin || checkpoint->size != proof.size ||
      checkpoint->root != root) {
    return fail(ErrorCode::kBadProof,
                "its checkpoint is of " + in_quotes(checkpoint->origin) + ", size " +
                    std::to_string(checkpoint->size.value) + ", root " +
                    base64_encode(checkpoint->root) + ", its COSE head of size " +
                    std::to_string(proof.size.value) + ", root " + base64_encode(root));
  }
  return ShownHead{proof.size, root};
}

}  // namespace witan::audit
