#include "enclave/adopt.h"

#include <algorithm>
#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"

namespace witan {
namespace {

CosignResult no_head(CosignRefusal refusal, std::string message, std::uint64_t size = 0) {
  return tl::make_unexpected(CosignError{refusal, std::move(message), size});
}

// The head with its log's lines and those of own keys, all verified.
CosignResult verified_head(const CosignRequest& head, const CosignerState& identity) {
  const auto note = Note::parse(head.request.note);
  if (!note) return no_head(CosignRefusal::kMalformed, short_message(note.error().message));
  const auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint) {
    return no_head(CosignRefusal::kMalformed, short_message(checkpoint.error().message));
  }
  // At a mark of its own, only shape, origin and signatures are left to be judged.
  const CosignMark own{checkpoint->size, checkpoint->root};
  auto good =
      check_cosignable({own.size.value, {}, head.request.note}, head.log_keys, own, identity.name);
  if (!good) {
    CosignError error = std::move(good).error();
    error.message = short_message(error.message);
    return tl::make_unexpected(std::move(error));
  }
  Cosigned out;
  for (const NoteSignature& line : note->signatures) {
    for (const VerifierKey& key : identity.keys) {
      if (line.name != key.name || line.id != key.id) continue;
      const SignatureCheck check = check_signature(*note, line, key);
      const bool kept = std::find(out.lines.begin(), out.lines.end(), line) != out.lines.end();
      if (check.status != SignatureStatus::kValid || !check.timestamp || kept) continue;
      out.time_s = std::max(out.time_s, *check.timestamp);
      out.lines.push_back(line);
    }
  }
  if (out.lines.empty()) {
    return no_head(CosignRefusal::kBadSignature,
                   "the head carries no cosignature of this witness that verifies");
  }
  out.origin = checkpoint->origin;
  out.mark = own;
  out.text = std::move(good->text);
  out.log_lines = std::move(good->log_lines);
  return out;
}

}  // namespace

AdoptedHeads judge_heads(std::span<const CosignRequest> heads, const CosignerState& identity,
                         const MarkTable& marks) {
  AdoptedHeads out;
  MarkTable raised;
  for (const CosignRequest& head : heads) {
    CosignResult result = verified_head(head, identity);
    if (!result) {
      out.results.push_back(std::move(result));
      continue;
    }
    out.time_s = std::max(out.time_s, result->time_s);
    const Hash32 hash = sha256(as_bytes(result->origin));
    const CosignMark* known = raised.find(hash);
    if (known == nullptr) known = marks.find(hash);
    const std::uint64_t size = known == nullptr ? 0 : known->size.value;
    result->old_size = size;
    if (known != nullptr && result->mark.size < known->size) {
      result = no_head(CosignRefusal::kConflict,
                       "the head has size " + std::to_string(result->mark.size.value) +
                           ", the mark " + std::to_string(size),
                       size);
    } else if (known != nullptr && known->size == result->mark.size &&
               known->root != result->mark.root) {
      result = no_head(CosignRefusal::kUnprocessable,
                       "this witness has cosigned two trees of size " + std::to_string(size) +
                           ": its key must not be used any more");
    } else if (known == nullptr && marks.size() + out.marks.size() >= limits::kWitnessLogsMax) {
      result = no_head(CosignRefusal::kUnavailable, "the signer holds marks of " +
                                                        std::to_string(marks.size()) +
                                                        " origins and takes no more");
    } else if (known == nullptr || known->size < result->mark.size) {
      raised.set({hash, result->mark});
      out.marks.push_back({hash, result->mark});
    }
    out.results.push_back(std::move(result));
  }
  return out;
}

}  // namespace witan
