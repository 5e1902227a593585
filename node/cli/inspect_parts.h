#pragma once
// What `witan inspect` knows, as JSON: one value for both of its outputs. Strings may hold text
// from outside; whoever prints them escapes them.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/public_key.h"
#include "ledger/crypto/x509.h"
#include "ledger/format/cose.h"
#include "ledger/format/note.h"

namespace witan::cli {

using Json = nlohmann::ordered_json;

// Any of the formats, recognised by content, as an object whose first key is "type". `file_name` is
// for messages and for what a trust file names. kMalformed when it is nothing that is known.
[[nodiscard]] Result<Json> inspect_any(BytesView content, const std::string& file_name);

// Text formats; nullopt when the text is none of them.
[[nodiscard]] std::optional<Json> inspect_text(std::string_view text, const std::string& file_name);
// TOML files of ours, or any; nullopt when it is no TOML.
[[nodiscard]] std::optional<Json> inspect_toml(std::string_view text, const std::string& file_name);
// "-----BEGIN ...": keys and certificates. Of a private key only its public half is shown.
[[nodiscard]] std::optional<Json> inspect_pem(std::string_view text);
// COSE messages, keys, payloads in CBOR and X.509 in DER; nullopt when the bytes are none of them.
[[nodiscard]] std::optional<Json> inspect_binary(BytesView bytes, const std::string& file_name);
// The payload of a log's entry 1; nullopt when it is none.
[[nodiscard]] std::optional<Json> inspect_log_keys(BytesView payload);
// A signed statement or receipt: something with the shape of COSE_Sign1.
[[nodiscard]] Json inspect_cose(const CoseSign1& cose, BytesView bytes,
                                const std::string& file_name);
// Signed notes, checkpoints among them.
[[nodiscard]] Json inspect_note(const Note& note);

[[nodiscard]] Json describe_key(const PublicKey& key);
[[nodiscard]] Json describe_certificate(const Certificate& certificate);
[[nodiscard]] Json describe_vkey(const VerifierKey& key);
// Seconds since 1970 as "2026-01-31T12:00:00Z".
[[nodiscard]] std::string utc_time(std::int64_t seconds);
// The bytes as one string: hex, or quoted text where they are printable.
[[nodiscard]] std::string describe_bytes(BytesView bytes);

// The JSON as indented lines for people, everything from outside made harmless.
[[nodiscard]] std::string to_lines(const Json& value);

}  // namespace witan::cli
