#include "node/witness/bastion_key.h"

#include <utility>

#include "config/file.h"
#include "config/limits.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan {

Result<BastionKey> BastionKey::open_or_make(const std::filesystem::path& file) {
  auto pem = read_secret_file(file.string(), limits::kPemFileBytesMax);
  if (!pem && pem.error().code == ErrorCode::kNotFound) {
    WITAN_ASSIGN(const PrivateKey made, PrivateKey::generate(KeyKind::kEd25519));
    pem = made.to_pem();
    WITAN_TRY(create_secret_file(file.string(), *pem));
  }
  if (!pem) return fail(pem.error());
  const auto key = PrivateKey::from_pem(*pem);
  if (!key) return fail(key.error().within(file.string()));
  if (key->public_key().kind() != KeyKind::kEd25519) {
    return fail(ErrorCode::kUnsupported, file.string() + ": found a key of kind " +
                                             std::string(to_string(key->public_key().kind())) +
                                             ", expected Ed25519");
  }
  return BastionKey{std::move(*pem), hex_encode(sha256(key->public_key().raw()))};
}

std::string bastion_public_url(std::string_view bastion_url, std::string_view hash) {
  std::string out(bastion_url);
  if (!out.ends_with('/')) out += '/';
  return out.append(hash) + "/";
}

}  // namespace witan
