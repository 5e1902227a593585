#pragma once
// What a witness may cosign: the rules, without I/O and without keys of its own. They run inside
// the signer; nothing outside decides. Source: C2SP tlog-witness, section "add-checkpoint".

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "witness/add_checkpoint.h"

namespace witan {

// The newest checkpoint of one origin that was cosigned.
struct CosignMark {
  TreeSize size;
  Hash32 root{};
  friend bool operator==(const CosignMark&, const CosignMark&) = default;
};

// Why a checkpoint was not cosigned, and the HTTP status that says so.
enum class CosignRefusal {
  kMalformed,      // 400: not a checkpoint, or old size above its size
  kUnknownLog,     // 404: no keys for its origin
  kBadSignature,   // 403: no line of a trusted key, or one that is forged
  kConflict,       // 409: old size is not the mark's; `size` is
  kUnprocessable,  // 422: the proof or the root
  kOverQuota,      // 429
  kUnavailable,    // 503: the signer or the disk
  kHeld,           // 503: the marks may be old, and nobody has said where the log stands
};
[[nodiscard]] unsigned http_status(CosignRefusal refusal);
// Short, stable, for metrics and logs: "malformed", "unknown-log", ...
[[nodiscard]] std::string_view to_string(CosignRefusal refusal);

struct CosignError {
  CosignRefusal refusal = CosignRefusal::kMalformed;
  std::string message;     // for humans; names what was found and what was expected
  std::uint64_t size = 0;  // kConflict: the mark's
  friend bool operator==(const CosignError&, const CosignError&) = default;
};

// A checkpoint that may be cosigned.
struct Cosignable {
  Checkpoint checkpoint;
  std::string text;                      // the note's text: what is signed
  std::vector<NoteSignature> log_lines;  // of trusted keys, verified
};

// Judges one request for a log with these trusted keys, at this mark (size 0 and the empty root
// when nothing was ever cosigned for the origin). Order: shape, origin, signatures, old size, root
// and proof; nothing is compared with the mark before a signature is found valid. Lines of unknown
// keys are ignored, whoever they name. Refused besides what the specification says: `witness_name`
// as origin (a log is no witness of itself), and sizes above 2^62. `keys`: of types 1, 2 and 6 (as
// a log's key); at least one line under one of them must verify, and no line under one of them may
// be forged. So each of them is verified, and a note with more than limits::kLogLinesPerKeyMax
// distinct lines of one key is refused: else a log could make the signer verify 128. A key that
// this build cannot check (ML-DSA without OpenSSL 3.5) counts as no signature, and the message says
// so. Other types of key are ignored.
[[nodiscard]] tl::expected<Cosignable, CosignError> check_cosignable(
    const AddCheckpointRequest& request, std::span<const VerifierKey> keys, const CosignMark& mark,
    std::string_view witness_name);
// Its two parts. The first needs no mark: shape, origin and signatures.
[[nodiscard]] tl::expected<Cosignable, CosignError> check_signed(
    const AddCheckpointRequest& request, std::span<const VerifierKey> keys,
    std::string_view witness_name);
// Old size, root and proof of what the first has passed.
[[nodiscard]] tl::expected<void, CosignError> check_follows(const AddCheckpointRequest& request,
                                                            const Checkpoint& checkpoint,
                                                            const CosignMark& mark);

}  // namespace witan
