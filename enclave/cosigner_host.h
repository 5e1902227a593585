#pragma once
// The cosigner's core and its journal together: here the order "durable first, answers second" is
// kept, in the process and in tests alike.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/result.h"
#include "enclave/batch_workers.h"
#include "enclave/cosigner_core.h"
#include "enclave/cosigner_messages.h"
#include "enclave/hold.h"
#include "enclave/marks_journal.h"
#include "enclave/sealing.h"
#include "ledger/bytes.h"
#include "ledger/ports/random.h"
#include "witness/cosigner.h"

namespace witan {

// Used by one thread.
class CosignerHost {
 public:
  // In memory only. `random` must outlive the host.
  explicit CosignerHost(Random& random) : random_(&random) {}
  // On a disk, of which everything is read. As MarksJournal::open. All but the key must outlive it.
  static Result<CosignerHost> open(CosignerDisk& disk, MachineKey key, Random& random,
                                   std::size_t journal_bytes_max = limits::kCosignJournalBytesMax);

  // Makes the keys: Ed25519, and ML-DSA-44 besides when asked for. The same again gives the state.
  // kConflict when the cosigner has another name or other kinds of keys; kUnsupported for
  // ML-DSA-44 in a build without it; kMalformed; kIo.
  Result<CosignerState> init(const std::string& name, bool ml_dsa = false);
  // As Cosigner; `number` as in CosignBatchRequest.
  Result<CosignResults> cosign(std::span<const CosignRequest> requests, std::uint64_t time_s,
                               std::uint64_t number);
  [[nodiscard]] Result<SubtreeResult> cosign_subtree(const SignSubtreeRequest& request) const;
  [[nodiscard]] Result<CosignerState> state() const;
  [[nodiscard]] Result<MarkReply> mark(std::string_view origin) const;
  [[nodiscard]] Result<MarksPage> marks(std::uint64_t first) const;

  // Who takes part in a batch's work, from now on.
  void share_work(ForEach for_each);

  // As HeldCosigner.
  Result<CosignerState> hold();
  Result<CosignResults> adopt(std::span<const CosignRequest> heads);
  Result<CosignerState> release(std::span<const std::string> origins);

  CosignerReply handle(const CosignerRequest& request);
  // The same from and to bytes; bad messages are answered with an error.
  Bytes handle_message(BytesView message);

  // Writing failed in a way that leaves the disk's content unknown: end the process.
  [[nodiscard]] bool broken() const { return broken_ || (journal_ && journal_->broken()); }

 private:
  Result<void> take_over(CosignerMemory memory);
  Result<void> fold();
  Result<void> fold_when_long();
  // Makes the hold durable; when that fails, the present one stays.
  Result<void> keep_hold(Hold next);
  // The requests of origins that are not held go to the core.
  Result<Bytes> cosign_held(std::span<const CosignRequest> requests, std::uint64_t time_s,
                            std::uint64_t number);
  Result<Bytes> cosign_free(std::span<const CosignRequest> requests, std::uint64_t time_s,
                            const Hash32& digest);
  // The answers, encoded. `digest` is cosign_digest of the batch.
  Result<Bytes> cosign_encoded(std::span<const CosignRequest> requests, std::uint64_t time_s,
                               std::uint64_t number, const Hash32& digest);

  Random* random_;
  CosignerDisk* disk_ = nullptr;
  std::optional<MachineKey> key_;  // until the journal has it
  std::size_t journal_bytes_max_ = 0;
  std::optional<MarksJournal> journal_;
  std::optional<CosignerCore> core_;
  std::optional<Hold> hold_;
  ForEach for_each_ = for_each_alone;
  bool broken_ = false;
};

}  // namespace witan
