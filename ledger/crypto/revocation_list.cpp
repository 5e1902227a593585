#include "ledger/crypto/revocation_list.h"

#include <ctime>
#include <string>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "config/limits.h"
#include "ledger/crypto/detail/openssl.h"

namespace witan {

struct RevocationList::Impl {
  std::unique_ptr<X509_CRL, detail::Free<X509_CRL_free>> crl;
};

namespace {

tl::unexpected<Error> bad_list(ErrorCode code, const std::string& what) {
  return fail(code, "revocation list: " + what);
}

Result<RevocationList> list_from_der(BytesView der) {
  const unsigned char* cursor = der.data();
  auto impl = std::make_shared<RevocationList::Impl>();
  if (!der.empty()) {
    impl->crl.reset(d2i_X509_CRL(nullptr, &cursor, static_cast<long>(der.size())));
  }
  detail::clear_errors();
  if (!impl->crl || cursor != der.data() + der.size()) {
    return bad_list(ErrorCode::kMalformed, "not exactly one DER list");
  }
  return RevocationList(std::move(impl));
}

// OpenSSL's own object; the bytes were parsed before.
detail::X509Ptr openssl_certificate(const Certificate& certificate) {
  const unsigned char* cursor = certificate.der().data();
  detail::X509Ptr out(d2i_X509(nullptr, &cursor, static_cast<long>(certificate.der().size())));
  detail::require(out != nullptr, "certificate");
  return out;
}

}  // namespace

Result<RevocationList> RevocationList::parse(BytesView pem_or_der) {
  if (pem_or_der.size() > limits::kRevocationListBytesMax) {
    return bad_list(ErrorCode::kTooLarge, std::to_string(pem_or_der.size()) +
                                              " bytes, expected at most " +
                                              std::to_string(limits::kRevocationListBytesMax));
  }
  constexpr std::uint8_t kDerSequence = 0x30;
  if (pem_or_der.empty() || pem_or_der[0] == kDerSequence) return list_from_der(pem_or_der);
  WITAN_ASSIGN(const detail::PemBlock block, detail::read_pem(as_text(pem_or_der)));
  if (block.label != "X509 CRL") {
    return bad_list(ErrorCode::kMalformed,
                    "PEM block \"" + block.label.substr(0, 64) + "\", expected \"X509 CRL\"");
  }
  return list_from_der(block.view());
}

Result<void> RevocationList::verify(const Certificate& issuer, std::int64_t time_s) const {
  X509_CRL* crl = impl_->crl.get();
  const detail::X509Ptr x509 = openssl_certificate(issuer);
  if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(x509.get())) != 0) {
    return bad_list(ErrorCode::kBadIdentity, "another one's than that of the expected issuer");
  }
  if ((X509_get_key_usage(x509.get()) & KU_CRL_SIGN) == 0) {
    return bad_list(ErrorCode::kBadIdentity, "its issuer may not sign lists");
  }
  // One that speaks for others, or tells only what changed, says so in a critical extension.
  if (X509_CRL_get_ext_by_critical(crl, 1, -1) >= 0) {
    return bad_list(ErrorCode::kUnsupported, "critical extensions, expected none");
  }
  const bool verified = X509_CRL_verify(crl, X509_get0_pubkey(x509.get())) == 1;
  detail::clear_errors();
  if (!verified) {
    return bad_list(ErrorCode::kBadIdentity, "its signature does not verify under its issuer");
  }
  std::time_t time = static_cast<std::time_t>(time_s);
  const ASN1_TIME* next = X509_CRL_get0_nextUpdate(crl);
  if (next == nullptr || X509_cmp_time(X509_CRL_get0_lastUpdate(crl), &time) != -1 ||
      X509_cmp_time(next, &time) != 1) {
    detail::clear_errors();
    return bad_list(ErrorCode::kStale,
                    "it is not of the time " + std::to_string(time_s) + " (seconds since 1970)");
  }
  return {};
}

bool RevocationList::revokes(const Certificate& certificate) const {
  const detail::X509Ptr x509 = openssl_certificate(certificate);
  X509_REVOKED* entry = nullptr;
  return X509_CRL_get0_by_serial(impl_->crl.get(), &entry, X509_get0_serialNumber(x509.get())) != 0;
}

}  // namespace witan
