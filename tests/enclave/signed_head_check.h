#pragma once
// The check of a signed head that an outsider would make.

#include "enclave/messages.h"
#include "ledger/bytes.h"
#include "ledger/crypto/public_key.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/cose.h"
#include "ledger/format/receipt.h"
#include "ledger/ports/signer.h"
#include "tests/support/catch.h"

namespace witan::test {

inline constexpr const char* kOrigin = "log.example/core";
inline constexpr const char* kIssuer = "https://log.example";

// Both signatures over what a verifier would rebuild.
inline void check_signatures(const SignerState& keys, const SignedHead& head) {
  const std::string text = Checkpoint{keys.origin, head.head.size, head.head.root, {}}.text();
  const auto note_key = PublicKey::from_ed25519(keys.note_key);
  REQUIRE(note_key);
  CHECK(note_key->verify(Algorithm::kEdDsa, as_bytes(text), head.note_signature));
  const BytesView xy = keys.cose_key;
  const auto cose_key = PublicKey::from_ec(KeyKind::kP256, xy.first(32), xy.subspan(32));
  REQUIRE(cose_key);
  CoseHeadFields fields;
  fields.kid = cose_key_thumbprint(*cose_key);
  fields.issuer = keys.issuer;
  fields.origin = keys.origin;
  fields.time_s = head.head.time_ms / 1'000;
  fields.size = head.head.size;
  CHECK(head.cose_protected == cose_head_protected(fields));
  CHECK(cose_key->verify(Algorithm::kEs256, cose_to_be_signed(head.cose_protected, head.head.root),
                         head.cose_signature));
}

}  // namespace witan::test
