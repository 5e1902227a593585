#include "witness/subtree_cosigning.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"

namespace witan {
namespace {

tl::unexpected<CosignError> refuse_subtree(CosignRefusal refusal, std::string message) {
  return tl::unexpected<CosignError>(CosignError{refusal, std::move(message), 0});
}

std::string range_text(Subtree subtree) {
  return "[" + std::to_string(subtree.start) + ", " + std::to_string(subtree.end) + ")";
}

tl::expected<void, CosignError> check_range(Subtree subtree, TreeSize size) {
  if (!subtree.valid()) {
    return refuse_subtree(CosignRefusal::kMalformed,
                          range_text(subtree) + " is not a valid subtree");
  }
  if (subtree.end > size.value || size.value > limits::kTreeSizeMax) {
    return refuse_subtree(CosignRefusal::kMalformed,
                          range_text(subtree) + " is not inside the checkpoint's tree, of size " +
                              std::to_string(size.value));
  }
  return {};
}

// Counts the good lines of one own key. Equal lines are verified once.
tl::expected<std::size_t, CosignError> count_own_lines(const Note& note, const VerifierKey& key) {
  std::vector<const NoteSignature*> seen;
  for (const NoteSignature& line : note.signatures) {
    if (line.name != key.name || line.id != key.id) continue;
    if (std::any_of(seen.begin(), seen.end(),
                    [&line](const NoteSignature* known) { return *known == line; })) {
      continue;
    }
    const std::string label = "of " + line.name + "+" + hex_encode(line.id);
    if (seen.size() == kOwnLinesPerKeyMax) {
      return refuse_subtree(
          CosignRefusal::kBadSignature,
          "more than " + std::to_string(kOwnLinesPerKeyMax) + " different signatures " + label);
    }
    seen.push_back(&line);
    if (check_signature(note, line, key).status != SignatureStatus::kValid) {
      return refuse_subtree(CosignRefusal::kBadSignature,
                            "the checkpoint's signature " + label + " is wrong");
    }
  }
  return seen.size();
}

tl::expected<void, CosignError> check_own_lines(const Note& note,
                                                std::span<const VerifierKey> own) {
  std::size_t others = 0;
  std::size_t subtree_lines = 0;
  for (const VerifierKey& key : own) {
    const auto count = count_own_lines(note, key);
    if (!count) return tl::unexpected<CosignError>(count.error());
    (key.algorithm == NoteAlgorithm::kMlDsa44 ? subtree_lines : others) += *count;
  }
  if (subtree_lines > 0) return {};
  return refuse_subtree(CosignRefusal::kBadSignature,
                        others == 0 ? "the checkpoint is not cosigned by this witness"
                                    : "the checkpoint has this witness's Ed25519 cosignature only, "
                                      "expected its ML-DSA-44 one");
}

// The witness signed the checkpoint, so its mark is there or further.
tl::expected<void, CosignError> check_not_ahead(const Checkpoint& checkpoint,
                                                const CosignMark* known) {
  const CosignMark mark = known == nullptr ? CosignMark{} : *known;
  const bool ahead = known == nullptr || checkpoint.size > mark.size;
  if (!ahead && (checkpoint.size != mark.size || checkpoint.root == mark.root)) return {};
  return refuse_subtree(CosignRefusal::kUnavailable,
                        "the checkpoint, of size " + std::to_string(checkpoint.size.value) +
                            ", is cosigned by this witness, but its signer stands at size " +
                            std::to_string(mark.size.value) + (ahead ? "" : " with another root") +
                            ": the signer is an old copy");
}

}  // namespace

tl::expected<CosignableSubtree, CosignError> check_subtree_cosignable(
    const SignSubtreeRequest& request, std::span<const VerifierKey> own, const CosignMark* mark) {
  const auto note = Note::parse(request.note);
  if (!note) return refuse_subtree(CosignRefusal::kMalformed, note.error().message);
  auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint) return refuse_subtree(CosignRefusal::kMalformed, checkpoint.error().message);
  const auto inside = check_range(request.subtree, checkpoint->size);
  if (!inside) return tl::unexpected<CosignError>(inside.error());
  auto good = check_own_lines(*note, own);
  if (good) good = check_not_ahead(*checkpoint, mark);
  if (!good) return tl::unexpected<CosignError>(good.error());
  const auto proven = verify_subtree_consistency(request.subtree, checkpoint->size, request.proof,
                                                 request.hash, checkpoint->root);
  if (!proven) return refuse_subtree(CosignRefusal::kUnprocessable, proven.error().message);
  return CosignableSubtree{std::move(checkpoint->origin), request.subtree, request.hash};
}

}  // namespace witan
