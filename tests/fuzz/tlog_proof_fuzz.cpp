// tlog-proof files: what parses is written again byte for byte and carries a checkpoint.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/limits.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "ledger/format/tlog_proof.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto proof = TlogProof::parse(input);
  if (!proof) return 0;
  if (proof->encode() != input || proof->path.size() > limits::kProofHashesMax) std::abort();
  const auto note = Note::parse(proof->checkpoint);
  if (!note || !Checkpoint::parse(note->text)) std::abort();
  return 0;
}
