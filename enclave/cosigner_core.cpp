#include "enclave/cosigner_core.h"

#include <algorithm>
#include <iterator>
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

CosignError refused(CosignRefusal refusal, std::string message) {
  return CosignError{refusal, std::move(message), 0};
}

Result<void> at_most(std::string_view what, std::size_t found, std::size_t most) {
  if (found <= most) return {};
  return fail(ErrorCode::kTooLarge, "cosign: " + std::to_string(found) + " " + std::string(what) +
                                        ", expected at most " + std::to_string(most));
}

Result<std::uint64_t> cosign_time(std::uint64_t given, std::uint64_t last) {
  if (given == 0 || given > kCosignTimeMax) {
    return fail(given == 0 ? ErrorCode::kMalformed : ErrorCode::kTooLarge,
                "cosign at time " + std::to_string(given) + ", expected 1 to " +
                    std::to_string(kCosignTimeMax) + " seconds");
  }
  return std::max(given, last);
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

CosignerCore::CosignerCore(CosignerKeys keys) : keys_(std::move(keys)) {}

Result<CosignerCore> CosignerCore::make(std::string name, const CosignerSeeds& seeds) {
  WITAN_ASSIGN(CosignerKeys keys, CosignerKeys::make(std::move(name), seeds));
  return CosignerCore(std::move(keys));
}

void CosignerCore::restore(MarkTable marks, std::vector<CosignBatch> recent) {
  marks_ = std::move(marks);
  recent_ = std::move(recent);
  next_.reset();
}

struct CosignerCore::Judged {
  Hash32 origin_hash{};
  const CosignMark* before = nullptr;  // the origin's mark before the batch
  std::optional<Cosignable> good;      // of good shape and signature
  std::optional<CosignError> refusal;  // why it is not cosigned nevertheless
  std::uint64_t old_size = 0;
  Result<std::vector<NoteSignature>> lines;  // the own ones, when there is no refusal
};

CosignStep CosignerCore::cosign(std::span<const CosignRequest> requests, std::uint64_t time_s,
                                const Hash32& digest) {
  next_.reset();
  if (const auto small = check_cosign_batch(requests); !small) return {fail(small.error()), {}};
  if (!recent_.empty() && recent_.back().digest == digest) return {recent_.back().results, {}};
  const auto time = cosign_time(time_s, last_time_s());
  if (!time) return {fail(time.error()), {}};
  CosignBatch batch;
  batch.digest = digest;
  batch.time_s = *time;
  std::vector<Judged> judged(requests.size());
  for_each_(requests.size(), [&](std::size_t i) { examine(requests[i], judged[i]); });
  for (std::size_t i = 0; i < requests.size(); ++i) decide(requests[i], judged[i], batch);
  if (const auto made = sign_all(judged, *time); !made) return {fail(made.error()), {}};
  std::vector<CosignResult> results;
  results.reserve(requests.size());
  for (Judged& one : judged) results.push_back(answer(std::move(one), *time));
  batch.results = encode_cosign_results(results);
  CosignStep out{batch.results, {}};
  if (batch.marks.empty()) return out;
  out.record = encode_batch(batch);
  next_ = std::move(batch);
  return out;
}

void CosignerCore::commit() {
  if (!next_) return;
  for (const OriginMark& mark : next_->marks) marks_.set(mark);
  keep_recent(recent_, std::move(*next_));
  next_.reset();
}

void CosignerCore::examine(const CosignRequest& request, Judged& judged) const {
  const std::string_view origin = first_line(request.request.note);
  judged.origin_hash = sha256(as_bytes(origin));
  judged.old_size = request.request.old_size;
  judged.before = marks_.find(judged.origin_hash);
  auto good = check_signed(request.request, request.log_keys, keys_.name());
  if (!good) {
    judged.refusal = std::move(good).error();
  } else if (good->checkpoint.origin != origin) {
    judged.refusal = refused(CosignRefusal::kMalformed, "the note's first line is not the origin");
  } else if (const auto fits = keys_.check_origin(origin); !fits) {
    judged.refusal = refused(CosignRefusal::kMalformed, fits.error().message);
  } else {
    judged.good = std::move(*good);
    judged.refusal = check_against(request, judged, judged.before);
  }
}

std::optional<CosignError> CosignerCore::check_against(const CosignRequest& request,
                                                       const Judged& judged,
                                                       const CosignMark* mark) {
  auto follows = check_follows(request.request, judged.good->checkpoint,
                               mark == nullptr ? CosignMark{TreeSize{0}, empty_root()} : *mark);
  if (follows) return std::nullopt;
  return std::move(follows).error();
}

void CosignerCore::decide(const CosignRequest& request, Judged& judged, CosignBatch& batch) const {
  if (!judged.good) return;
  const CosignMark* const moved = find_in(batch, judged.origin_hash);
  if (moved != nullptr) judged.refusal = check_against(request, judged, moved);
  if (judged.refusal) return;
  const bool known = moved != nullptr || judged.before != nullptr;
  if (!known && marks_.size() + batch.marks.size() >= limits::kWitnessLogsMax) {
    judged.refusal = refused(CosignRefusal::kUnavailable,
                             "the signer holds marks of " + std::to_string(marks_.size()) +
                                 " origins and takes no more, expected at most " +
                                 std::to_string(limits::kWitnessLogsMax));
    return;
  }
  const Checkpoint& checkpoint = judged.good->checkpoint;
  batch.marks.push_back({judged.origin_hash, CosignMark{checkpoint.size, checkpoint.root}});
}

Result<void> CosignerCore::sign_all(std::span<Judged> judged, std::uint64_t time_s) const {
  std::vector<Judged*> wanted;
  for (Judged& one : judged) {
    if (!one.refusal) wanted.push_back(&one);
  }
  for_each_(wanted.size(), [&](std::size_t i) {
    const Cosignable& good = *wanted[i]->good;
    wanted[i]->lines = keys_.cosign(good.checkpoint, good.text, time_s);
  });
  for (const Judged* one : wanted) WITAN_TRY(one->lines);
  if (wanted.empty()) return {};
  // A persistent fault would touch both copies of the Ed25519 key at once only here: once a batch.
  const Judged& first = *wanted.front();
  const NoteSignature& line = first.lines->front();
  if (check_signature(Note{first.good->text, {line}}, line, keys_.verifiers().front()).status !=
      SignatureStatus::kValid) {
    return fail(ErrorCode::kBadSignature, "own cosignature does not verify; it is not released");
  }
  return {};
}

CosignResult CosignerCore::answer(Judged&& judged, std::uint64_t time_s) {
  if (judged.refusal) {
    CosignError error = std::move(*judged.refusal);
    error.message = short_message(error.message);
    return tl::make_unexpected(std::move(error));
  }
  Cosigned out;
  Cosignable& good = *judged.good;
  out.origin = std::move(good.checkpoint.origin);
  out.mark = CosignMark{good.checkpoint.size, good.checkpoint.root};
  out.old_size = judged.old_size;
  out.time_s = time_s;
  out.text = std::move(good.text);
  out.log_lines = std::move(good.log_lines);
  out.lines = std::move(*judged.lines);
  return out;
}

Result<SubtreeResult> CosignerCore::cosign_subtree(const SignSubtreeRequest& request) const {
  if (!keys_.has_ml_dsa()) {
    return fail(ErrorCode::kUnsupported,
                "the cosigner has no ML-DSA-44 key, which subtrees are signed with");
  }
  const CosignMark* const mark = marks_.find(sha256(as_bytes(first_line(request.note))));
  auto good = check_subtree_cosignable(request, keys_.verifiers(), mark);
  if (!good) {
    CosignError error = std::move(good).error();
    error.message = short_message(error.message);
    return SubtreeResult(tl::make_unexpected(std::move(error)));
  }
  WITAN_ASSIGN(NoteSignature line, keys_.cosign_subtree(good->origin, good->subtree, good->hash));
  return SubtreeResult(std::vector<NoteSignature>{std::move(line)});
}

Result<CosignerState> CosignerCore::state() const {
  CosignerState out;
  out.name = keys_.name();
  out.keys = keys_.verifiers();
  out.marks = marks_.size();
  for (const CosignBatch& batch : recent_) {
    WITAN_ASSIGN(const std::vector<CosignResult> results, decode_cosign_results(batch.results));
    std::vector<Cosigned> cosigned = only_cosigned(results);
    std::move(cosigned.begin(), cosigned.end(), std::back_inserter(out.last));
  }
  return out;
}

std::optional<CosignMark> CosignerCore::mark(std::string_view origin) const {
  const CosignMark* const found = marks_.find(sha256(as_bytes(origin)));
  if (found == nullptr) return std::nullopt;
  return *found;
}

std::vector<OriginMark> CosignerCore::marks_from(std::uint64_t first) const {
  const std::span<const OriginMark> all = marks_.all();
  if (first >= all.size()) return {};
  const auto page = all.subspan(first, std::min(all.size() - first, limits::kMarksPageMax));
  return {page.begin(), page.end()};
}

}  // namespace witan
