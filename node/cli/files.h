#pragma once
// Files as the verbs read them. Every error names the file.

#include <string>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/public_key.h"

namespace witan::cli {

// A private key in PEM; refuses a file that others may read.
[[nodiscard]] Result<PrivateKey> read_private_key(const std::string& file);
[[nodiscard]] Result<PublicKey> read_public_key(const std::string& file);
// The whole file, at most bytes_max.
[[nodiscard]] Result<Bytes> read_bytes(const std::string& file, std::size_t bytes_max);

}  // namespace witan::cli
