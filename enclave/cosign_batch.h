#pragma once
// What the cosigner remembers: a mark for each origin, and the last batches that moved one.
// Encoding: docs/enclave-protocol.md, section "Cosigner's files".

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/cbor.h"
#include "witness/cosigner.h"
#include "witness/cosigning.h"

namespace witan {

// The marks of all origins: 72 bytes and a share of an index each. Nothing is ever taken out.
class MarkTable {
 public:
  [[nodiscard]] const CosignMark* find(const Hash32& origin_hash) const;
  // Sets or adds.
  void set(const OriginMark& mark);
  [[nodiscard]] std::size_t size() const { return marks_.size(); }
  [[nodiscard]] std::span<const OriginMark> all() const { return marks_; }
  // Makes room for that many.
  void reserve(std::size_t count);

 private:
  // Where the origin's number is in index_, or would be.
  [[nodiscard]] std::size_t place(const Hash32& origin_hash) const;
  void rebuild(std::size_t places);

  std::vector<OriginMark> marks_;
  std::vector<std::uint32_t> index_;  // number in marks_ + 1, 0 for none; a power of two of places
};

// One batch as the journal holds it.
struct CosignBatch {
  std::uint64_t time_s = 0;  // of its cosignatures
  Hash32 digest{};           // of the requests and their time: a repetition is known by it
  std::vector<OriginMark> marks;
  // All answers, as encode_cosign_results gives them, so that a repetition gets the same again.
  Bytes results;
};

[[nodiscard]] Bytes encode_marks(std::span<const OriginMark> marks);
// kMalformed when the length is no multiple of 72.
[[nodiscard]] Result<std::vector<OriginMark>> decode_marks(BytesView bytes);

[[nodiscard]] Bytes encode_batch(const CosignBatch& batch);
// Accepts only what encode_batch writes. kMalformed, kTooLarge.
[[nodiscard]] Result<CosignBatch> decode_batch(BytesView bytes);
// Only the marks and the time: the results, the larger part, are left out.
[[nodiscard]] Result<CosignBatch> decode_batch_marks(BytesView bytes);

// A message of an error made fit for records and replies: text, cut at 512 bytes.
[[nodiscard]] std::string short_message(std::string_view message);

// Answers as records and replies hold them. Origin and mark of a cosigned checkpoint are not
// written: they stand in its text.
void write_cosign_results(CborWriter& writer, std::span<const CosignResult> results);
[[nodiscard]] Result<std::vector<CosignResult>> read_cosign_results(CborReader& reader);
[[nodiscard]] Bytes encode_cosign_results(std::span<const CosignResult> results);
// Accepts only what the encoder writes. kMalformed, kTooLarge.
[[nodiscard]] Result<std::vector<CosignResult>> decode_cosign_results(BytesView bytes);
void write_cosigned(CborWriter& writer, const Cosigned& cosigned);
[[nodiscard]] Result<Cosigned> read_cosigned(CborReader& reader);

// Adds a batch behind the others and lets the oldest go above limits::kCosignBatchesKept.
void keep_recent(std::vector<CosignBatch>& recent, CosignBatch batch);

// Their parts.
void write_note_lines(CborWriter& writer, const std::vector<NoteSignature>& lines);
[[nodiscard]] Result<std::vector<NoteSignature>> read_note_lines(CborReader& reader);
void write_refusal(CborWriter& writer, const CosignError& error);
[[nodiscard]] Result<CosignError> read_refusal(CborReader& reader);

// What was cosigned, in order.
[[nodiscard]] std::vector<Cosigned> only_cosigned(std::span<const CosignResult> results);

}  // namespace witan
