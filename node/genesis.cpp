#include "node/genesis.h"

#include <array>
#include <utility>

#include "ledger/crypto/sha256.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "ledger/format/statement.h"
#include "ledger/registration/log_keys.h"
#include "ledger/registration/policy.h"
#include "ledger/tree/frontier.h"

namespace witan {
namespace {

Result<Statement> operator_statement(const SignerState& log, const PrivateKey& operator_key,
                                     std::string_view content_type, BytesView payload,
                                     std::uint64_t time_ms) {
  StatementRequest request;
  request.issuer = log.issuer;
  request.subject = log.origin;
  request.content_type = content_type;
  request.issued_at_s = static_cast<std::int64_t>(time_ms / 1000);
  request.payload = to_bytes(payload);
  WITAN_ASSIGN(const Bytes bytes, make_statement(request, operator_key));
  return Statement::parse(bytes, bytes.size());
}

Result<LogKeys> log_keys_of(const SignerState& log) {
  const BytesView xy(log.cose_key);
  WITAN_ASSIGN(const PublicKey receipt_key,
               PublicKey::from_ec(KeyKind::kP256, xy.first(32), xy.subspan(32)));
  WITAN_ASSIGN(const VerifierKey vkey,
               VerifierKey::make(log.origin, NoteAlgorithm::kEd25519, log.note_key));
  CoseKey entry{receipt_key, to_bytes(cose_key_thumbprint(receipt_key)), Algorithm::kEs256};
  return LogKeys{log.origin, log.issuer, {std::move(entry)}, vkey.text(), log.evidence};
}

}  // namespace

Result<std::string> checkpoint_note(const SignerState& log, const SignedHead& head) {
  WITAN_ASSIGN(const VerifierKey vkey,
               VerifierKey::make(log.origin, NoteAlgorithm::kEd25519, log.note_key));
  const Checkpoint checkpoint{log.origin, head.head.size, head.head.root, {}};
  return Note{checkpoint.text(),
              {NoteSignature{log.origin, vkey.id, to_bytes(head.note_signature)}}}
      .encode();
}

Result<Statement> key_set_statement(const SignerState& log, const PrivateKey& operator_key,
                                    std::uint64_t time_ms) {
  WITAN_ASSIGN(const LogKeys keys, log_keys_of(log));
  return operator_statement(log, operator_key, kLogKeysContentType, encode_log_keys(keys), time_ms);
}

Result<void> begin_log(Store& store, Signer& signer, const PrivateKey& operator_key,
                       const Genesis& genesis) {
  // Entry 0: the policy.
  WITAN_ASSIGN(const SignerState unbound, signer.attest({}));
  if (unbound.size.value != 0) {
    return fail(ErrorCode::kConflict, "the enclave has signed a tree of " +
                                          std::to_string(unbound.size.value) +
                                          " leaves already; a log begins with a new enclave");
  }
  WITAN_ASSIGN(const Statement policy,
               operator_statement(unbound, operator_key, kPolicyContentType,
                                  as_bytes(genesis.policy_toml), genesis.time_ms));
  WITAN_ASSIGN(const RegistrationPolicy rules, RegistrationPolicy::first_policy(policy));

  // Entry 1: the keys, with evidence whose nonce is entry 0, so that it belongs to this log only.
  const Hash32 entry0 = policy.entry();
  WITAN_ASSIGN(const SignerState log, signer.attest(entry0));
  WITAN_ASSIGN(const Statement keys, key_set_statement(log, operator_key, genesis.time_ms));
  WITAN_TRY(rules.check_log_keys(keys));
  const Hash32 entry1 = keys.entry();

  const std::array entries{entry0, entry1};
  Frontier tree;
  for (const Hash32& entry : entries) tree.append(leaf_hash(entry));
  const TreeHead head{tree.size(), tree.root(), genesis.time_ms};
  const Bytes statement0 = policy.canonical(), statement1 = keys.canonical();

  StoreCommit decide;
  decide.decide =
      StoreCommit::Decide{std::nullopt,
                          head,
                          {BatchEntry{entry0, statement0}, BatchEntry{entry1, statement1}},
                          std::nullopt};
  WITAN_TRY(store.commit(decide));
  WITAN_ASSIGN(const SignedHead signed_head, signer.append(TreeSize{0}, entries, head.time_ms));
  if (signed_head.head != head) {
    return fail(ErrorCode::kConflict, "the enclave signed another first head than was decided");
  }
  WITAN_ASSIGN(std::string note, checkpoint_note(log, signed_head));
  StoreCommit publish;
  publish.publish.push_back(PublishedHead{signed_head, std::move(note)});
  return store.commit(publish);
}

}  // namespace witan
