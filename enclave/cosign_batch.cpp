#include "enclave/cosign_batch.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "config/limits.h"
#include "enclave/messages.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"

namespace witan {
namespace {

constexpr std::size_t kMarkBytes = 32 + 8 + 32;
constexpr std::size_t kErrorBytesMax = 512;
constexpr std::size_t kCosignedElements = 5;
constexpr std::size_t kRefusalElements = 3;
constexpr std::size_t kIndexPlacesMin = 64;
constexpr std::array kRefusals{
    CosignRefusal::kMalformed,   CosignRefusal::kUnknownLog,    CosignRefusal::kBadSignature,
    CosignRefusal::kConflict,    CosignRefusal::kUnprocessable, CosignRefusal::kOverQuota,
    CosignRefusal::kUnavailable, CosignRefusal::kHeld,
};

Result<void> expect_batch_array(CborReader& reader, std::string_view what, std::size_t expected) {
  WITAN_ASSIGN(const std::size_t found, reader.read_array());
  if (found == expected) return {};
  return fail(ErrorCode::kMalformed, std::string(what) + ": an array of " + std::to_string(found) +
                                         " elements, expected " + std::to_string(expected));
}

Result<CosignError> read_refusal_fields(CborReader& reader) {
  CosignError out;
  WITAN_ASSIGN(const std::string_view name, reader.read_text());
  const auto* const refusal =
      std::find_if(kRefusals.begin(), kRefusals.end(),
                   [name](CosignRefusal candidate) { return to_string(candidate) == name; });
  if (refusal == kRefusals.end()) {
    return fail(ErrorCode::kMalformed, "refusal \"" + printable(name) + "\" is unknown");
  }
  out.refusal = *refusal;
  WITAN_ASSIGN(out.message, reader.read_text());
  if (out.message.size() > kErrorBytesMax) {
    return fail(ErrorCode::kTooLarge, "refusal's message of " + std::to_string(out.message.size()) +
                                          " bytes, expected at most 512");
  }
  WITAN_ASSIGN(out.size, reader.read_unsigned());
  return out;
}

Result<Cosigned> read_cosigned_fields(CborReader& reader) {
  Cosigned out;
  WITAN_ASSIGN(out.text, reader.read_text());
  WITAN_ASSIGN(Checkpoint checkpoint, Checkpoint::parse(out.text));
  out.origin = std::move(checkpoint.origin);
  out.mark = CosignMark{checkpoint.size, checkpoint.root};
  WITAN_ASSIGN(out.old_size, reader.read_unsigned());
  WITAN_ASSIGN(out.time_s, reader.read_unsigned());
  WITAN_ASSIGN(out.log_lines, read_note_lines(reader));
  WITAN_ASSIGN(out.lines, read_note_lines(reader));
  return out;
}

// Everything of a batch but its results, whose encoding is given.
Result<BytesView> read_batch_head(BytesView bytes, CosignBatch& batch) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(bytes, {.minimal = true, .indefinite = false}));
  WITAN_TRY(expect_batch_array(reader, "batch", 4));
  WITAN_ASSIGN(batch.time_s, reader.read_unsigned());
  WITAN_ASSIGN(const BytesView digest, reader.read_bytes());
  WITAN_ASSIGN(batch.digest, hash_from_bytes(digest));
  WITAN_ASSIGN(const BytesView marks, reader.read_bytes());
  WITAN_ASSIGN(batch.marks, decode_marks(marks));
  return reader.read_bytes();
}

}  // namespace

const CosignMark* MarkTable::find(const Hash32& origin_hash) const {
  if (index_.empty()) return nullptr;
  const std::uint32_t number = index_[place(origin_hash)];
  return number == 0 ? nullptr : &marks_[number - 1].mark;
}

void MarkTable::set(const OriginMark& mark) {
  // At most half of the places are taken, so that a search ends soon.
  if (2 * (marks_.size() + 1) > index_.size()) {
    rebuild(std::max(kIndexPlacesMin, 2 * index_.size()));
  }
  std::uint32_t& number = index_[place(mark.origin_hash)];
  if (number != 0) {
    marks_[number - 1].mark = mark.mark;
    return;
  }
  marks_.push_back(mark);
  number = static_cast<std::uint32_t>(marks_.size());
}

void MarkTable::reserve(std::size_t count) {
  marks_.reserve(count);
  std::size_t places = std::max(kIndexPlacesMin, index_.size());
  while (places < 2 * (count + 1)) places *= 2;
  if (places != index_.size()) rebuild(places);
}

std::size_t MarkTable::place(const Hash32& origin_hash) const {
  std::uint64_t start = 0;
  std::memcpy(&start, origin_hash.data(), sizeof start);
  const std::size_t mask = index_.size() - 1;
  for (std::size_t at = start & mask;; at = (at + 1) & mask) {
    if (index_[at] == 0 || marks_[index_[at] - 1].origin_hash == origin_hash) return at;
  }
}

void MarkTable::rebuild(std::size_t places) {
  index_.assign(places, 0);
  for (std::size_t i = 0; i < marks_.size(); ++i) {
    index_[place(marks_[i].origin_hash)] = static_cast<std::uint32_t>(i + 1);
  }
}

Bytes encode_marks(std::span<const OriginMark> marks) {
  Bytes out(marks.size() * kMarkBytes);
  std::uint8_t* at = out.data();
  for (const OriginMark& mark : marks) {
    at = std::copy(mark.origin_hash.begin(), mark.origin_hash.end(), at);
    for (std::size_t i = 8; i-- > 0;) {
      *at++ = static_cast<std::uint8_t>(mark.mark.size.value >> (8 * i));
    }
    at = std::copy(mark.mark.root.begin(), mark.mark.root.end(), at);
  }
  return out;
}

Result<std::vector<OriginMark>> decode_marks(BytesView bytes) {
  if (bytes.size() % kMarkBytes != 0) {
    return fail(ErrorCode::kMalformed,
                "marks of " + std::to_string(bytes.size()) + " bytes, expected a multiple of 72");
  }
  std::vector<OriginMark> out(bytes.size() / kMarkBytes);
  const std::uint8_t* at = bytes.data();
  for (OriginMark& mark : out) {
    std::copy_n(at, 32, mark.origin_hash.begin());
    at += 32;
    for (std::size_t i = 0; i < 8; ++i) mark.mark.size.value = mark.mark.size.value << 8 | *at++;
    std::copy_n(at, 32, mark.mark.root.begin());
    at += 32;
  }
  return out;
}

Bytes encode_batch(const CosignBatch& batch) {
  constexpr std::size_t kHeads = 64;
  CborWriter writer;
  writer.reserve(batch.results.size() + batch.marks.size() * kMarkBytes + kHeads);
  writer.array(4).unsigned_integer(batch.time_s).bytes(batch.digest);
  writer.bytes(encode_marks(batch.marks)).bytes(batch.results);
  return writer.take();
}

Result<CosignBatch> decode_batch(BytesView bytes) {
  CosignBatch out;
  WITAN_ASSIGN(const BytesView results, read_batch_head(bytes, out));
  WITAN_TRY(decode_cosign_results(results));
  out.results = to_bytes(results);
  return out;
}

Result<CosignBatch> decode_batch_marks(BytesView bytes) {
  CosignBatch out;
  WITAN_TRY(read_batch_head(bytes, out));
  return out;
}

std::string short_message(std::string_view message) {
  if (message.size() <= kErrorBytesMax && is_utf8(as_bytes(message))) return std::string(message);
  std::string out;
  for (const char c : message.substr(0, kErrorBytesMax)) out += (c >= ' ' && c <= '~') ? c : '?';
  return out;
}

void write_note_lines(CborWriter& writer, const std::vector<NoteSignature>& lines) {
  writer.array(lines.size());
  for (const NoteSignature& line : lines) {
    writer.array(3).text(line.name).bytes(line.id).bytes(line.signature);
  }
}

Result<std::vector<NoteSignature>> read_note_lines(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count > limits::kNoteSignaturesMax) {
    return fail(ErrorCode::kTooLarge, "signature lines: " + std::to_string(count) +
                                          ", expected at most " +
                                          std::to_string(limits::kNoteSignaturesMax));
  }
  std::vector<NoteSignature> out(count);
  for (NoteSignature& line : out) {
    WITAN_TRY(expect_batch_array(reader, "signature line", 3));
    WITAN_ASSIGN(line.name, reader.read_text());
    WITAN_ASSIGN(const BytesView id, reader.read_bytes());
    if (id.size() != line.id.size()) {
      return fail(ErrorCode::kMalformed,
                  "signature line: key id of " + std::to_string(id.size()) + " bytes, expected 4");
    }
    std::copy(id.begin(), id.end(), line.id.begin());
    WITAN_ASSIGN(const BytesView signature, reader.read_bytes());
    line.signature = to_bytes(signature);
  }
  return out;
}

void write_refusal(CborWriter& writer, const CosignError& error) {
  writer.array(kRefusalElements).text(to_string(error.refusal)).text(short_message(error.message));
  writer.unsigned_integer(error.size);
}

Result<CosignError> read_refusal(CborReader& reader) {
  WITAN_TRY(expect_batch_array(reader, "refusal", kRefusalElements));
  return read_refusal_fields(reader);
}

void write_cosigned(CborWriter& writer, const Cosigned& cosigned) {
  writer.array(kCosignedElements).text(cosigned.text).unsigned_integer(cosigned.old_size);
  writer.unsigned_integer(cosigned.time_s);
  write_note_lines(writer, cosigned.log_lines);
  write_note_lines(writer, cosigned.lines);
}

Result<Cosigned> read_cosigned(CborReader& reader) {
  WITAN_TRY(expect_batch_array(reader, "cosigned checkpoint", kCosignedElements));
  return read_cosigned_fields(reader);
}

void write_cosign_results(CborWriter& writer, std::span<const CosignResult> results) {
  writer.array(results.size());
  for (const CosignResult& result : results) {
    if (result) {
      write_cosigned(writer, *result);
    } else {
      write_refusal(writer, result.error());
    }
  }
}

Result<std::vector<CosignResult>> read_cosign_results(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count > limits::kCosignBatchMax) {
    return fail(ErrorCode::kTooLarge, "results: " + std::to_string(count) + ", expected at most " +
                                          std::to_string(limits::kCosignBatchMax));
  }
  std::vector<CosignResult> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_ASSIGN(const std::size_t elements, reader.read_array());
    if (elements == kCosignedElements) {
      WITAN_ASSIGN(Cosigned cosigned, read_cosigned_fields(reader));
      out.emplace_back(std::move(cosigned));
    } else if (elements == kRefusalElements) {
      WITAN_ASSIGN(CosignError error, read_refusal_fields(reader));
      out.emplace_back(tl::make_unexpected(std::move(error)));
    } else {
      return fail(ErrorCode::kMalformed,
                  "result: an array of " + std::to_string(elements) + " elements, expected 3 or 5");
    }
  }
  return out;
}

Bytes encode_cosign_results(std::span<const CosignResult> results) {
  CborWriter writer;
  write_cosign_results(writer, results);
  return writer.take();
}

Result<std::vector<CosignResult>> decode_cosign_results(BytesView bytes) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(bytes, {.minimal = true, .indefinite = false}));
  return read_cosign_results(reader);
}

void keep_recent(std::vector<CosignBatch>& recent, CosignBatch batch) {
  if (recent.size() >= limits::kCosignBatchesKept) recent.erase(recent.begin());
  recent.push_back(std::move(batch));
}

std::vector<Cosigned> only_cosigned(std::span<const CosignResult> results) {
  std::vector<Cosigned> out;
  for (const CosignResult& result : results) {
    if (result) out.push_back(*result);
  }
  return out;
}

}  // namespace witan
