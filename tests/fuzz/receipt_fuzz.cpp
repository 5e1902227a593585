// Receipts: proofs that parse are bounded, and a forged receipt never verifies.

#include <cstdint>
#include <cstdlib>

#include "config/limits.h"
#include "ledger/format/ccf_receipt.h"
#include "ledger/format/receipt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const auto receipt = Receipt::parse(BytesView(data, size));
  if (!receipt) return 0;
  if (receipt->inclusion.empty() && receipt->consistency.empty() && receipt->ccf.empty()) {
    std::abort();
  }
  // A key that signed nothing (the Ed25519 base point's encoding).
  Bytes raw(32, 0x66);
  raw[0] = 0x58;
  static const auto key = PublicKey::from_ed25519(raw);
  if (!key) std::abort();
  if (verify_inclusion_receipt(*receipt, Hash32{}, *key)) std::abort();
  for (const ConsistencyProof& proof : receipt->consistency) {
    if (verify_consistency_receipt(*receipt, proof.from, Hash32{}, *key)) std::abort();
  }
  for (const CcfProof& proof : receipt->ccf) {
    const Bytes encoded = encode_ccf_proof(proof);
    const auto again = parse_ccf_proof(encoded);
    if (!again || encode_ccf_proof(*again) != encoded) std::abort();
  }
  return 0;
}
