#pragma once
// Private keys. Ed25519 seeds live in secret memory (crypto/secret_memory.h); the others in
// OpenSSL's. Nothing here writes a key to a log or an error.

#include <memory>
#include <string>
#include <string_view>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/public_key.h"

namespace witan {

class PrivateKey {
 public:
  PrivateKey(PrivateKey&&) noexcept;
  PrivateKey& operator=(PrivateKey&&) noexcept;
  ~PrivateKey();

  // Ed25519, P-256 or P-384 (P-521 too); kUnsupported for other kinds.
  static Result<PrivateKey> generate(KeyKind kind);
  // PKCS#8 ("-----BEGIN PRIVATE KEY-----"), "EC PRIVATE KEY" or "RSA PRIVATE KEY"; unencrypted.
  // RSA keys of 2048 to 8192 bits can be read, not generated. kMalformed, kUnsupported (encrypted,
  // Ed448, another kind).
  static Result<PrivateKey> from_pem(std::string_view pem);
  // Secret forms for sealing: a 32-byte Ed25519 seed, or PKCS#8 DER for the others.
  static Result<PrivateKey> from_secret(KeyKind kind, BytesView secret);

  [[nodiscard]] const PublicKey& public_key() const;
  // Fails only when the algorithm does not fit the key (kUnsupported).
  [[nodiscard]] Result<Bytes> sign(Algorithm algorithm, BytesView message) const;

  // The secret, for the two places that may hold it: a key file of mode 0600 and the enclave's
  // seal. The caller wipes it (crypto/secret.h).
  [[nodiscard]] std::string to_pem() const;
  [[nodiscard]] Bytes to_secret() const;

  struct Impl;
  explicit PrivateKey(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace witan
