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

namespace witan {

struct CosignRequest {
  std::vector<VerifierKey> log_keys;  // trusted for the checkpoint's origin
  AddCheckpointRequest request;
  friend bool operator==(const CosignRequest&, const CosignRequest&) = default;
};

struct Cosigned {
  std::string origin;
  CosignMark mark;
  std::uint64_t time_s = 0;  // of the cosignatures
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
  // What the last commit cosigned: a witness that crashed before it stored these stores them now.
  std::vector<Cosigned> last;
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

  // kNotFound when no keys were made yet.
  virtual Result<CosignerState> cosigner_state() = 0;
  // The mark of an origin; nullopt when nothing was cosigned for it.
  virtual Result<std::optional<CosignMark>> mark(const std::string& origin) = 0;
};

}  // namespace witan
