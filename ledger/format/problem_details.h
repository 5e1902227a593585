#pragma once
// Concise problem details (RFC 9290): CBOR {-1: title, -2: detail}.

#include <string>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

struct ProblemDetails {
  std::string title;
  std::string detail;
};

[[nodiscard]] Bytes encode_problem(const ProblemDetails& problem);
// Accepts further keys (they are ignored) and tag 38 texts. kMalformed.
[[nodiscard]] Result<ProblemDetails> decode_problem(BytesView bytes);

}  // namespace witan
