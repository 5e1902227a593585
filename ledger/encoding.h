#pragma once
// Text encodings of bytes. Decoders accept exactly what the encoder writes: no white space, no
// other alphabet, no missing or extra padding, no stray bits in the last character.

#include <cstdint>
#include <string>
#include <string_view>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

[[nodiscard]] std::string hex_encode(BytesView bytes);             // lower case
[[nodiscard]] Result<Bytes> hex_decode(std::string_view text);     // lower case only; kMalformed
[[nodiscard]] std::string base64_encode(BytesView bytes);          // RFC 4648 section 4, padded
[[nodiscard]] Result<Bytes> base64_decode(std::string_view text);  // kMalformed
[[nodiscard]] std::string base64url_encode(BytesView bytes);       // RFC 4648 section 5, unpadded
[[nodiscard]] Result<Bytes> base64url_decode(std::string_view text);

// 32 bytes from their hex or base64 form; kMalformed when the length is another.
[[nodiscard]] Result<Hash32> hash_from_hex(std::string_view text);
[[nodiscard]] Result<Hash32> hash_from_base64(std::string_view text);
[[nodiscard]] Result<Hash32> hash_from_bytes(BytesView bytes);

// Decimal without sign or leading zeroes, as checkpoints and paths write it; kMalformed.
[[nodiscard]] Result<std::uint64_t> decimal_decode(std::string_view text);

// Valid UTF-8 (no surrogates, no overlong forms).
[[nodiscard]] bool is_utf8(BytesView bytes);

}  // namespace witan
