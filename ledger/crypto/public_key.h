#pragma once
// Public keys and signature verification. A PublicKey is immutable, cheap to copy, and may be used
// from any thread at once.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/algorithm.h"

namespace witan {

class PublicKey {
 public:
  // "-----BEGIN PUBLIC KEY-----" (SubjectPublicKeyInfo) or "-----BEGIN CERTIFICATE-----" (its key).
  // kMalformed, kUnsupported (another kind of key, RSA below 2048 or above 8192 bits).
  static Result<PublicKey> from_pem(std::string_view pem);
  static Result<PublicKey> from_spki(BytesView der);
  // 32 raw bytes (RFC 8032).
  static Result<PublicKey> from_ed25519(BytesView raw);
  // 57 raw bytes (RFC 8032).
  static Result<PublicKey> from_ed448(BytesView raw);
  // Affine coordinates, big-endian, each exactly 32, 48 or 66 bytes; the point must be on the
  // curve.
  static Result<PublicKey> from_ec(KeyKind curve, BytesView x, BytesView y);
  // x and the sign of y (SEC 1 section 2.3.4).
  static Result<PublicKey> from_ec_compressed(KeyKind curve, BytesView x, bool y_is_odd);
  // Modulus and exponent, big-endian without leading zeroes.
  static Result<PublicKey> from_rsa(BytesView n, BytesView e);

  [[nodiscard]] KeyKind kind() const;
  [[nodiscard]] Bytes spki() const;  // DER
  [[nodiscard]] std::string pem() const;
  // Ed25519/Ed448: the raw key. EC: x || y. RSA: empty.
  [[nodiscard]] Bytes raw() const;
  // RSA only: modulus and exponent, big-endian.
  [[nodiscard]] Bytes rsa_n() const;
  [[nodiscard]] Bytes rsa_e() const;

  // Checks a COSE-style signature (ECDSA as r||s) over the message. kUnsupported when the algorithm
  // does not fit the key, kBadSignature otherwise. Ed25519 goes through libsodium, which refuses
  // low-order and non-canonical points.
  [[nodiscard]] Result<void> verify(Algorithm algorithm, BytesView message,
                                    BytesView signature) const;

  friend bool operator==(const PublicKey& a, const PublicKey& b);

  struct Impl;
  explicit PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace witan
