#pragma once
// Digests of files of any size.

#include <cstdint>
#include <string>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

// The digest of a file by the hash's COSE number (RFC 9054): -16 SHA-256, -43 SHA-384, -44 SHA-512.
// kUnsupported for others; kNotFound, kIo naming the file.
[[nodiscard]] Result<Bytes> file_digest(const std::string& path, std::int64_t hash_algorithm);

}  // namespace witan
