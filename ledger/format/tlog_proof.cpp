#include "ledger/format/tlog_proof.h"

#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "ledger/format/text_lines.h"

namespace witan {
namespace {

constexpr std::string_view kFirstLine = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";

Result<void> parse_path(TextLines& lines, std::vector<Hash32>& path) {
  for (;;) {
    WITAN_ASSIGN(const std::string_view line, lines.next());
    if (line.empty()) return {};
    if (path.size() == limits::kProofHashesMax) {
      return lines.bad("more than " + std::to_string(limits::kProofHashesMax) + " hashes",
                       ErrorCode::kTooLarge);
    }
    const auto hash = hash_from_base64(line);
    if (!hash) return lines.bad("the hash is not base64 of 32 bytes");
    path.push_back(*hash);
  }
}

}  // namespace

Result<TlogProof> TlogProof::parse(std::string_view text) {
  if (text.size() > limits::kTlogProofBytesMax) {
    return fail(ErrorCode::kTooLarge, "tlog-proof: " + std::to_string(text.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(limits::kTlogProofBytesMax));
  }
  TextLines lines("tlog-proof", text);
  TlogProof out;
  WITAN_ASSIGN(std::string_view line, lines.next());
  if (line != kFirstLine) return lines.bad("expected \"" + std::string(kFirstLine) + "\"");
  WITAN_ASSIGN(line, lines.next());
  if (line.substr(0, kExtra.size()) == kExtra) {
    auto extra = base64_decode(line.substr(kExtra.size()));
    if (!extra) return lines.bad("the extra data is not base64");
    if (extra->empty()) return lines.bad("empty extra data: expected no such line");
    out.extra = std::move(*extra);
    WITAN_ASSIGN(line, lines.next());
  }
  if (line.substr(0, kIndex.size()) != kIndex) {
    return lines.bad("expected \"index \" and a number");
  }
  const auto index = decimal_decode(line.substr(kIndex.size()));
  if (!index) return lines.bad("the index is not a decimal number without leading zeroes");
  out.index = LeafIndex{*index};
  WITAN_TRY(parse_path(lines, out.path));

  auto note = Note::parse(lines.rest());
  if (!note) return fail(note.error().within("tlog-proof: checkpoint"));
  const auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint) return fail(checkpoint.error().within("tlog-proof"));
  out.checkpoint = lines.rest();
  return out;
}

std::string TlogProof::encode() const {
  std::string out = std::string(kFirstLine) + "\n";
  if (extra && !extra->empty()) out += std::string(kExtra) + base64_encode(*extra) + "\n";
  out += std::string(kIndex) + std::to_string(index.value) + "\n";
  for (const Hash32& hash : path) out += base64_encode(hash) + "\n";
  return out + "\n" + checkpoint;
}

}  // namespace witan
