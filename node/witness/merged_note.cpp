#include "node/witness/merged_note.h"

#include <algorithm>

#include "config/limits.h"
#include "ledger/format/note.h"

namespace witan {

std::string merged_note(std::string_view kept_bytes, std::string_view next_bytes) {
  const auto kept = Note::parse(kept_bytes);
  auto next = Note::parse(next_bytes);
  if (!kept || !next || kept->text != next->text) return std::string(next_bytes);
  for (const NoteSignature& line : kept->signatures) {
    const bool has_key = std::any_of(
        next->signatures.begin(), next->signatures.end(),
        [&](const NoteSignature& own) { return own.name == line.name && own.id == line.id; });
    if (!has_key && next->signatures.size() < limits::kNoteSignaturesMax) {
      next->signatures.push_back(line);
    }
  }
  std::string merged = next->encode();
  return merged.size() <= limits::kNoteBytesMax ? merged : std::string(next_bytes);
}

}  // namespace witan
