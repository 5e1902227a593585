#pragma once
// The cosigner's rules, without I/O: requests and the present marks give answers and, when
// something was cosigned, one record. The answers may leave only after that record is durable.
//
// What holds for every sequence of requests, however hostile: of all cosignatures under one key
// that commit() lets out, those of one origin are on checkpoints of which each is consistent with
// the one before, and their times never go back. Who may speak for an origin is the caller's word:
// keys come with each request.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"
#include "enclave/batch_workers.h"
#include "enclave/cosign_batch.h"
#include "enclave/cosigner_keys.h"
#include "ledger/bytes.h"
#include "witness/cosigner.h"

namespace witan {

struct CosignStep {
  Result<Bytes> results;  // all answers, as encode_cosign_results gives them
  Bytes record;           // encode_batch; empty: nothing changed, the answers may leave at once
};

// Used by one thread; it may have its work shared.
class CosignerCore {
 public:
  // As CosignerKeys::make.
  static Result<CosignerCore> make(std::string name, const CosignerSeeds& seeds);

  // What an earlier core knew; before the first step. `recent` in order, the last one last.
  void restore(MarkTable marks, std::vector<CosignBatch> recent);
  // Who verifies and signs the requests of a batch at the same time; without it, the caller alone.
  void share_work(ForEach for_each) { for_each_ = std::move(for_each); }

  // `digest` is cosign_digest of the batch. Forgets a step that was not committed. A repetition of
  // the last batch that was committed (same digest) is answered as it was. As
  // Cosigner::cosign; kMalformed for a time that is 0 or after the year 9999, kBadSignature when an
  // own signature is wrong: nothing is released then.
  CosignStep cosign(std::span<const CosignRequest> requests, std::uint64_t time_s,
                    const Hash32& digest);
  // As Cosigner::cosign_subtree. Changes nothing.
  [[nodiscard]] Result<SubtreeResult> cosign_subtree(const SignSubtreeRequest& request) const;
  // The record of the last step is durable: its marks become the present ones.
  void commit();
  // It could not be made durable: the present marks stay, and the reply must not leave.
  void discard() { next_.reset(); }

  // kMalformed when what was cosigned last cannot be read, which is a fault of this program.
  [[nodiscard]] Result<CosignerState> state() const;
  [[nodiscard]] std::optional<CosignMark> mark(std::string_view origin) const;
  // As Cosigner::marks.
  [[nodiscard]] std::vector<OriginMark> marks_from(std::uint64_t first) const;
  [[nodiscard]] const MarkTable& marks() const { return marks_; }
  // No cosignature that it knows of is later; 0 when it knows of none.
  [[nodiscard]] std::uint64_t last_time_s() const {
    return recent_.empty() ? 0 : recent_.back().time_s;
  }
  // Sets a mark to a head that judge_heads has found to be signed with this key. The caller makes
  // it durable before anything is answered.
  void raise(const OriginMark& mark) { marks_.set(mark); }
  // The last batches that cosigned something, in order; at most limits::kCosignBatchesKept.
  [[nodiscard]] std::span<const CosignBatch> recent() const { return recent_; }

 private:
  // A request on its way through a batch.
  struct Judged;
  explicit CosignerCore(CosignerKeys keys);
  // What needs no other request's outcome: signatures, and the proof if the mark stays.
  void examine(const CosignRequest& request, Judged& judged) const;
  [[nodiscard]] static std::optional<CosignError> check_against(const CosignRequest& request,
                                                                const Judged& judged,
                                                                const CosignMark* mark);
  // The verdict, given what the requests before it have cosigned; moves the mark.
  void decide(const CosignRequest& request, Judged& judged, CosignBatch& batch) const;
  // Signs what was decided so.
  Result<void> sign_all(std::span<Judged> judged, std::uint64_t time_s) const;
  [[nodiscard]] static CosignResult answer(Judged&& judged, std::uint64_t time_s);

  CosignerKeys keys_;
  MarkTable marks_;
  std::vector<CosignBatch> recent_;
  ForEach for_each_ = for_each_alone;
  std::optional<CosignBatch> next_;  // of the last step, until commit or discard
};

// kTooLarge naming what is above which limit: requests, bytes of all of them, keys, proof or note
// of one.
[[nodiscard]] Result<void> check_cosign_batch(std::span<const CosignRequest> requests);

}  // namespace witan
