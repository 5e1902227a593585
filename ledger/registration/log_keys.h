#pragma once
// The log's key set as entry 1: the payload of a statement that the operator's admin key signs.
// CBOR {"keys": COSE_KeySet, "vkey": tstr, "issuer": tstr, "origin": tstr, "evidence": bstr}.

#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/cose.h"
#include "ledger/format/statement.h"

namespace witan {

inline constexpr std::string_view kLogKeysContentType = "application/witan-log-keys+cbor";

struct LogKeys {
  std::string origin;         // the log's name, as in its checkpoints
  std::string issuer;         // the CWT issuer of its receipts
  std::vector<CoseKey> keys;  // that sign its receipts, at least one
  std::string vkey;           // that signs its checkpoints
  Bytes evidence;             // the enclave's attestation evidence, encoded; may be empty
};

// Deterministic (RFC 8949 section 4.2.1).
[[nodiscard]] Bytes encode_log_keys(const LogKeys& keys);
// Accepts only what encode_log_keys() writes again byte for byte. kMalformed, kUnsupported,
// kTooLarge (more than 64 keys, a text above 1024 bytes).
[[nodiscard]] Result<LogKeys> parse_log_keys(BytesView payload);

// Whether the statement's content type says that it is one.
[[nodiscard]] bool is_log_keys_statement(const Statement& statement);

}  // namespace witan
