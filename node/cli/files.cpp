#include "node/cli/files.h"

#include "config/file.h"
#include "config/limits.h"
#include "ledger/crypto/secret.h"

namespace witan::cli {

Result<PrivateKey> read_private_key(const std::string& file) {
  WITAN_ASSIGN(std::string pem, read_secret_file(file, limits::kPemFileBytesMax));
  auto key = PrivateKey::from_pem(pem);
  wipe(pem);
  if (!key) return fail(key.error().within(file));
  return key;
}

Result<PublicKey> read_public_key(const std::string& file) {
  WITAN_ASSIGN(const std::string pem, read_text_file(file, limits::kPemFileBytesMax));
  auto key = PublicKey::from_pem(pem);
  if (!key) return fail(key.error().within(file));
  return key;
}

Result<Bytes> read_bytes(const std::string& file, std::size_t bytes_max) {
  WITAN_ASSIGN(const std::string content, read_text_file(file, bytes_max));
  return to_bytes(as_bytes(content));
}

}  // namespace witan::cli
