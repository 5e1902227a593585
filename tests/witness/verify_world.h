#pragma once
// A log with a registered statement, and what may be made wrong in it.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/attestation/evidence.h"
#include "ledger/crypto/sha256.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/cosignature.h"
#include "ledger/format/receipt.h"
#include "ledger/format/tlog_proof.h"
#include "ledger/registration/log_keys.h"
#include "tests/ledger/format/statement_samples.h"
#include "witness/verify.h"

namespace witan::test {

inline constexpr std::uint64_t kTimeS = 1'760'000'000;

inline std::string pem_of(const PrivateKey& key) {
  return key.public_key().pem();
}

// A tree of these entries, by its definition (RFC 9162 section 2.1).
struct Tree {
  std::vector<Hash32> entries;

  [[nodiscard]] Hash32 root(std::size_t start, std::size_t size) const {
    if (size == 1) return leaf_hash(entries[start]);
    std::size_t left = 1;
    while (left * 2 < size) left *= 2;
    return node_hash(root(start, left), root(start + left, size - left));
  }
  [[nodiscard]] std::vector<Hash32> path(std::size_t index, std::size_t start,
                                         std::size_t size) const {
    if (size == 1) return {};
    std::size_t left = 1;
    while (left * 2 < size) left *= 2;
    const bool is_left = index < start + left;
    auto out = is_left ? path(index, start, left) : path(index, start + left, size - left);
    out.push_back(is_left ? root(start + left, size - left) : root(start, left));
    return out;
  }
};

// What may be made wrong in a registration, one thing at a time.
struct Faults {
  std::string checkpoint_origin = "log.example/1";
  std::uint64_t checkpoint_size = 5;
  bool other_checkpoint_root = false;
  bool other_path = false;
  bool witness = true;
  bool log_as_witness = false;
  bool with_checkpoint = true;
};

// A log with a statement at leaf 3 of 5, its keys, and a verifier's trust in them.
struct World {
  PrivateKey issuer = make_key();
  PrivateKey note_key = make_key();
  PrivateKey receipt_key = make_key(KeyKind::kP256);
  PrivateKey witness_key = make_key();
  std::string origin = "log.example/1";
  Bytes statement = make_statement(sample_request(), issuer).value();
  Bytes key_set_statement;
  Tree tree;

  World() {
    const Hash32 entry0 = sha256(as_bytes("policy"));
    key_set_statement = make_key_set(entry0);
    tree.entries = {entry0, parsed(key_set_statement).entry(), sha256(as_bytes("another")),
                    parsed(statement).entry(), sha256(as_bytes("last"))};
  }

  static Statement parsed(const Bytes& bytes) {
    return Statement::parse(bytes, bytes.size(), StatementProfile::kForeign).value();
  }
  [[nodiscard]] VerifierKey vkey() const {
    return VerifierKey::make(origin, NoteAlgorithm::kEd25519, note_key.public_key().raw()).value();
  }
  [[nodiscard]] VerifierKey witness_vkey() const {
    return VerifierKey::make("witness.example", NoteAlgorithm::kCosignatureEd25519,
                             witness_key.public_key().raw())
        .value();
  }

  [[nodiscard]] Bytes make_key_set(const Hash32& nonce, const PrivateKey* other = nullptr) const {
    Evidence evidence;
    evidence.grade = Grade::kProcess;
    evidence.origin = origin;
    evidence.note_thumbprint = cose_key_thumbprint(note_key.public_key());
    evidence.cose_thumbprint = cose_key_thumbprint((other ? *other : receipt_key).public_key());
    evidence.nonce = to_bytes(nonce);
    SignedEvidence signed_evidence;
    signed_evidence.body = encode_evidence_body(evidence);
    const Bytes signature =
        note_key.sign(Algorithm::kEdDsa, evidence_to_be_signed(signed_evidence.body)).value();
    std::copy(signature.begin(), signature.end(), signed_evidence.signature.begin());
    const PublicKey& key = (other ? *other : receipt_key).public_key();
    StatementRequest request = sample_request();
    request.subject = origin;
    request.content_type = std::string(kLogKeysContentType);
    request.payload =
        encode_log_keys({origin,
                         "https://log.example",
                         {CoseKey{key, to_bytes(cose_key_thumbprint(key)), Algorithm::kEs256}},
                         vkey().text(),
                         signed_evidence.encode()});
    return make_statement(request, issuer).value();
  }

  [[nodiscard]] std::string checkpoint(const Faults& faults) const {
    Hash32 root = tree.root(0, tree.entries.size());
    if (faults.other_checkpoint_root) root[0] ^= 1;
    const std::string text =
        Checkpoint{faults.checkpoint_origin, TreeSize{faults.checkpoint_size}, root, {}}.text();
    Note note{text, {sign_note(text, origin, note_key).value()}};
    if (faults.witness) {
      note.signatures.push_back(cosign_note(text, "witness.example", witness_key, kTimeS).value());
    }
    if (faults.log_as_witness) {
      note.signatures.push_back(cosign_note(text, origin, note_key, kTimeS).value());
    }
    return note.encode();
  }

  [[nodiscard]] std::vector<Hash32> path(std::size_t index, const Faults& faults) const {
    auto out = tree.path(index, 0, tree.entries.size());
    if (faults.other_path) out[0][0] ^= 1;
    return out;
  }

  [[nodiscard]] Bytes receipt(const Faults& faults = {}, std::size_t index = 3) const {
    const Bytes head = cose_head_protected({.kid = cose_key_thumbprint(receipt_key.public_key()),
                                            .issuer = "https://log.example",
                                            .origin = origin,
                                            .time_s = kTimeS,
                                            .size = TreeSize{tree.entries.size()}});
    const Hash32 root = tree.root(0, tree.entries.size());
    const Bytes signature =
        receipt_key.sign(Algorithm::kEs256, cose_to_be_signed(head, root)).value();
    const std::string note = checkpoint(faults);
    return encode_inclusion_receipt(
        head, signature, {TreeSize{tree.entries.size()}, LeafIndex{index}, path(index, faults)},
        faults.with_checkpoint ? std::optional<std::string_view>(note) : std::nullopt);
  }

  [[nodiscard]] Bytes tlog_proof(const Faults& faults = {}) const {
    return bytes_of(
        TlogProof{std::nullopt, LeafIndex{3}, path(3, faults), checkpoint(faults)}.encode());
  }

  [[nodiscard]] Bytes registered_key_set() const {
    return embed_receipts(parsed(key_set_statement), {receipt({}, 1)});
  }

  [[nodiscard]] VerifyTrust trust(bool log = true, bool receipts = true, bool policy = true) const {
    VerifyTrust out;
    out.issuer_keys = {parse_pinned_key(pem_of(issuer)).value()};
    if (log) out.log_keys = {vkey()};
    if (receipts) out.receipt_keys = {receipt_key.public_key()};
    if (policy) {
      out.tlog_policy = TlogPolicy::parse("log " + vkey().text() + "\nwitness w " +
                                          witness_vkey().text() + "\nquorum w\n")
                            .value();
    }
    return out;
  }
};

using Names = std::vector<std::string>;

// The checks that failed.
inline Names failures(const VerifyReport& report) {
  Names out;
  for (const Check& check : report.checks) {
    if (check.status == CheckStatus::kFailed) out.push_back(check.name);
  }
  return out;
}

}  // namespace witan::test
