#pragma once
// The logs of a Sigsum trust policy, for a witness that is to cosign them. Its witnesses, groups
// and quorum are checked for their shape only: what they mean is for those who verify.
// Source: Sigsum's policy format (sigsum-go, doc/policy.md).

#include <string>
#include <string_view>

#include "config/result.h"
#include "ledger/bytes.h"
#include "witness/log_list.h"

namespace witan {

// "sigsum.org/v1/tree/<SHA-256 of the raw Ed25519 key in hex>": origin and key name of a Sigsum
// log.
[[nodiscard]] std::string sigsum_origin(BytesView raw_key);

// Lines "log KEY [URL]" with the key as 64 hex digits; a log that is there twice is a warning, and
// taken once. No feeds: Sigsum's logs push, and serve no tiles. kMalformed with the line;
// kTooLarge above limits::kLogListBytesMax or kWitnessLogsMax.
[[nodiscard]] Result<LogList> parse_sigsum_logs(std::string_view text);

}  // namespace witan
