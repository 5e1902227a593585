#include "node/receipts.h"

#include "ledger/format/tlog_proof.h"
#include "ledger/tree/proof.h"

namespace witan {

Result<std::optional<Located>> locate(ReadView& view, TileCache& tiles, LeafIndex index) {
  WITAN_ASSIGN(auto head, view.head_covering(index));
  if (!head) return std::optional<Located>();
  const TreeSize size = head->head.head.size;
  WITAN_ASSIGN(auto path, inclusion_proof(index, size, nodes_of(view, tiles, size)));
  return Located{index, std::move(*head), std::move(path)};
}

Bytes receipt_of(const Located& located) {
  const SignedHead& head = located.head.head;
  return encode_inclusion_receipt(head.cose_protected, head.cose_signature,
                                  InclusionProof{head.head.size, located.index, located.path},
                                  located.head.checkpoint);
}

std::string tlog_proof_of(const Located& located) {
  return TlogProof{std::nullopt, located.index, located.path, located.head.checkpoint}.encode();
}

}  // namespace witan
