#pragma once
// The cosigner's keys: Ed25519, and ML-DSA-44 where it was made with one.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "enclave/state.h"
#include "ledger/crypto/ml_dsa_key.h"
#include "ledger/crypto/private_key.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "ledger/tree/proof.h"

namespace witan {

struct CosignerSeeds {
  SecretBytes ed25519;
  SecretBytes ml_dsa_44;  // empty: there is no such key
};

// Never changed once made; any thread may sign.
class CosignerKeys {
 public:
  // kMalformed (the name or a seed). kUnsupported when there is an ML-DSA-44 seed and this build
  // has no ML-DSA-44: half of the lines that verifiers were promised would be worse than none.
  static Result<CosignerKeys> make(std::string name, const CosignerSeeds& seeds);

  [[nodiscard]] const std::string& name() const { return name_; }
  // Of type 4, then of type 6 if there is one.
  [[nodiscard]] const std::vector<VerifierKey>& verifiers() const { return verifiers_; }
  [[nodiscard]] bool has_ml_dsa() const { return ml_dsa_.has_value(); }

  // A line of each key, in the order of verifiers(), over a checkpoint and its text. kMalformed
  // where check_origin fails. kBadSignature when a line is not as it should be: none is given then.
  [[nodiscard]] Result<std::vector<NoteSignature>> cosign(const Checkpoint& checkpoint,
                                                          std::string_view text,
                                                          std::uint64_t time_s) const;
  // Whether all keys can sign for that origin: ML-DSA-44 for 255 bytes at most. kMalformed.
  [[nodiscard]] Result<void> check_origin(std::string_view origin) const;
  // The ML-DSA-44 line over a subtree, at time 0. kUnsupported without such a key; as cosign.
  [[nodiscard]] Result<NoteSignature> cosign_subtree(std::string_view origin, Subtree subtree,
                                                     const Hash32& hash) const;

 private:
  CosignerKeys(std::string name, PrivateKey key, PrivateKey again)
      : name_(std::move(name)), key_(std::move(key)), again_(std::move(again)) {}
  [[nodiscard]] Result<NoteSignature> sign_ed25519(std::string_view text,
                                                   std::uint64_t time_s) const;

  std::string name_;
  PrivateKey key_;
  PrivateKey again_;  // the same in memory of its own: each signature is made twice
  std::optional<MlDsa44Key> ml_dsa_;
  std::vector<VerifierKey> verifiers_;
};

}  // namespace witan
