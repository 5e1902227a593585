#include "witness/add_checkpoint.h"

#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/text_lines.h"

namespace witan {
namespace {

constexpr std::string_view kOld = "old ";
constexpr std::string_view kSubtree = "subtree ";
// Stands in for a note's text, so that the one parser of signature lines serves here, too.
constexpr std::string_view kStandInText = "-\n";

Result<void> check_body_size(std::string_view body) {
  if (body.size() <= limits::kAddCheckpointBytesMax) return {};
  return fail(ErrorCode::kTooLarge, "request: " + std::to_string(body.size()) +
                                        " bytes, the limit is " +
                                        std::to_string(limits::kAddCheckpointBytesMax));
}

// The proof's lines, and the empty one after them.
Result<void> parse_proof_lines(TextLines& lines, std::vector<Hash32>& proof) {
  for (;;) {
    WITAN_ASSIGN(const std::string_view line, lines.next());
    if (line.empty()) return {};
    if (proof.size() == limits::kProofHashesMax) {
      return lines.bad("more than " + std::to_string(limits::kProofHashesMax) +
                       " proof hashes before the empty line");
    }
    const auto hash = hash_from_base64(line);
    if (!hash) return lines.bad("expected a proof hash, base64 of 32 bytes, or an empty line");
    proof.push_back(*hash);
  }
}

Result<std::string> rest_as_note(const TextLines& lines) {
  if (lines.rest().empty()) return lines.bad("nothing after it, expected a checkpoint");
  // Bounded here, so that no single request is too large for a batch.
  if (lines.rest().size() > limits::kNoteBytesMax) {
    return fail(ErrorCode::kTooLarge, "request: a note of " + std::to_string(lines.rest().size()) +
                                          " bytes, the limit is " +
                                          std::to_string(limits::kNoteBytesMax));
  }
  return std::string(lines.rest());
}

std::string encode_proof_and_note(const std::vector<Hash32>& proof, const std::string& note) {
  std::string out;
  for (const Hash32& hash : proof) out += base64_encode(hash) + "\n";
  return out + "\n" + note;
}

}  // namespace

Result<AddCheckpointRequest> AddCheckpointRequest::parse(std::string_view body) {
  WITAN_TRY(check_body_size(body));
  TextLines lines("request", body);
  AddCheckpointRequest out;
  WITAN_ASSIGN(const std::string_view line, lines.next());
  if (line.substr(0, kOld.size()) != kOld) return lines.bad("expected \"old \" and a tree size");
  const auto size = decimal_decode(line.substr(kOld.size()));
  if (!size) return lines.bad("the old size is not a decimal number without leading zeroes");
  out.old_size = *size;
  WITAN_TRY(parse_proof_lines(lines, out.proof));
  WITAN_ASSIGN(out.note, rest_as_note(lines));
  return out;
}

std::string AddCheckpointRequest::encode() const {
  return std::string(kOld) + std::to_string(old_size) + "\n" + encode_proof_and_note(proof, note);
}

Result<SignSubtreeRequest> SignSubtreeRequest::parse(std::string_view body) {
  WITAN_TRY(check_body_size(body));
  TextLines lines("request", body);
  SignSubtreeRequest out;
  WITAN_ASSIGN(std::string_view line, lines.next());
  const std::size_t space = line.find(' ', kSubtree.size());
  if (line.substr(0, kSubtree.size()) != kSubtree || space == std::string_view::npos) {
    return lines.bad("expected \"subtree \", its start, a space and its end");
  }
  const auto start = decimal_decode(line.substr(kSubtree.size(), space - kSubtree.size()));
  const auto end = decimal_decode(line.substr(space + 1));
  if (!start || !end) {
    return lines.bad("start or end is not a decimal number without leading zeroes");
  }
  out.subtree = {*start, *end};
  if (!out.subtree.valid()) {
    return lines.bad("[" + std::to_string(*start) + ", " + std::to_string(*end) +
                     ") is not a valid subtree");
  }
  WITAN_ASSIGN(line, lines.next());
  const auto hash = hash_from_base64(line);
  if (!hash) return lines.bad("expected the subtree's hash, base64 of 32 bytes");
  out.hash = *hash;
  WITAN_TRY(parse_proof_lines(lines, out.proof));
  WITAN_ASSIGN(out.note, rest_as_note(lines));
  return out;
}

std::string SignSubtreeRequest::encode() const {
  return std::string(kSubtree) + std::to_string(subtree.start) + " " + std::to_string(subtree.end) +
         "\n" + base64_encode(hash) + "\n" + encode_proof_and_note(proof, note);
}

std::string encode_signature_lines(const std::vector<NoteSignature>& lines) {
  return Note{std::string(kStandInText), lines}.encode().substr(kStandInText.size() + 1);
}

Result<std::vector<NoteSignature>> parse_signature_lines(std::string_view body) {
  // With the stand-in it is a few bytes longer than what came.
  if (body.size() + kStandInText.size() + 1 > limits::kNoteBytesMax) {
    return fail(ErrorCode::kTooLarge, "signature lines: " + std::to_string(body.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(limits::kNoteBytesMax));
  }
  auto note = Note::parse(std::string(kStandInText) + "\n" + std::string(body));
  if (!note) return fail(note.error().within("signature lines"));
  if (note->text != kStandInText) {
    return fail(ErrorCode::kMalformed, "signature lines: an empty line, expected none");
  }
  return std::move(note->signatures);
}

std::string encode_tlog_size(std::uint64_t size) {
  return std::to_string(size) + "\n";
}

Result<std::uint64_t> parse_tlog_size(std::string_view body) {
  if (body.empty() || body.back() != '\n') {
    return fail(ErrorCode::kMalformed, "tree size: expected a number and a newline, found " +
                                           std::to_string(body.size()) + " bytes");
  }
  const auto size = decimal_decode(body.substr(0, body.size() - 1));
  if (!size) return fail(size.error().within("tree size"));
  return *size;
}

}  // namespace witan
