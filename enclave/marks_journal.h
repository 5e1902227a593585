#pragma once
// The cosigner's keys and marks on disk: a journal to which each batch adds one sealed record, with
// one write and one sync, and a snapshot of all marks into which a long journal is folded.
// Format and the argument why one sync is enough: docs/enclave-protocol.md, section "Cosigner's
// files".

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "config/result.h"
#include "enclave/cosign_batch.h"
#include "enclave/cosigner_keys.h"
#include "enclave/sealing.h"
#include "ledger/bytes.h"
#include "ledger/ports/random.h"

namespace witan {

// Records begin at multiples of this, so that no write touches what an earlier one made durable.
inline constexpr std::size_t kJournalBlockBytes = 4'096;
// The journal grows by this, in zeroes, so that a record changes neither its length nor its blocks.
inline constexpr std::size_t kJournalGrowBytes = 1u << 20;

// Where the three files lie. Writes to the journal may be lost or torn until sync_journal()
// succeeded after them; creating and replacing is all or nothing, and durable when it returns.
class CosignerDisk {
 public:
  virtual ~CosignerDisk() = default;
  // nullopt when there is no such file. kIo, kTooLarge.
  virtual Result<std::optional<Bytes>> read_keys() = 0;
  virtual Result<std::optional<Bytes>> read_snapshot() = 0;
  virtual Result<std::optional<std::uint64_t>> journal_bytes() = 0;
  virtual Result<std::optional<Bytes>> read_hold() = 0;
  virtual Result<void> read_journal(std::uint64_t offset, std::span<std::uint8_t> out) = 0;

  virtual Result<void> create_keys(BytesView bytes) = 0;  // kConflict when there are some
  virtual Result<void> replace_snapshot(BytesView bytes) = 0;
  virtual Result<void> replace_hold(BytesView bytes) = 0;
  virtual Result<void> create_journal(std::size_t zeroes) = 0;  // replaces one that is there
  // May make the file longer. kIo (a full disk): any part may be written.
  virtual Result<void> write_journal(std::uint64_t offset, BytesView bytes) = 0;
  virtual Result<void> sync_journal() = 0;
};

// What was found on the disk, or was just made.
struct CosignerMemory {
  std::string name;
  CosignerSeeds seeds;
  MarkTable marks;
  std::vector<CosignBatch> recent;  // the last limits::kCosignBatchesKept, in order
};

// Used by one thread.
class MarksJournal {
 public:
  // Reads everything, cuts off a torn last record, and writes a new snapshot: what is believed is
  // durable from then on, whatever the page cache showed. nullopt when create() was never
  // completed. kMalformed or kStale, naming the record and the way out, when a file is missing or
  // damaged, or they do not belong together; kIo. `disk` and `random` must outlive the result.
  static Result<std::optional<MarksJournal>> open(
      CosignerDisk& disk, MachineKey key, Random& random,
      std::size_t bytes_max = limits::kCosignJournalBytesMax);
  // Makes keys and empty files: an Ed25519 seed, and one of ML-DSA-44 when asked for, whether this
  // build can use it or not. The name is not looked at. kConflict, kIo.
  static Result<MarksJournal> create(CosignerDisk& disk, MachineKey key, Random& random,
                                     std::string name, bool ml_dsa,
                                     std::size_t bytes_max = limits::kCosignJournalBytesMax);

  // Once.
  CosignerMemory take_memory() { return std::move(memory_); }

  // Seals the record (encode_batch) and makes it durable. kIo; when nothing is broken() then, the
  // record is not there and the next one takes its place.
  Result<void> append(BytesView record);

  // Whether the journal is long enough to be folded.
  [[nodiscard]] bool wants_fold() const { return tail_ > bytes_max_; }
  // Begins the journal anew behind a snapshot of everything that was appended.
  Result<void> fold(const MarkTable& marks, std::span<const CosignBatch> recent);

  // A sync failed: what the disk holds is unknown and nothing more is saved (kIo). Start anew.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  MarksJournal(CosignerDisk& disk, MachineKey key, Random& random, std::size_t bytes_max)
      : disk_(&disk), key_(std::move(key)), random_(&random), bytes_max_(bytes_max) {}
  Result<void> create_keys();
  Result<void> open_keys(BytesView file);
  Result<void> open_snapshot(BytesView file);
  Result<void> replay();
  // Whether the record at tail_ is the next one: then its marks were taken over, and it is the last
  // of `recent`.
  Result<bool> replay_next(std::deque<Bytes>& recent);
  Result<void> check_rest() const;
  Result<void> grow(std::uint64_t bytes);

  CosignerDisk* disk_;
  MachineKey key_;
  Random* random_;
  std::size_t bytes_max_;
  CosignerMemory memory_;
  Hash32 id_{};                  // in the keys; every file is bound to it
  std::uint64_t epoch_ = 0;      // of the snapshot
  std::uint64_t sequence_ = 0;   // of the last record since
  Hash32 chain_{};               // of the last record, or of the snapshot
  std::uint64_t tail_ = 0;       // where the next record begins
  std::uint64_t allocated_ = 0;  // bytes of the journal's file
  bool broken_ = false;
};

}  // namespace witan
