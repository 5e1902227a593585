#pragma once
// A log with its keys, as it asks a witness to cosign.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/crypto/ecdsa_der.h"
#include "ledger/crypto/secret.h"
#include "ledger/format/checkpoint.h"
#include "tests/ledger/tree/reference_tree.h"
#include "witness/cosigning.h"

namespace witan::test {

struct CosignKey {
  PrivateKey secret;
  VerifierKey vkey;
};

// Ed25519 keys of type 1 or 4, or P-256 ones of type 2.
inline CosignKey make_cosign_key(const std::string& name,
                                 NoteAlgorithm algorithm = NoteAlgorithm::kEd25519) {
  init_crypto();
  const bool ecdsa = algorithm == NoteAlgorithm::kEcdsa;
  PrivateKey secret = PrivateKey::generate(ecdsa ? KeyKind::kP256 : KeyKind::kEd25519).value();
  const PublicKey& shown = secret.public_key();
  VerifierKey vkey = VerifierKey::make(name, algorithm, ecdsa ? shown.spki() : shown.raw()).value();
  return {std::move(secret), std::move(vkey)};
}

inline NoteSignature sign_as_log(const CosignKey& key, std::string_view text) {
  if (key.vkey.algorithm != NoteAlgorithm::kEcdsa) {
    return sign_note(text, key.vkey.name, key.secret).value();
  }
  const Bytes r_s = key.secret.sign(Algorithm::kEs256, as_bytes(text)).value();
  return {key.vkey.name, key.vkey.id, ecdsa_to_der(r_s, KeyKind::kP256).value()};
}

using CosignJudgement = tl::expected<Cosignable, CosignError>;

// What a client would see.
inline unsigned status_of(const CosignJudgement& judgement) {
  return judgement ? 200 : http_status(judgement.error().refusal);
}

struct CosignWorld {
  std::string origin = "log.example/1";
  std::string witness_name = "witness.example/w";
  CosignKey key = make_cosign_key("log.example/1");
  ReferenceTree tree{70};

  [[nodiscard]] std::string text(std::size_t size) const {
    return Checkpoint{origin, TreeSize{size}, tree.mth(0, size), {}}.text();
  }
  [[nodiscard]] std::string note(const std::string& of_text) const {
    return Note{of_text, {sign_as_log(key, of_text)}}.encode();
  }
  [[nodiscard]] AddCheckpointRequest request(std::size_t old_size, std::size_t size) const {
    const Hashes proof = old_size == 0 ? Hashes() : tree.proof(old_size, size);
    return {old_size, proof, note(text(size))};
  }
  [[nodiscard]] CosignMark mark(std::size_t size) const {
    return {TreeSize{size}, tree.mth(0, size)};
  }
  [[nodiscard]] CosignJudgement judge(const AddCheckpointRequest& asked,
                                      const CosignMark& at) const {
    return check_cosignable(asked, std::span(&key.vkey, 1), at, witness_name);
  }
  [[nodiscard]] CosignJudgement judge(const AddCheckpointRequest& asked, const CosignMark& at,
                                      const std::vector<VerifierKey>& keys) const {
    return check_cosignable(asked, keys, at, witness_name);
  }
};

}  // namespace witan::test
