#pragma once
// The headers of a signed statement, one function for each group. Used by statement.cpp only.

#include "ledger/format/statement.h"

namespace witan::detail {

// CWT claims (15): iss, sub, iat.
[[nodiscard]] Result<void> read_claims(const CoseHeaders& headers, Statement& out);
// Labels 3, 4, 33, 34.
[[nodiscard]] Result<void> read_content_type(const CoseHeaders& headers, Statement& out);
[[nodiscard]] Result<void> read_identification(const CoseHeaders& headers, Statement& out);
// Labels 258 to 260.
[[nodiscard]] Result<void> read_hash_envelope(const CoseHeaders& headers, Statement& out);
// Label 2: fills crit_not_understood. Every label in it must be in the protected header.
[[nodiscard]] Result<void> read_crit(const CoseHeaders& headers, Statement& out);

}  // namespace witan::detail
