#pragma once
// Handling of secret bytes: constant-time comparison and wiping, by libsodium.

#include <string>

#include "ledger/bytes.h"

namespace witan {

// Must be called once before other functions of crypto/; safe to call again. Throws when libsodium
// cannot start.
void init_crypto();

[[nodiscard]] bool equal_secret(BytesView a, BytesView b);
void wipe(Bytes& bytes);
void wipe(std::string& text);

// n random bytes from the kernel (libsodium).
void fill_random(std::span<std::uint8_t> out);

}  // namespace witan
