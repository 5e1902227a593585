#pragma once
// ML-DSA-44 signing, where OpenSSL has it (3.5 and later).
// Source: FIPS 204 (pure ML-DSA, empty context); keys from their 32-byte seed.

#include <memory>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/ml_dsa.h"

namespace witan {

inline constexpr std::size_t kMlDsa44SeedBytes = 32;

// The expanded key lies in OpenSSL's memory, which OpenSSL wipes when it is freed; it keeps ML-DSA
// keys out of its secure heap. Nothing here writes a key to a log or an error.
class MlDsa44Key {
 public:
  // kUnsupported where ml_dsa_available() is false; kMalformed for a seed of another length. The
  // caller wipes the seed (crypto/secret.h).
  static Result<MlDsa44Key> from_seed(BytesView seed);

  // kMlDsa44KeyBytes.
  [[nodiscard]] const Bytes& public_key() const { return public_key_; }

  // kMlDsa44SignatureBytes, verified: a fault while signing could give the key away, so what does
  // not verify is kBadSignature and is not given. Hedged, as FIPS 204 advises: fresh randomness
  // goes into each, so that no fault makes two signatures with the same masking vector. (Making a
  // deterministic one twice and comparing finds little more, at six times the price.)
  [[nodiscard]] Result<Bytes> sign(BytesView message) const;
  // The same without randomness: for known answers in tests.
  [[nodiscard]] Result<Bytes> sign_deterministic(BytesView message) const;

  MlDsa44Key(MlDsa44Key&&) noexcept;
  MlDsa44Key& operator=(MlDsa44Key&&) noexcept;
  ~MlDsa44Key();

 private:
  struct Impl;
  MlDsa44Key(std::unique_ptr<Impl> impl, Bytes public_key);
  [[nodiscard]] Result<Bytes> sign_with(BytesView message, int deterministic) const;

  std::unique_ptr<Impl> impl_;
  Bytes public_key_;
};

}  // namespace witan
