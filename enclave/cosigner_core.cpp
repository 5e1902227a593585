#include "enclave/cosigner_core.h"

#include <algorithm>
#include <utility>

#include "config/limits.h"
#include "enclave/cosigner_messages.h"
#include "enclave/messages.h"
#include "ledger/crypto/sha256.h"

namespace witan {
namespace {

// The end of the year 9999: above it, other people's dates break.
constexpr std::uint64_t kCosignTimeMax = 253'402'300'799;

// The first line of a note: the origin, if the note is a checkpoint.
std::string_view first_line(std::string_view note) {
  return note.substr(0, note.find('\n'));
}

// The mark that a batch under way has set, if any: the last one of the origin.
const CosignMark* find_in(const CosignBatch& batch, const Hash32& origin_hash) {
  const auto found = std::find_if(
      batch.marks.rbegin(), batch.marks.rend(),
      [&origin_hash](const OriginMark& mark) { return mark.origin_hash == origin_hash; });
  return found == batch.marks.rend() ? nullptr : &found->mark;
}

CosignResult refused(CosignRefusal refusal, std::string message) {
  return tl::make_unexpected(CosignError{refusal, std::move(message), 0});
}

Result<void> at_most(std::string_view what, std::size_t found, std::size_t most) {
  if (found <= most) return {};
  return fail(ErrorCode::kTooLarge, "cosign: " + std::to_string(found) + " " + std::string(what) +
                                        ", expected at most " + std::to_string(most));
}

Result<std::uint64_t> cosign_time(std::uint64_t given, const std::optional<CosignBatch>& last) {
  if (given == 0 || given > kCosignTimeMax) {
    return fail(given == 0 ? ErrorCode::kMalformed : ErrorCode::kTooLarge,
                "cosign at time " + std::to_string(given) + ", expected 1 to " +
                    std::to_string(kCosignTimeMax) + " seconds");
  }
  return last ? std::max(given, last->time_s) : given;
}

}  // namespace

Result<void> check_cosign_batch(std::span<const CosignRequest> requests) {
  WITAN_TRY(at_most("requests", requests.size(), limits::kCosignBatchMax));
  std::size_t bytes = 0;
  for (const CosignRequest& request : requests) {
    const AddCheckpointRequest& body = request.request;
    WITAN_TRY(at_most("keys", request.log_keys.size(), limits::kWitnessKeysPerLogMax));
    WITAN_TRY(at_most("proof hashes", body.proof.size(), limits::kProofHashesMax));
    WITAN_TRY(at_most("bytes of a note", body.note.size(), limits::kNoteBytesMax));
    bytes += body.note.size() + body.proof.size() * sizeof(Hash32);
    for (const VerifierKey& key : request.log_keys) bytes += key.name.size() + key.key.size();
  }
  return at_most("bytes", bytes, limits::kCosignBatchBytesMax);
}

CosignerCore::CosignerCore(std::string name, PrivateKey key, PrivateKey again, VerifierKey verifier)
    : name_(std::move(name)),
      key_(std::move(key)),
      again_(std::move(again)),
      verifier_(std::move(verifier)) {}

Result<CosignerCore> CosignerCore::make(std::string name, BytesView seed) {
  if (!valid_key_name(name)) {
    return fail(ErrorCode::kMalformed, "cosigner's name \"" + printable(name) +
                                           "\", expected 1 to 255 bytes of UTF-8 without spaces, "
                                           "control characters and '+'");
  }
  WITAN_ASSIGN(PrivateKey key, PrivateKey::from_secret(KeyKind::kEd25519, seed));
  WITAN_ASSIGN(PrivateKey again, PrivateKey::from_secret(KeyKind::kEd25519, seed));
  WITAN_ASSIGN(VerifierKey verifier,
               VerifierKey::make(name, NoteAlgorithm::kCosignatureEd25519, key.public_key().raw()));
  return CosignerCore(std::move(name), std::move(key), std::move(again), std::move(verifier));
}

void CosignerCore::restore(MarkTable marks, std::optional<CosignBatch> last) {
  marks_ = std::move(marks);
  last_ = std::move(last);
  next_.reset();
}

CosignStep CosignerCore::cosign(std::span<const CosignRequest> requests, std::uint64_t time_s) {
  next_.reset();
  if (const auto small = check_cosign_batch(requests); !small) return {fail(small.error()), {}};
  CosignBatch batch;
  batch.digest = cosign_digest(requests, time_s);
  if (last_ && last_->digest == batch.digest) return {last_->results, {}};
  const auto time = cosign_time(time_s, last_);
  if (!time) return {fail(time.error()), {}};
  batch.time_s = *time;
  batch.results.reserve(requests.size());
  for (const CosignRequest& request : requests) {
    auto result = judge(request, batch);
    if (!result) return {fail(std::move(result).error()), {}};
    batch.results.push_back(std::move(*result));
  }
  if (batch.marks.empty()) return {std::move(batch.results), {}};
  CosignStep out{batch.results, encode_batch(batch)};
  next_ = std::move(batch);
  return out;
}

void CosignerCore::commit() {
  if (!next_) return;
  for (const OriginMark& mark : next_->marks) marks_.set(mark);
  last_ = std::move(next_);
  next_.reset();
}

Result<CosignResult> CosignerCore::judge(const CosignRequest& request, CosignBatch& batch) const {
  const std::string_view origin = first_line(request.request.note);
  const Hash32 origin_hash = sha256(as_bytes(origin));
  const CosignMark* known = find_in(batch, origin_hash);
  if (known == nullptr) known = marks_.find(origin_hash);
  auto good =
      check_cosignable(request.request, request.log_keys,
                       known == nullptr ? CosignMark{TreeSize{0}, empty_root()} : *known, name_);
  if (!good) {
    CosignError error = std::move(good).error();
    error.message = short_message(error.message);
    return CosignResult(tl::make_unexpected(std::move(error)));
  }
  if (good->checkpoint.origin != origin) {
    return refused(CosignRefusal::kMalformed, "the note's first line is not the origin");
  }
  if (known == nullptr && marks_.size() + batch.marks.size() >= limits::kWitnessLogsMax) {
    return refused(CosignRefusal::kUnavailable,
                   "the signer holds marks of " + std::to_string(marks_.size()) +
                       " origins and takes no more, expected at most " +
                       std::to_string(limits::kWitnessLogsMax));
  }
  Cosigned out;
  WITAN_ASSIGN(NoteSignature line, sign(good->text, batch.time_s));
  // A persistent fault would touch both copies of the key at once only here: once a batch.
  if (batch.marks.empty()) {
    const SignatureCheck check = check_signature(Note{good->text, {line}}, line, verifier_);
    if (check.status != SignatureStatus::kValid) {
      return fail(ErrorCode::kBadSignature, "own cosignature does not verify; it is not released");
    }
  }
  out.origin = std::move(good->checkpoint.origin);
  out.mark = CosignMark{good->checkpoint.size, good->checkpoint.root};
  out.time_s = batch.time_s;
  out.text = std::move(good->text);
  out.log_lines = std::move(good->log_lines);
  out.lines.push_back(std::move(line));
  batch.marks.push_back(OriginMark{origin_hash, out.mark});
  return CosignResult(std::move(out));
}

// A fault while signing could give the key away. Ed25519 is deterministic, so a second signature
// from another copy of the key shows one, at less than half the price of verifying.
Result<NoteSignature> CosignerCore::sign(std::string_view text, std::uint64_t time_s) const {
  WITAN_ASSIGN(NoteSignature line, cosign_note(text, name_, key_, time_s));
  WITAN_ASSIGN(const NoteSignature second, cosign_note(text, name_, again_, time_s));
  if (line != second) {
    return fail(ErrorCode::kBadSignature,
                "own cosignature came out different when it was made "
                "twice; it is not released");
  }
  return line;
}

CosignerState CosignerCore::state() const {
  CosignerState out;
  out.name = name_;
  out.keys.push_back(verifier_);
  out.marks = marks_.size();
  if (last_) out.last = only_cosigned(last_->results);
  return out;
}

std::optional<CosignMark> CosignerCore::mark(std::string_view origin) const {
  const CosignMark* const found = marks_.find(sha256(as_bytes(origin)));
  if (found == nullptr) return std::nullopt;
  return *found;
}

}  // namespace witan
