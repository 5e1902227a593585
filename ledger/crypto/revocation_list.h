#pragma once
// Certificate revocation lists (RFC 5280 section 5), through OpenSSL.

#include <cstdint>
#include <memory>
#include <utility>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/x509.h"

namespace witan {

// A parsed list. Immutable, cheap to copy.
class RevocationList {
 public:
  // Exactly one DER list, or one PEM block "X509 CRL", of at most kRevocationListBytesMax.
  // kMalformed, kTooLarge.
  static Result<RevocationList> parse(BytesView pem_or_der);

  // Succeeds when `issuer` names itself as the list's issuer, may sign lists and has signed it, and
  // `time_s` (seconds since 1970) lies within its period. The caller has verified the issuer.
  // kBadIdentity; kStale outside of the period;
  // kUnsupported for critical extensions (indirect and delta lists).
  [[nodiscard]] Result<void> verify(const Certificate& issuer, std::int64_t time_s) const;
  // Whether the list names the certificate's serial number. Only for a certificate that the list's
  // issuer has issued.
  [[nodiscard]] bool revokes(const Certificate& certificate) const;

  struct Impl;
  explicit RevocationList(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace witan
