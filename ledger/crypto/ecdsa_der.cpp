#include "ledger/crypto/ecdsa_der.h"

#include <memory>
#include <new>
#include <optional>
#include <string>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

namespace witan {
namespace {

struct FreeSignature {
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
using SignaturePtr = std::unique_ptr<ECDSA_SIG, FreeSignature>;

std::optional<std::size_t> number_bytes(KeyKind curve) {
  switch (curve) {
    case KeyKind::kP256:
      return 32;
    case KeyKind::kP384:
      return 48;
    case KeyKind::kP521:
      return 66;
    case KeyKind::kEd25519:
    case KeyKind::kEd448:
    case KeyKind::kRsa:
      break;
  }
  return std::nullopt;
}

Result<Bytes> encode(const ECDSA_SIG& signature) {
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(&signature, &der);
  if (size <= 0) return fail(ErrorCode::kMalformed, "ECDSA signature: cannot be encoded");
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

tl::unexpected<Error> no_curve(KeyKind kind) {
  return fail(ErrorCode::kUnsupported, "ECDSA signature: expected a key on an EC curve, found " +
                                           std::string(to_string(kind)));
}

}  // namespace

Result<Bytes> ecdsa_from_der(BytesView der, KeyKind curve) {
  const auto width = number_bytes(curve);
  if (!width) return no_curve(curve);
  // Two numbers of 66 bytes and their headers stay far below; bounds what OpenSSL is given.
  if (der.size() > 160) {
    return fail(ErrorCode::kMalformed,
                "ECDSA signature: " + std::to_string(der.size()) + " bytes are too many");
  }
  const unsigned char* position = der.data();
  const SignaturePtr signature(d2i_ECDSA_SIG(nullptr, &position, static_cast<long>(der.size())));
  if (signature == nullptr) {
    ERR_clear_error();
    return fail(ErrorCode::kMalformed, "ECDSA signature: not the DER of two numbers");
  }
  // d2i accepts some BER and leaves trailing bytes: only what DER would write again is taken.
  WITAN_ASSIGN(const Bytes again, encode(*signature));
  if (!equal(again, der)) {
    return fail(ErrorCode::kMalformed, "ECDSA signature: not canonical DER");
  }
  const BIGNUM* r = ECDSA_SIG_get0_r(signature.get());
  const BIGNUM* s = ECDSA_SIG_get0_s(signature.get());
  Bytes out(2 * *width);
  if (BN_is_negative(r) != 0 || BN_is_negative(s) != 0 ||
      BN_bn2binpad(r, out.data(), static_cast<int>(*width)) < 0 ||
      BN_bn2binpad(s, out.data() + *width, static_cast<int>(*width)) < 0) {
    return fail(ErrorCode::kMalformed, "ECDSA signature: a number does not fit the curve");
  }
  return out;
}

Result<Bytes> ecdsa_to_der(BytesView r_s, KeyKind curve) {
  const auto width = number_bytes(curve);
  if (!width) return no_curve(curve);
  if (r_s.size() != 2 * *width) {
    return fail(ErrorCode::kMalformed, "ECDSA signature: expected " + std::to_string(2 * *width) +
                                           " bytes, found " + std::to_string(r_s.size()));
  }
  const SignaturePtr signature(ECDSA_SIG_new());
  const int size = static_cast<int>(*width);
  BIGNUM* r = BN_bin2bn(r_s.data(), size, nullptr);
  BIGNUM* s = BN_bin2bn(r_s.data() + *width, size, nullptr);
  if (signature == nullptr || r == nullptr || s == nullptr ||
      ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    throw std::bad_alloc();
  }
  return encode(*signature);
}

}  // namespace witan
