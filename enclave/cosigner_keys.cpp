#include "enclave/cosigner_keys.h"

#include <utility>

#include "enclave/messages.h"
#include "ledger/format/cosign_subtree.h"
#include "ledger/format/cosignature.h"

namespace witan {
namespace {

constexpr std::size_t kMlDsaOriginBytesMax = 255;

}  // namespace

Result<CosignerKeys> CosignerKeys::make(std::string name, const CosignerSeeds& seeds) {
  if (!valid_key_name(name)) {
    return fail(ErrorCode::kMalformed, "cosigner's name \"" + printable(name) +
                                           "\", expected 1 to 255 bytes of UTF-8 without spaces, "
                                           "control characters and '+'");
  }
  const BytesView seed = seeds.ed25519.view();
  WITAN_ASSIGN(PrivateKey key, PrivateKey::from_secret(KeyKind::kEd25519, seed));
  WITAN_ASSIGN(PrivateKey again, PrivateKey::from_secret(KeyKind::kEd25519, seed));
  CosignerKeys out(std::move(name), std::move(key), std::move(again));
  WITAN_ASSIGN(VerifierKey verifier,
               VerifierKey::make(out.name_, NoteAlgorithm::kCosignatureEd25519,
                                 out.key_.public_key().raw()));
  out.verifiers_.push_back(std::move(verifier));
  if (seeds.ml_dsa_44.view().empty()) return out;
  auto ml_dsa = MlDsa44Key::from_seed(seeds.ml_dsa_44.view());
  if (!ml_dsa) {
    return fail(ml_dsa.error().within(
        "the cosigner has an ML-DSA-44 key besides its Ed25519 key, and signs with both or not at "
        "all"));
  }
  WITAN_ASSIGN(VerifierKey second,
               VerifierKey::make(out.name_, NoteAlgorithm::kMlDsa44, ml_dsa->public_key()));
  out.verifiers_.push_back(std::move(second));
  out.ml_dsa_.emplace(std::move(*ml_dsa));
  return out;
}

Result<void> CosignerKeys::check_origin(std::string_view origin) const {
  if (!ml_dsa_ || origin.size() <= kMlDsaOriginBytesMax) return {};
  return fail(ErrorCode::kMalformed, "an origin of " + std::to_string(origin.size()) +
                                         " bytes, expected at most 255: ML-DSA-44 cosignatures "
                                         "hold no longer one");
}

Result<std::vector<NoteSignature>> CosignerKeys::cosign(const Checkpoint& checkpoint,
                                                        std::string_view text,
                                                        std::uint64_t time_s) const {
  std::vector<NoteSignature> out;
  WITAN_ASSIGN(NoteSignature line, sign_ed25519(text, time_s));
  out.push_back(std::move(line));
  if (!ml_dsa_) return out;
  WITAN_ASSIGN(NoteSignature second, witan::cosign_subtree({name_, time_s, checkpoint.origin, 0,
                                                            checkpoint.size.value, checkpoint.root},
                                                           *ml_dsa_));
  out.push_back(std::move(second));
  return out;
}

Result<NoteSignature> CosignerKeys::cosign_subtree(std::string_view origin, Subtree subtree,
                                                   const Hash32& hash) const {
  if (!ml_dsa_) {
    return fail(ErrorCode::kUnsupported,
                "the cosigner has no ML-DSA-44 key, which subtrees are signed with");
  }
  return witan::cosign_subtree({name_, 0, std::string(origin), subtree.start, subtree.end, hash},
                               *ml_dsa_);
}

// A fault while signing could give the key away. Ed25519 is deterministic, so a second signature
// from another copy of the key shows one, at less than half the price of verifying.
Result<NoteSignature> CosignerKeys::sign_ed25519(std::string_view text,
                                                 std::uint64_t time_s) const {
  const std::string message = cosignature_v1_message(text, time_s);
  WITAN_ASSIGN(const Bytes signature, key_.sign(Algorithm::kEdDsa, as_bytes(message)));
  WITAN_ASSIGN(const Bytes second, again_.sign(Algorithm::kEdDsa, as_bytes(message)));
  if (signature != second) {
    return fail(ErrorCode::kBadSignature,
                "own cosignature came out different when it was made "
                "twice; it is not released");
  }
  return NoteSignature{name_, verifiers_.front().id, join_timestamped_signature(time_s, signature)};
}

}  // namespace witan
