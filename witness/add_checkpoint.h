#pragma once
// The bodies of a witness's two requests, and of its answers.
// Source: C2SP tlog-witness, sections "add-checkpoint" and "sign-subtree".

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/note.h"
#include "ledger/tree/proof.h"

namespace witan {

// The content type of a 409's body.
inline constexpr std::string_view kTlogSizeContentType = "text/x.tlog.size";

struct AddCheckpointRequest {
  std::uint64_t old_size = 0;
  std::vector<Hash32> proof;  // at most limits::kProofHashesMax
  std::string note;           // the signed checkpoint, as it came

  // Takes the body apart; the note itself is not looked into. kMalformed naming the line and what
  // was expected of it; kTooLarge above limits::kAddCheckpointBytesMax or with a note above
  // kNoteBytesMax. More than 63 proof lines are kMalformed, since the specification forbids them.
  static Result<AddCheckpointRequest> parse(std::string_view body);
  // The body, byte for byte what parse takes.
  [[nodiscard]] std::string encode() const;
  friend bool operator==(const AddCheckpointRequest&, const AddCheckpointRequest&) = default;
};

struct SignSubtreeRequest {
  Subtree subtree;
  Hash32 hash{};
  std::vector<Hash32> proof;
  std::string note;  // the reference checkpoint

  // As AddCheckpointRequest::parse; a range that is no valid subtree is kMalformed too.
  static Result<SignSubtreeRequest> parse(std::string_view body);
  [[nodiscard]] std::string encode() const;
  friend bool operator==(const SignSubtreeRequest&, const SignSubtreeRequest&) = default;
};

// The body of a 200: one signature line each, as in a signed note.
[[nodiscard]] std::string encode_signature_lines(const std::vector<NoteSignature>& lines);
// kMalformed naming the line; kTooLarge above limits::kNoteBytesMax or kNoteSignaturesMax.
[[nodiscard]] Result<std::vector<NoteSignature>> parse_signature_lines(std::string_view body);

// The body of a 409: "<size>\n". kMalformed for anything that is not exactly that.
[[nodiscard]] std::string encode_tlog_size(std::uint64_t size);
[[nodiscard]] Result<std::uint64_t> parse_tlog_size(std::string_view body);

}  // namespace witan
