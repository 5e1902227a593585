#pragma once
// The elements of a DER SEQUENCE (X.690), read by OpenSSL: for certificate extensions that a
// manufacturer made up.

#include <cstdint>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

struct DerElement {
  enum class Type { kObject, kInteger, kOctets, kSequence, kOther };
  Type type = Type::kOther;
  std::string object;         // dotted OID
  std::uint64_t integer = 0;  // INTEGER
  Bytes bytes;                // content of an OCTET STRING; whole encoding of a SEQUENCE
};

// `der` is exactly one SEQUENCE of at most kCertificateBytesMax. An INTEGER that is negative or
// above 2^64 - 1 is kOther. kMalformed, kTooLarge.
[[nodiscard]] Result<std::vector<DerElement>> der_sequence(BytesView der);

}  // namespace witan
