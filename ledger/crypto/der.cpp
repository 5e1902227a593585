#include "ledger/crypto/der.h"

#include <algorithm>
#include <array>
#include <memory>

#include <openssl/asn1.h>
#include <openssl/objects.h>

#include "config/limits.h"
#include "ledger/crypto/detail/openssl.h"

namespace witan {
namespace {

struct FreeElements {
  void operator()(ASN1_SEQUENCE_ANY* elements) const {
    sk_ASN1_TYPE_pop_free(elements, ASN1_TYPE_free);
  }
};

Bytes content_of(const ASN1_STRING* text) {
  const unsigned char* begin = ASN1_STRING_get0_data(text);
  return {begin, begin + ASN1_STRING_length(text)};
}

DerElement element_of(const ASN1_TYPE* value) {
  DerElement out;
  switch (ASN1_TYPE_get(value)) {
    case V_ASN1_OBJECT: {
      std::array<char, 256> text{};
      const int size =
          OBJ_obj2txt(text.data(), static_cast<int>(text.size()), value->value.object, 1);
      out.type = DerElement::Type::kObject;
      // Longer than any real identifier: never equal to one that somebody asks for.
      if (size > 0 && static_cast<std::size_t>(size) < text.size()) out.object = text.data();
      break;
    }
    case V_ASN1_INTEGER:
      if (ASN1_INTEGER_get_uint64(&out.integer, value->value.integer) == 1) {
        out.type = DerElement::Type::kInteger;
      }
      break;
    case V_ASN1_OCTET_STRING:
      out.type = DerElement::Type::kOctets;
      out.bytes = content_of(value->value.octet_string);
      break;
    case V_ASN1_SEQUENCE:
      out.type = DerElement::Type::kSequence;
      out.bytes = content_of(value->value.sequence);
      break;
    default:
      break;
  }
  return out;
}

}  // namespace

Result<std::vector<DerElement>> der_sequence(BytesView der) {
  if (der.size() > limits::kCertificateBytesMax) {
    return fail(ErrorCode::kTooLarge, "DER of " + std::to_string(der.size()) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kCertificateBytesMax));
  }
  const unsigned char* cursor = der.data();
  const std::unique_ptr<ASN1_SEQUENCE_ANY, FreeElements> elements(
      der.empty() ? nullptr
                  : d2i_ASN1_SEQUENCE_ANY(nullptr, &cursor, static_cast<long>(der.size())));
  if (elements == nullptr || cursor != der.data() + der.size()) {
    detail::clear_errors();
    return fail(ErrorCode::kMalformed, "not exactly one DER SEQUENCE");
  }
  std::vector<DerElement> out;
  out.reserve(static_cast<std::size_t>(std::max(0, sk_ASN1_TYPE_num(elements.get()))));
  for (int i = 0; i < sk_ASN1_TYPE_num(elements.get()); ++i) {
    out.push_back(element_of(sk_ASN1_TYPE_value(elements.get(), i)));
  }
  detail::clear_errors();
  return out;
}

}  // namespace witan
