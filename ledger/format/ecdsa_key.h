#pragma once
// P-256 keys of notes, parsed once: reading a SubjectPublicKeyInfo takes OpenSSL three times as
// long as verifying a signature with it.

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/public_key.h"

namespace witan {

// The key of a SubjectPublicKeyInfo. kMalformed when it is none, or not the canonical DER of an
// uncompressed point; kUnsupported on another curve. At most 1,024 are kept.
// Any thread.
[[nodiscard]] Result<PublicKey> ecdsa_note_key(BytesView spki);

}  // namespace witan
