// What a PCK certificate says of its platform.

#include <algorithm>
#include <optional>

#include "ledger/attestation/tdx_collateral.h"
#include "ledger/crypto/der.h"
#include "ledger/crypto/x509_extension.h"

namespace witan {
namespace {

const std::string kSgxExtension = "1.2.840.113741.1.13.1";
constexpr unsigned kPceSvnPart = 17;

tl::unexpected<Error> bad_extension(const std::string& what) {
  return fail(ErrorCode::kMalformed, "PCK certificate: " + what);
}

// The value beside an OID in a SEQUENCE of SEQUENCE {OID, value}; it must be there just once.
Result<DerElement> value_of(const std::vector<DerElement>& list, const std::string& oid) {
  std::optional<DerElement> out;
  for (const DerElement& element : list) {
    if (element.type != DerElement::Type::kSequence) continue;
    WITAN_ASSIGN(const std::vector<DerElement> pair, der_sequence(element.bytes));
    if (pair.size() != 2 || pair[0].object != oid) continue;
    if (out) return bad_extension(oid + " stands in it twice");
    out = pair[1];
  }
  if (!out) return bad_extension(oid + " is missing");
  return *std::move(out);
}

template <std::size_t kSize>
Result<void> read_octets(const std::vector<DerElement>& list, const std::string& oid,
                         std::array<std::uint8_t, kSize>& out) {
  WITAN_ASSIGN(const DerElement value, value_of(list, oid));
  if (value.type != DerElement::Type::kOctets || value.bytes.size() != kSize) {
    return bad_extension(oid + " is not an OCTET STRING of " + std::to_string(kSize) + " bytes");
  }
  std::copy(value.bytes.begin(), value.bytes.end(), out.begin());
  return {};
}

Result<std::uint64_t> read_svn(const std::vector<DerElement>& tcb, unsigned part) {
  const std::string oid = kSgxExtension + ".2." + std::to_string(part);
  WITAN_ASSIGN(const DerElement value, value_of(tcb, oid));
  if (value.type == DerElement::Type::kInteger) return value.integer;
  return bad_extension(oid + " is no INTEGER");
}

}  // namespace

Result<TdxPlatform> TdxPlatform::from_certificate(const Certificate& pck) {
  WITAN_ASSIGN(const std::optional<Bytes> content, certificate_extension(pck, kSgxExtension));
  if (!content) return bad_extension("no extension " + kSgxExtension);
  WITAN_ASSIGN(const std::vector<DerElement> list, der_sequence(*content));
  TdxPlatform out;
  WITAN_TRY(read_octets(list, kSgxExtension + ".4", out.fmspc));
  WITAN_TRY(read_octets(list, kSgxExtension + ".3", out.pce_id));
  WITAN_ASSIGN(const DerElement tcb_value, value_of(list, kSgxExtension + ".2"));
  WITAN_ASSIGN(const std::vector<DerElement> tcb, der_sequence(tcb_value.bytes));
  for (unsigned part = 0; part < out.component_svn.size(); ++part) {
    WITAN_ASSIGN(out.component_svn[part], read_svn(tcb, part + 1));
  }
  WITAN_ASSIGN(out.pce_svn, read_svn(tcb, kPceSvnPart));
  return out;
}

}  // namespace witan
