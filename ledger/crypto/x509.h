#pragma once
// X.509 certificates (RFC 5280), through OpenSSL: parsing with bounds, chain validation against
// given anchors, and the few fields of a leaf that identify an issuer. Revocation is not looked at:
// a log must be able to repeat its decisions from its own data.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/digest.h"
#include "ledger/crypto/public_key.h"

namespace witan {

// A subject alternative name. Directory names are kept by type only.
struct SubjectAltName {
  enum class Type { kEmail, kDns, kUri, kDirectoryName, kOther };
  Type type = Type::kOther;
  std::string value;  // empty for kDirectoryName and kOther
  friend bool operator==(const SubjectAltName&, const SubjectAltName&) = default;
};

// What a leaf's key may be used for; a certificate without the extension may be used for all.
struct KeyUsage {
  bool present = false;
  bool digital_signature = false;
  bool key_agreement = false;
};

// A parsed certificate. Immutable, cheap to copy, and may be used from any thread at once.
class Certificate {
 public:
  // Exactly one DER certificate of at most kCertificateBytesMax, version 3 or 1, with a key that
  // PublicKey accepts. kMalformed, kTooLarge, kUnsupported.
  static Result<Certificate> from_der(BytesView der);
  // One or more "-----BEGIN CERTIFICATE-----" blocks, at most kCertificatesMax. Text around them is
  // skipped. kMalformed when there is none.
  static Result<std::vector<Certificate>> from_pem(std::string_view pem);

  [[nodiscard]] BytesView der() const;
  [[nodiscard]] const PublicKey& public_key() const;
  [[nodiscard]] Bytes fingerprint(HashFunction hash) const;  // of the DER

  // The subject's attributes in order: (CN, L, ST, O, OU, C, STREET or a dotted OID; UTF-8 value).
  // kMalformed when a value is no text.
  [[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> subject() const;
  // All names of subjectAltName; empty without the extension. kMalformed when it cannot be read or
  // a name holds a NUL.
  [[nodiscard]] Result<std::vector<SubjectAltName>> subject_alt_names() const;
  // Dotted OIDs; nullopt without the extension.
  [[nodiscard]] std::optional<std::vector<std::string>> extended_key_usage() const;
  [[nodiscard]] KeyUsage key_usage() const;
  // The OIDC issuer that Fulcio put into 1.3.6.1.4.1.57264.1.8 (DER UTF8String) or, in older
  // certificates, 1.3.6.1.4.1.57264.1.1 (bare text). kMalformed.
  [[nodiscard]] Result<std::optional<std::string>> fulcio_issuer() const;

  friend bool operator==(const Certificate& a, const Certificate& b) {
    return equal(a.der(), b.der());
  }

  struct Impl;
  explicit Certificate(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

struct ChainOptions {
  // Seconds since 1970 at which every certificate must be valid; nullopt: not checked.
  std::optional<std::int64_t> time_s = std::nullopt;
  // The validated path must be the given chain itself, each certificate in it used, in order.
  bool exact = false;
};

// Validates the path from chain[0] to one of the anchors (RFC 5280 section 6), using the rest of
// the chain as intermediates. An anchor may be an intermediate, or the leaf itself. Signatures,
// CA flags and key usage of issuers, path lengths, name constraints and critical extensions are
// checked; purposes (EKU) are not; keys and digests must be of at least 112 bits of strength; no
// more than kCertificatesMax certificates. kBadIdentity with the reason.
[[nodiscard]] Result<void> verify_chain(std::span<const Certificate> chain,
                                        std::span<const Certificate> anchors,
                                        const ChainOptions& options);

}  // namespace witan
