#pragma once
// The key by which bastions know a witness (C2SP https-bastion): Ed25519, in a file of its own. It
// signs TLS handshakes only; whoever has it can take the witness's place at its bastions, but
// cannot cosign anything.

#include <filesystem>
#include <string>
#include <string_view>

#include "config/result.h"

namespace witan {

struct BastionKey {
  std::string pem;   // PKCS#8; the holder wipes it
  std::string hash;  // SHA-256 of the 32 bytes of the public key, as 64 lower-case hex digits

  // The file's key; makes it (mode 0600) when there is none. kUnsupported: a key of another kind;
  // kMalformed; kIo, also when others may read it.
  static Result<BastionKey> open_or_make(const std::filesystem::path& file);
};

// Where the world reaches a witness behind a bastion: "https://bastion.example/<hash>/".
[[nodiscard]] std::string bastion_public_url(std::string_view bastion_url, std::string_view hash);

}  // namespace witan
