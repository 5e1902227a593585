#pragma once
// Which cryptographic libraries this program was built with.

#include <string>

namespace witan {

// "3.0.15", "1.0.18": of the headers it was compiled against.
[[nodiscard]] std::string openssl_version();
[[nodiscard]] std::string libsodium_version();

}  // namespace witan
