#include "ledger/crypto/x509_extension.h"

#include <memory>
#include <stdexcept>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "ledger/crypto/detail/openssl.h"

namespace witan {
namespace {

struct FreeExtensionParts {
  void operator()(ASN1_OBJECT* object) const { ASN1_OBJECT_free(object); }
  void operator()(ASN1_INTEGER* number) const { ASN1_INTEGER_free(number); }
};

// The certificate's bytes were accepted once, so this succeeds.
detail::X509Ptr parse_again(const Certificate& certificate) {
  const unsigned char* cursor = certificate.der().data();
  detail::X509Ptr x509(d2i_X509(nullptr, &cursor, static_cast<long>(certificate.der().size())));
  detail::require(x509 != nullptr, "certificate");
  return x509;
}

}  // namespace

Result<std::optional<Bytes>> certificate_extension(const Certificate& certificate,
                                                   const std::string& oid) {
  const std::unique_ptr<ASN1_OBJECT, FreeExtensionParts> object(OBJ_txt2obj(oid.c_str(), 1));
  if (!object) throw std::logic_error("not a dotted OID: " + oid);
  const detail::X509Ptr x509 = parse_again(certificate);
  const int at = X509_get_ext_by_OBJ(x509.get(), object.get(), -1);
  if (at < 0) return std::optional<Bytes>();
  if (X509_get_ext_by_OBJ(x509.get(), object.get(), at) >= 0) {
    return fail(ErrorCode::kMalformed, "certificate: the extension " + oid + " stands in it twice");
  }
  const ASN1_OCTET_STRING* data = X509_EXTENSION_get_data(X509_get_ext(x509.get(), at));
  return to_bytes(
      BytesView(ASN1_STRING_get0_data(data), static_cast<std::size_t>(ASN1_STRING_length(data))));
}

Result<std::optional<std::uint64_t>> certificate_extension_integer(const Certificate& certificate,
                                                                   const std::string& oid) {
  WITAN_ASSIGN(const std::optional<Bytes> content, certificate_extension(certificate, oid));
  if (!content) return std::optional<std::uint64_t>();
  const unsigned char* cursor = content->data();
  const std::unique_ptr<ASN1_INTEGER, FreeExtensionParts> number(
      d2i_ASN1_INTEGER(nullptr, &cursor, static_cast<long>(content->size())));
  std::uint64_t value = 0;
  const bool read = number && cursor == content->data() + content->size() &&
                    ASN1_INTEGER_get_uint64(&value, number.get()) == 1;
  ERR_clear_error();
  if (!read) {
    return fail(ErrorCode::kMalformed,
                "certificate: the extension " + oid + " is no INTEGER of 0 to 2^64 - 1");
  }
  return value;
}

bool signed_by_itself(const Certificate& certificate) {
  const detail::X509Ptr x509 = parse_again(certificate);
  const bool verified = X509_verify(x509.get(), X509_get0_pubkey(x509.get())) == 1;
  ERR_clear_error();
  return verified;
}

}  // namespace witan
