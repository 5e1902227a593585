// Signed notes and verifier keys: what parses is written again byte for byte, and no key verifies
// by chance.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/format/note.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto key = VerifierKey::parse(input); key && key->text() != input) std::abort();
  const auto note = Note::parse(input);
  if (!note) return 0;
  if (note->encode() != input) std::abort();
  for (const NoteSignature& signature : note->signatures) {
    if (!valid_key_name(signature.name)) std::abort();
    // A key of the input's own name and id reaches the checks of every type's signatures.
    for (const NoteAlgorithm algorithm :
         {NoteAlgorithm::kEd25519, NoteAlgorithm::kCosignatureEd25519, NoteAlgorithm::kRfc6962}) {
      auto key = VerifierKey::make(signature.name, algorithm, Bytes(32, 0x58));
      if (!key) std::abort();
      key->id = signature.id;
      if (check_signature(*note, signature, *key).status == SignatureStatus::kValid) std::abort();
    }
    auto ml_dsa = VerifierKey::make(signature.name, NoteAlgorithm::kMlDsa44, Bytes(1'312, 1));
    if (!ml_dsa) std::abort();
    ml_dsa->id = signature.id;
    if (check_signature(*note, signature, *ml_dsa).status == SignatureStatus::kValid) std::abort();
  }
  return 0;
}
