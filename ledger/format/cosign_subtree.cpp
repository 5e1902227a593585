#include "ledger/format/cosign_subtree.h"

#include <optional>
#include <utility>

#include "ledger/crypto/ml_dsa.h"

namespace witan {

Result<NoteSignature> cosign_subtree(const SubtreeStatement& statement, const MlDsa44Key& key) {
  WITAN_ASSIGN(const VerifierKey verifier,
               VerifierKey::make(statement.cosigner, NoteAlgorithm::kMlDsa44, key.public_key()));
  WITAN_ASSIGN(const Bytes message, subtree_message(statement));
  WITAN_ASSIGN(const Bytes signature, key.sign(message));
  return NoteSignature{verifier.name, verifier.id,
                       join_timestamped_signature(statement.time_s, signature)};
}

SignatureCheck check_subtree_signature(const SubtreeStatement& statement, const NoteSignature& line,
                                       const VerifierKey& key) {
  if (key.algorithm != NoteAlgorithm::kMlDsa44 || line.name != key.name || line.id != key.id) {
    return {};
  }
  const auto split = split_timestamped_signature(line.signature);
  if (!split || split->signature.size() != kMlDsa44SignatureBytes) {
    return {SignatureStatus::kInvalid, std::nullopt};
  }
  SubtreeStatement signed_statement = statement;
  signed_statement.cosigner = key.name;
  signed_statement.time_s = split->time_s;
  const auto message = subtree_message(signed_statement);
  if (!message) return {SignatureStatus::kInvalid, split->time_s};
  const auto verified = ml_dsa_44_verify(key.key, *message, split->signature);
  if (verified) return {SignatureStatus::kValid, split->time_s};
  const bool cannot = verified.error().code == ErrorCode::kUnsupported;
  return {cannot ? SignatureStatus::kUnverifiable : SignatureStatus::kInvalid, split->time_s};
}

}  // namespace witan
