#include "enclave/cosigner_messages.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "config/limits.h"
#include "enclave/cosign_batch.h"
#include "enclave/cosigner_core.h"
#include "enclave/messages.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::size_t kCosignerKeysMax = 8;
constexpr std::uint64_t kEd25519Type = 4, kMlDsaType = 6;  // NoteAlgorithm's
// For what stands around the bytes of a message.
constexpr std::size_t kHeadRoom = 64;

Result<void> expect_count(std::string_view what, std::size_t found, std::size_t expected) {
  if (found == expected) return {};
  return fail(ErrorCode::kMalformed, std::string(what) + ": " + std::to_string(found) +
                                         " elements, expected " + std::to_string(expected));
}

Result<std::size_t> read_count(CborReader& reader, std::string_view what, std::size_t most) {
  WITAN_ASSIGN(const std::size_t found, reader.read_array());
  if (found <= most) return found;
  return fail(ErrorCode::kTooLarge, std::string(what) + ": " + std::to_string(found) +
                                        ", expected at most " + std::to_string(most));
}

CborWriter begin_message(std::size_t elements, std::string_view word) {
  CborWriter writer;
  writer.array(elements).unsigned_integer(kEnclaveProtocolVersion).text(word);
  return writer;
}

void write_verifier_keys(CborWriter& writer, const std::vector<VerifierKey>& keys) {
  writer.array(keys.size());
  for (const VerifierKey& key : keys) {
    writer.array(3).text(key.name).unsigned_integer(static_cast<std::uint8_t>(key.algorithm));
    writer.bytes(key.key);
  }
}

Result<std::vector<VerifierKey>> read_verifier_keys(CborReader& reader, std::size_t most) {
  WITAN_ASSIGN(const std::size_t count, read_count(reader, "keys", most));
  std::vector<VerifierKey> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_ASSIGN(const std::size_t elements, reader.read_array());
    WITAN_TRY(expect_count("key", elements, 3));
    WITAN_ASSIGN(const std::string_view name, reader.read_text());
    WITAN_ASSIGN(const std::uint64_t algorithm, reader.read_unsigned());
    WITAN_ASSIGN(const BytesView key, reader.read_bytes());
    if (algorithm > 255) {
      return fail(ErrorCode::kUnsupported, "key of type " + std::to_string(algorithm));
    }
    WITAN_ASSIGN(VerifierKey verifier,
                 VerifierKey::make(std::string(name), static_cast<NoteAlgorithm>(algorithm), key));
    out.push_back(std::move(verifier));
  }
  return out;
}

BytesView hashes_view(const std::vector<Hash32>& hashes) {
  return {reinterpret_cast<const std::uint8_t*>(hashes.data()), hashes.size() * sizeof(Hash32)};
}

void write_cosign_requests(CborWriter& writer, std::span<const CosignRequest> requests) {
  writer.array(requests.size());
  for (const CosignRequest& request : requests) {
    writer.array(4);
    write_verifier_keys(writer, request.log_keys);
    writer.unsigned_integer(request.request.old_size).bytes(hashes_view(request.request.proof));
    writer.bytes(as_bytes(request.request.note));
  }
}

Result<std::vector<Hash32>> read_hashes(CborReader& reader) {
  WITAN_ASSIGN(const BytesView proof, reader.read_bytes());
  if (proof.size() % sizeof(Hash32) != 0) {
    return fail(ErrorCode::kMalformed,
                "proof of " + std::to_string(proof.size()) + " bytes, expected a multiple of 32");
  }
  std::vector<Hash32> out(proof.size() / sizeof(Hash32));
  if (!proof.empty()) std::memcpy(out.data(), proof.data(), proof.size());
  return out;
}

Result<CosignRequest> read_cosign_request(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t elements, reader.read_array());
  WITAN_TRY(expect_count("request", elements, 4));
  CosignRequest out;
  WITAN_ASSIGN(out.log_keys, read_verifier_keys(reader, limits::kWitnessKeysPerLogMax));
  WITAN_ASSIGN(out.request.old_size, reader.read_unsigned());
  WITAN_ASSIGN(out.request.proof, read_hashes(reader));
  WITAN_ASSIGN(const BytesView note, reader.read_bytes());
  out.request.note = as_text(note);
  return out;
}

Result<std::vector<CosignRequest>> read_cosign_requests(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t count, read_count(reader, "requests", limits::kCosignBatchMax));
  std::vector<CosignRequest> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_ASSIGN(CosignRequest request, read_cosign_request(reader));
    out.push_back(std::move(request));
  }
  WITAN_TRY(check_cosign_batch(out));
  return out;
}

Result<CosignerRequest> read_batch_request(OpenedMessage& message) {
  WITAN_TRY(expect_count("cosign", message.elements, 4));
  CosignBatchRequest out;
  WITAN_ASSIGN(out.time_s, message.reader.read_unsigned());
  WITAN_ASSIGN(out.requests, read_cosign_requests(message.reader));
  return CosignerRequest{std::move(out)};
}

Result<CosignerRequest> read_release_request(OpenedMessage& message) {
  WITAN_TRY(expect_count(message.word, message.elements, 3));
  WITAN_ASSIGN(const std::size_t count,
               read_count(message.reader, "origins", limits::kCosignBatchMax));
  ReleaseRequest out;
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_ASSIGN(const std::string_view origin, message.reader.read_text());
    out.origins.emplace_back(origin);
  }
  return CosignerRequest{std::move(out)};
}

Result<CosignerRequest> read_init_request(OpenedMessage& message) {
  WITAN_TRY(expect_count(message.word, message.elements, 4));
  WITAN_ASSIGN(const std::string_view name, message.reader.read_text());
  WITAN_ASSIGN(const std::size_t types, read_count(message.reader, "types of keys", 2));
  std::uint64_t good = types;
  for (std::size_t i = 0; i < types; ++i) {
    WITAN_ASSIGN(const std::uint64_t type, message.reader.read_unsigned());
    if (type != (i == 0 ? kEd25519Type : kMlDsaType)) good = 0;
  }
  if (good == 0) {
    return fail(ErrorCode::kUnsupported, "cosigner-init: types of keys, expected 4 or 4 and 6");
  }
  return CosignerRequest{CosignerInitRequest{std::string(name), types == 2}};
}

Result<CosignerRequest> read_subtree_request(OpenedMessage& message) {
  WITAN_TRY(expect_count(message.word, message.elements, 7));
  SignSubtreeRequest out;
  WITAN_ASSIGN(out.subtree.start, message.reader.read_unsigned());
  WITAN_ASSIGN(out.subtree.end, message.reader.read_unsigned());
  WITAN_ASSIGN(const BytesView hash, message.reader.read_bytes());
  WITAN_ASSIGN(out.hash, hash_from_bytes(hash));
  WITAN_ASSIGN(out.proof, read_hashes(message.reader));
  WITAN_ASSIGN(const BytesView note, message.reader.read_bytes());
  if (out.proof.size() > limits::kProofHashesMax || note.size() > limits::kNoteBytesMax) {
    return fail(ErrorCode::kTooLarge, "cosign-subtree: " + std::to_string(out.proof.size()) +
                                          " proof hashes and " + std::to_string(note.size()) +
                                          " bytes of a note, expected at most " +
                                          std::to_string(limits::kProofHashesMax) + " and " +
                                          std::to_string(limits::kNoteBytesMax));
  }
  out.note = as_text(note);
  return CosignerRequest{std::move(out)};
}

Result<CosignerState> read_cosigner_state(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t elements, reader.read_array());
  WITAN_TRY(expect_count("cosigner", elements, 5));
  CosignerState out;
  WITAN_ASSIGN(out.name, reader.read_text());
  WITAN_ASSIGN(out.keys, read_verifier_keys(reader, kCosignerKeysMax));
  WITAN_ASSIGN(out.marks, reader.read_unsigned());
  WITAN_ASSIGN(const std::size_t count,
               read_count(reader, "last", limits::kCosignBatchMax * limits::kCosignBatchesKept));
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_ASSIGN(Cosigned cosigned, read_cosigned(reader));
    out.last.push_back(std::move(cosigned));
  }
  if (reader.peek() == CborType::kNull) {
    WITAN_TRY(reader.read_null());
    return out;
  }
  WITAN_ASSIGN(out.released, reader.read_unsigned());
  return out;
}

Result<MarkReply> read_mark_reply(CborReader& reader) {
  if (reader.peek() == CborType::kNull) {
    WITAN_TRY(reader.read_null());
    return MarkReply{};
  }
  WITAN_ASSIGN(const std::size_t elements, reader.read_array());
  WITAN_TRY(expect_count("mark", elements, 2));
  CosignMark out;
  WITAN_ASSIGN(out.size.value, reader.read_unsigned());
  WITAN_ASSIGN(const BytesView root, reader.read_bytes());
  WITAN_ASSIGN(out.root, hash_from_bytes(root));
  return MarkReply{out};
}

Result<MarksPage> read_marks_page(CborReader& reader) {
  WITAN_ASSIGN(const BytesView bytes, reader.read_bytes());
  WITAN_ASSIGN(std::vector<OriginMark> marks, decode_marks(bytes));
  if (marks.size() > limits::kMarksPageMax) {
    return fail(ErrorCode::kTooLarge, "marks: " + std::to_string(marks.size()) +
                                          ", expected at most " +
                                          std::to_string(limits::kMarksPageMax));
  }
  return MarksPage{std::move(marks)};
}

struct CosignerRequestEncoder {
  Bytes operator()(const CosignerInitRequest& request) const {
    CborWriter writer = begin_message(4, "cosigner-init");
    writer.text(request.name).array(request.ml_dsa ? 2 : 1);
    writer.unsigned_integer(kEd25519Type);
    if (request.ml_dsa) writer.unsigned_integer(kMlDsaType);
    return writer.take();
  }
  Bytes operator()(const CosignerStateRequest& /*request*/) const {
    return begin_message(2, "cosigner-state").take();
  }
  Bytes operator()(const CosignBatchRequest& request) const {
    return encode_cosign(request.requests, request.time_s);
  }
  Bytes operator()(const MarkRequest& request) const {
    return begin_message(3, "mark").text(request.origin).take();
  }
  Bytes operator()(const HoldRequest& /*request*/) const {
    return begin_message(2, "cosigner-hold").take();
  }
  Bytes operator()(const ReleaseRequest& request) const {
    CborWriter writer = begin_message(3, "cosigner-release");
    writer.array(request.origins.size());
    for (const std::string& origin : request.origins) writer.text(origin);
    return writer.take();
  }
  Bytes operator()(const AdoptRequest& request) const { return encode_adopt(request.requests); }
  Bytes operator()(const MarksRequest& request) const {
    return begin_message(3, "marks").unsigned_integer(request.first).take();
  }
  Bytes operator()(const SignSubtreeRequest& request) const {
    CborWriter writer = begin_message(7, "cosign-subtree");
    writer.unsigned_integer(request.subtree.start).unsigned_integer(request.subtree.end);
    writer.bytes(request.hash).bytes(hashes_view(request.proof)).bytes(as_bytes(request.note));
    return writer.take();
  }
};

struct CosignerReplyEncoder {
  Bytes operator()(const CosignerState& state) const {
    CborWriter writer = begin_message(3, "cosigner");
    writer.array(5).text(state.name);
    write_verifier_keys(writer, state.keys);
    writer.unsigned_integer(state.marks).array(state.last.size());
    for (const Cosigned& cosigned : state.last) write_cosigned(writer, cosigned);
    if (!state.released) return writer.null().take();
    return writer.unsigned_integer(*state.released).take();
  }
  Bytes operator()(const CosignResults& results) const {
    CborWriter writer = begin_message(3, "cosigned");
    write_cosign_results(writer, results);
    return writer.take();
  }
  Bytes operator()(const MarkReply& mark) const {
    CborWriter writer = begin_message(3, "mark");
    if (!mark) return writer.null().take();
    return writer.array(2).unsigned_integer(mark->size.value).bytes(mark->root).take();
  }
  Bytes operator()(const MarksPage& page) const {
    const Bytes marks = encode_marks(page.marks);
    return begin_message(3, "marks").reserve(marks.size() + kHeadRoom).bytes(marks).take();
  }
  Bytes operator()(const SubtreeResult& result) const {
    CborWriter writer = begin_message(3, result ? "subtree" : "subtree-refused");
    result ? write_note_lines(writer, *result) : write_refusal(writer, result.error());
    return writer.take();
  }
  Bytes operator()(const Error& error) const { return encode_reply(error); }
};

}  // namespace

Bytes encode_cosigner_request(const CosignerRequest& request) {
  return std::visit(CosignerRequestEncoder{}, request);
}

Bytes encode_cosign(std::span<const CosignRequest> requests, std::uint64_t time_s) {
  CborWriter writer = begin_message(4, "cosign");
  writer.unsigned_integer(time_s);
  write_cosign_requests(writer, requests);
  return writer.take();
}

Bytes encode_adopt(std::span<const CosignRequest> requests) {
  CborWriter writer = begin_message(3, "cosigner-adopt");
  write_cosign_requests(writer, requests);
  return writer.take();
}

Bytes encode_cosigner_reply(const CosignerReply& reply) {
  return std::visit(CosignerReplyEncoder{}, reply);
}

Bytes encode_cosigned_reply(BytesView results) {
  CborWriter writer = begin_message(3, "cosigned");
  return writer.reserve(results.size() + kHeadRoom).raw(results).take();
}

Hash32 cosign_digest(std::span<const CosignRequest> requests, std::uint64_t time_s) {
  return sha256(encode_cosign(requests, time_s));
}

bool is_cosigner_request(BytesView message) {
  // An array, the version, and the head of a short text before the word.
  constexpr std::size_t kBeforeWord = 3;
  if (message.size() < kBeforeWord) return false;
  const std::string_view word = as_text(message.subspan(kBeforeWord));
  return word.starts_with("cosign") || word.starts_with("mark");
}

Result<CosignerRequest> decode_cosigner_request(BytesView bytes) {
  WITAN_ASSIGN(OpenedMessage message, open_message(bytes));
  if (message.word == "cosign") return read_batch_request(message);
  if (message.word == "cosigner-state" || message.word == "cosigner-hold") {
    WITAN_TRY(expect_count(message.word, message.elements, 2));
    if (message.word == "cosigner-hold") return CosignerRequest{HoldRequest{}};
    return CosignerRequest{CosignerStateRequest{}};
  }
  if (message.word == "cosigner-release") return read_release_request(message);
  if (message.word == "cosigner-adopt") {
    WITAN_TRY(expect_count(message.word, message.elements, 3));
    AdoptRequest out;
    WITAN_ASSIGN(out.requests, read_cosign_requests(message.reader));
    return CosignerRequest{std::move(out)};
  }
  if (message.word == "marks") {
    WITAN_TRY(expect_count("marks", message.elements, 3));
    WITAN_ASSIGN(const std::uint64_t first, message.reader.read_unsigned());
    return CosignerRequest{MarksRequest{first}};
  }
  if (message.word == "cosigner-init") return read_init_request(message);
  if (message.word == "cosign-subtree") return read_subtree_request(message);
  if (message.word == "mark") {
    WITAN_TRY(expect_count(message.word, message.elements, 3));
    WITAN_ASSIGN(const std::string_view text, message.reader.read_text());
    return CosignerRequest{MarkRequest{std::string(text)}};
  }
  return fail(ErrorCode::kUnsupported, "operation \"" + printable(message.word) +
                                           "\", expected cosigner-init, -state, -hold, -release, "
                                           "-adopt, cosign, cosign-subtree, mark or "
                                           "marks");
}

Result<CosignerReply> decode_cosigner_reply(BytesView bytes) {
  WITAN_ASSIGN(OpenedMessage message, open_message(bytes));
  if (message.word == "error") {
    WITAN_ASSIGN(Error error, read_error_reply(message));
    return CosignerReply{std::move(error)};
  }
  WITAN_TRY(expect_count("message", message.elements, 3));
  if (message.word == "cosigned") {
    WITAN_ASSIGN(CosignResults results, read_cosign_results(message.reader));
    return CosignerReply{std::move(results)};
  }
  if (message.word == "cosigner") {
    WITAN_ASSIGN(CosignerState state, read_cosigner_state(message.reader));
    return CosignerReply{std::move(state)};
  }
  if (message.word == "mark") {
    WITAN_ASSIGN(MarkReply mark, read_mark_reply(message.reader));
    return CosignerReply{mark};
  }
  if (message.word == "marks") {
    WITAN_ASSIGN(MarksPage page, read_marks_page(message.reader));
    return CosignerReply{std::move(page)};
  }
  if (message.word == "subtree") {
    WITAN_ASSIGN(std::vector<NoteSignature> lines, read_note_lines(message.reader));
    return CosignerReply{SubtreeResult(std::move(lines))};
  }
  if (message.word == "subtree-refused") {
    WITAN_ASSIGN(CosignError refusal, read_refusal(message.reader));
    return CosignerReply{SubtreeResult(tl::make_unexpected(std::move(refusal)))};
  }
  return fail(ErrorCode::kUnsupported,
              "reply \"" + printable(message.word) +
                  "\", expected cosigned, cosigner, mark, marks, subtree, subtree-refused or "
                  "error");
}

}  // namespace witan
