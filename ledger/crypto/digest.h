#pragma once
// SHA-2 digests by name, for formats that let the signer choose. SHA-256 alone: crypto/sha256.h.

#include <cstddef>
#include <string_view>

#include "ledger/bytes.h"

namespace witan {

enum class HashFunction { kSha256, kSha384, kSha512 };

[[nodiscard]] std::size_t digest_bytes(HashFunction hash);  // 32, 48 or 64
[[nodiscard]] std::string_view to_string(HashFunction hash);
[[nodiscard]] Bytes digest(HashFunction hash, BytesView data);

}  // namespace witan
