#pragma once
// What a witness needs of the signer that holds its keys: an interface that the enclave's client
// and the tests implement. The signer judges each checkpoint itself and keeps the marks.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/note.h"
#include "witness/add_checkpoint.h"
#include "witness/cosigning.h"
#include "witness/subtree_cosigning.h"

namespace witan {

struct CosignRequest {
  std::vector<VerifierKey> log_keys;  // trusted for the checkpoint's origin
  AddCheckpointRequest request;
  friend bool operator==(const CosignRequest&, const CosignRequest&) = default;
};

struct Cosigned {
  std::string origin;
  CosignMark mark;
  std::uint64_t old_size = 0;  // of the mark before, from which it was proven
  std::uint64_t time_s = 0;    // of the cosignatures
  // The note: its text, the log's lines that were verified, and the witness's own.
  std::string text;
  std::vector<NoteSignature> log_lines;
  std::vector<NoteSignature> lines;
  friend bool operator==(const Cosigned&, const Cosigned&) = default;
};
using CosignResult = tl::expected<Cosigned, CosignError>;

struct CosignerState {
  std::string name;
  std::vector<VerifierKey> keys;  // type 4, and type 6 where it can sign with ML-DSA-44
  std::uint64_t marks = 0;        // origins that it has cosigned
  // What the last two commits cosigned, in order: a witness that crashed before it stored these
  // stores them now. So no third batch may be given to cosign() before the first is stored.
  std::vector<Cosigned> last;
  // Set when origins are held (see HeldCosigner): how many of them were released.
  std::optional<std::uint64_t> released;
};

// An origin's mark. Origins are kept by their SHA-256: 72 bytes each, however long the name is.
struct OriginMark {
  Hash32 origin_hash{};
  CosignMark mark;
  friend bool operator==(const OriginMark&, const OriginMark&) = default;
};

class Cosigner {
 public:
  virtual ~Cosigner() = default;

  // Judges each request, in order, as if alone; makes all new marks durable with one sync; then
  // gives all answers, in the same order. `time_s` is the caller's clock; cosignatures carry it or
  // the last time signed, whichever is later. kIo or kUnavailable: nothing was signed, and no mark
  // moved that a later answer would not show; kTooLarge above limits::kCosignBatchMax requests or
  // limits::kCosignBatchBytesMax bytes of requests.
  virtual Result<std::vector<CosignResult>> cosign(std::span<const CosignRequest> requests,
                                                   std::uint64_t time_s) = 0;

  // Judges the request by check_subtree_cosignable and signs. Nothing is remembered of it.
  // kUnsupported when the cosigner has no ML-DSA-44 key; kBadSignature; else as cosign.
  virtual Result<SubtreeResult> cosign_subtree(const SignSubtreeRequest& request) = 0;

  // kNotFound when no keys were made yet.
  virtual Result<CosignerState> cosigner_state() = 0;
  // The mark of an origin; nullopt when nothing was cosigned for it.
  virtual Result<std::optional<CosignMark>> mark(const std::string& origin) = 0;
  // A page of all marks, in an order that stays while nothing is cosigned: those from number
  // `first` on, at most limits::kMarksPageMax. Fewer than that, or none: there are no more.
  virtual Result<std::vector<OriginMark>> marks(std::uint64_t first) = 0;

  // How often it was started again by itself. It then knows what its folder says, which may have
  // become an old copy. Any thread; waits for nothing.
  [[nodiscard]] virtual std::uint64_t restarts() const { return 0; }
};

// A cosigner whose marks may be old, after a backup was restored. Held origins are refused
// (CosignRefusal::kHeld) until they are released.
class HeldCosigner {
 public:
  virtual ~HeldCosigner() = default;

  // Holds every origin, known or not, and remembers it. Those released before are held again.
  virtual Result<CosignerState> hold() = 0;
  // Heads that carry a line of this cosigner's own key and one of the log's. Each mark goes up to
  // its head and never down; an origin whose head is not below its mark is released. Old sizes and
  // proofs are not looked at: what this key has signed needs none. A head below the mark is a
  // kConflict with the mark's size; one beside it kUnprocessable, since then two histories were
  // signed. Limits as cosign().
  virtual Result<std::vector<CosignResult>> adopt(std::span<const CosignRequest> heads) = 0;
  // Releases origins on the operator's word, as their marks stand; with none, all of them for good.
  // At most limits::kCosignBatchMax.
  virtual Result<CosignerState> release(std::span<const std::string> origins) = 0;
};
// All pages of marks(). kUnavailable when they do not come to an end.
[[nodiscard]] Result<std::vector<OriginMark>> all_marks(Cosigner& cosigner);

}  // namespace witan
