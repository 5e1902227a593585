#include "witness/cosigning.h"

#include <algorithm>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/tree/proof.h"

namespace witan {
namespace {

using Refusal = CosignRefusal;

tl::unexpected<CosignError> refuse(Refusal refusal, std::string message, std::uint64_t size = 0) {
  return tl::unexpected<CosignError>(CosignError{refusal, std::move(message), size});
}

bool signs_logs(const VerifierKey& key) {
  return key.algorithm == NoteAlgorithm::kEd25519 || key.algorithm == NoteAlgorithm::kEcdsa ||
         key.algorithm == NoteAlgorithm::kMlDsa44;
}

// An ML-DSA-44 signature covers origin, size and root only.
bool covers_extensions(const VerifierKey& key) {
  return key.algorithm != NoteAlgorithm::kMlDsa44;
}

std::string name_of_line(const NoteSignature& line) {
  return line.name + "+" + hex_encode(line.id);
}

// What the lines under trusted keys come to.
struct LogLines {
  std::vector<NoteSignature> valid;
  bool extensions_covered = false;
  std::string unverifiable;  // the name of a line that this build cannot check
};

// Judges one line under all trusted keys of its name and id: there is one, but for collisions.
SignatureStatus judge_line(const Note& note, const NoteSignature& line,
                           std::span<const VerifierKey> keys, LogLines& out) {
  SignatureStatus best = SignatureStatus::kUnknownKey;
  for (const VerifierKey& key : keys) {
    if (!signs_logs(key)) continue;
    const SignatureStatus status = check_signature(note, line, key).status;
    if (status == SignatureStatus::kValid) {
      out.extensions_covered = out.extensions_covered || covers_extensions(key);
      return status;
    }
    if (status != SignatureStatus::kUnknownKey && best != SignatureStatus::kInvalid) best = status;
  }
  return best;
}

// All lines of trusted keys are verified, so their number is bounded. Equal ones count once.
tl::expected<void, CosignError> check_line_count(const Note& note,
                                                 std::span<const VerifierKey> keys) {
  if (note.signatures.size() <= limits::kLogLinesPerKeyMax) return {};
  for (const VerifierKey& key : keys) {
    std::vector<const NoteSignature*> found;
    for (const NoteSignature& line : note.signatures) {
      if (line.name != key.name || line.id != key.id) continue;
      if (std::none_of(found.begin(), found.end(),
                       [&line](const NoteSignature* known) { return *known == line; })) {
        found.push_back(&line);
      }
      if (found.size() > limits::kLogLinesPerKeyMax) {
        return refuse(Refusal::kMalformed, "more than " +
                                               std::to_string(limits::kLogLinesPerKeyMax) +
                                               " different signatures of " + name_of_line(line));
      }
    }
  }
  return {};
}

tl::expected<LogLines, CosignError> check_lines(const Note& note,
                                                std::span<const VerifierKey> keys) {
  if (auto few = check_line_count(note, keys); !few) {
    return tl::unexpected<CosignError>(std::move(few).error());
  }
  LogLines out;
  for (const NoteSignature& line : note.signatures) {
    // Nobody makes the signer verify one signature again and again.
    if (std::find(out.valid.begin(), out.valid.end(), line) != out.valid.end()) continue;
    switch (judge_line(note, line, keys, out)) {
      case SignatureStatus::kValid:
        out.valid.push_back(line);
        break;
      case SignatureStatus::kInvalid:
        return refuse(Refusal::kBadSignature,
                      "the signature of " + name_of_line(line) + " is wrong");
      case SignatureStatus::kUnverifiable:
        out.unverifiable = name_of_line(line);
        break;
      case SignatureStatus::kUnknownKey:
        break;
    }
  }
  if (!out.valid.empty()) return out;
  if (!out.unverifiable.empty()) {
    return refuse(Refusal::kBadSignature,
                  "the only signature of a trusted key is that of " + out.unverifiable +
                      ", ML-DSA-44, which this build cannot check (OpenSSL 3.5 can)");
  }
  return refuse(Refusal::kBadSignature, "no signature of a trusted key, expected one of " +
                                            std::to_string(keys.size()) + " keys' in " +
                                            std::to_string(note.signatures.size()) + " lines");
}

tl::expected<void, CosignError> check_sizes(std::uint64_t old_size, TreeSize size,
                                            const CosignMark& mark) {
  if (old_size > size.value) {
    return refuse(Refusal::kMalformed, "old size " + std::to_string(old_size) +
                                           " is above the checkpoint's, " +
                                           std::to_string(size.value));
  }
  if (old_size != mark.size.value) {
    return refuse(Refusal::kConflict,
                  "old size " + std::to_string(old_size) + ", expected that of the newest " +
                      "checkpoint cosigned, " + std::to_string(mark.size.value),
                  mark.size.value);
  }
  return {};
}

tl::expected<void, CosignError> check_tree(const AddCheckpointRequest& request,
                                           const Checkpoint& checkpoint, const CosignMark& mark) {
  const Hash32 empty = empty_root();
  if (checkpoint.size.value == 0 && checkpoint.root != empty) {
    return refuse(Refusal::kUnprocessable, "the root of size 0 is not SHA-256 of nothing");
  }
  const Hash32& mark_root = mark.size.value == 0 ? empty : mark.root;
  if (mark.size == checkpoint.size && mark_root != checkpoint.root) {
    return refuse(Refusal::kUnprocessable, "root " + base64_encode(checkpoint.root) + " at size " +
                                               std::to_string(mark.size.value) +
                                               ", of which root " + base64_encode(mark_root) +
                                               " was cosigned");
  }
  const auto verified =
      verify_consistency(mark.size, checkpoint.size, request.proof, mark_root, checkpoint.root);
  if (!verified) return refuse(Refusal::kUnprocessable, verified.error().message);
  return {};
}

}  // namespace

unsigned http_status(CosignRefusal refusal) {
  switch (refusal) {
    case Refusal::kMalformed:
      return 400;
    case Refusal::kUnknownLog:
      return 404;
    case Refusal::kBadSignature:
      return 403;
    case Refusal::kConflict:
      return 409;
    case Refusal::kUnprocessable:
      return 422;
    case Refusal::kOverQuota:
      return 429;
    case Refusal::kHeld:
    case Refusal::kUnavailable:
      break;
  }
  return 503;
}

std::string_view to_string(CosignRefusal refusal) {
  switch (refusal) {
    case Refusal::kMalformed:
      return "malformed";
    case Refusal::kUnknownLog:
      return "unknown-log";
    case Refusal::kBadSignature:
      return "bad-signature";
    case Refusal::kConflict:
      return "conflict";
    case Refusal::kUnprocessable:
      return "unprocessable";
    case Refusal::kOverQuota:
      return "over-quota";
    case Refusal::kHeld:
      return "held";
    case Refusal::kUnavailable:
      break;
  }
  return "unavailable";
}

tl::expected<Cosignable, CosignError> check_signed(const AddCheckpointRequest& request,
                                                   std::span<const VerifierKey> keys,
                                                   std::string_view witness_name) {
  auto note = Note::parse(request.note);
  if (!note) return refuse(Refusal::kMalformed, note.error().message);
  auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint) return refuse(Refusal::kMalformed, checkpoint.error().message);
  if (checkpoint->size.value > limits::kTreeSizeMax) {
    return refuse(Refusal::kMalformed,
                  "size " + std::to_string(checkpoint->size.value) + ", expected at most 2^62");
  }
  if (checkpoint->origin == witness_name) {
    return refuse(Refusal::kUnknownLog, "the origin is the witness's own name: no log");
  }
  if (keys.empty()) {
    return refuse(Refusal::kUnknownLog, "no keys are known for the checkpoint's origin");
  }
  auto lines = check_lines(*note, keys);
  if (!lines) return tl::unexpected<CosignError>(std::move(lines).error());
  if (!checkpoint->extensions.empty() && !lines->extensions_covered) {
    return refuse(Refusal::kMalformed,
                  "extension lines that no signature of the log covers: ML-DSA-44 signs origin, "
                  "size and root");
  }
  return Cosignable{std::move(*checkpoint), std::move(note->text), std::move(lines->valid)};
}

tl::expected<void, CosignError> check_follows(const AddCheckpointRequest& request,
                                              const Checkpoint& checkpoint,
                                              const CosignMark& mark) {
  auto fits = check_sizes(request.old_size, checkpoint.size, mark);
  if (fits) fits = check_tree(request, checkpoint, mark);
  return fits;
}

tl::expected<Cosignable, CosignError> check_cosignable(const AddCheckpointRequest& request,
                                                       std::span<const VerifierKey> keys,
                                                       const CosignMark& mark,
                                                       std::string_view witness_name) {
  auto out = check_signed(request, keys, witness_name);
  if (!out) return out;
  auto fits = check_follows(request, out->checkpoint, mark);
  if (!fits) return tl::unexpected<CosignError>(std::move(fits).error());
  return out;
}

}  // namespace witan
