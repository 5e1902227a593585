#include <string_view>
#include <utility>

#include "config/limits.h"
#include "enclave/cosign_batch.h"
#include "enclave/cosigner_message_parts.h"
#include "enclave/cosigner_messages.h"
#include "enclave/messages.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::size_t kCosignerKeysMax = 8;
// For what stands around the bytes of a message.
constexpr std::size_t kHeadRoom = 64;

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

Bytes encode_cosigner_reply(const CosignerReply& reply) {
  return std::visit(CosignerReplyEncoder{}, reply);
}

Bytes encode_cosigned_reply(BytesView results) {
  CborWriter writer = begin_message(3, "cosigned");
  return writer.reserve(results.size() + kHeadRoom).raw(results).take();
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
