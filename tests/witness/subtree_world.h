#pragma once
// What a client of sign-subtree sends, and the keys that a witness which can answer has.

#include <string>
#include <vector>

#include "ledger/crypto/ml_dsa_key.h"
#include "ledger/format/cosign_subtree.h"
#include "tests/witness/cosign_world.h"
#include "witness/add_checkpoint.h"

namespace witan::test {

// A subtree of the world's log, proven against its checkpoint of that size, which bears the lines.
inline SignSubtreeRequest subtree_request(const CosignWorld& world, Subtree subtree,
                                          std::size_t size, std::vector<NoteSignature> lines) {
  SignSubtreeRequest out;
  out.subtree = subtree;
  out.hash = world.tree.mth(subtree.start, subtree.end);
  out.proof = world.tree.subtree_proof(subtree.start, subtree.end, size);
  out.note = Note{world.text(size), std::move(lines)}.encode();
  return out;
}

// Whether the lines are one, of that key and without a time, over the subtree.
inline bool signs_subtree(const std::vector<NoteSignature>& lines, const CosignWorld& world,
                          Subtree subtree, const VerifierKey& key) {
  if (lines.size() != 1) return false;
  const SubtreeStatement statement{key.name,     0,
                                   world.origin, subtree.start,
                                   subtree.end,  world.tree.mth(subtree.start, subtree.end)};
  const SignatureCheck check = check_subtree_signature(statement, lines[0], key);
  return check.status == SignatureStatus::kValid && check.timestamp == 0u;
}

}  // namespace witan::test
