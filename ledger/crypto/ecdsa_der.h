#pragma once
// The two encodings of an ECDSA signature: ASN.1 DER, as signed notes and X.509 carry it, and
// r || s, as COSE and PublicKey::verify want it.
// Sources: RFC 3279 section 2.2.3 (Ecdsa-Sig-Value), RFC 9053 section 2.1.

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/algorithm.h"

namespace witan {

// r || s, each padded to the size of the curve's numbers (32, 48 or 66 bytes). kMalformed when the
// bytes are not exactly the DER of two numbers that fit; kUnsupported when `curve` is no EC curve.
[[nodiscard]] Result<Bytes> ecdsa_from_der(BytesView der, KeyKind curve);

// The way back. kMalformed when the length is not that of the curve, kUnsupported as above.
[[nodiscard]] Result<Bytes> ecdsa_to_der(BytesView r_s, KeyKind curve);

}  // namespace witan
