#include "ledger/attestation/uvm_endorsement.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/cose.h"
#include "ledger/registration/did_x509.h"

namespace witan {
namespace {

tl::unexpected<Error> bad_uvm(std::string message, ErrorCode code = ErrorCode::kMalformed) {
  return fail(code, "UVM endorsement: " + std::move(message));
}

Result<std::string> read_uvm_text(const CoseHeaders& headers, std::string_view label) {
  const auto encoded = headers.find(label);
  if (!encoded) return bad_uvm("no \"" + std::string(label) + "\" in the protected header");
  WITAN_ASSIGN(CborReader reader, CborReader::make(*encoded));
  WITAN_TRY(reader.expect(CborType::kText, label));
  WITAN_ASSIGN(const std::string_view text, reader.read_text());
  return std::string(text);
}

Result<std::vector<Certificate>> read_uvm_chain(const CoseHeaders& headers) {
  const auto encoded = headers.find(cose::kX5chain);
  if (!encoded) return bad_uvm("no x5chain (33) in the protected header");
  WITAN_ASSIGN(CborReader reader, CborReader::make(*encoded));
  WITAN_TRY(reader.expect(CborType::kArray, "x5chain (33)"));
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count > limits::kCertificatesMax) {
    return bad_uvm("x5chain (33) of " + std::to_string(count) + " certificates, the limit is " +
                       std::to_string(limits::kCertificatesMax),
                   ErrorCode::kTooLarge);
  }
  std::vector<Certificate> out;
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_TRY(reader.expect(CborType::kBytes, "x5chain (33)"));
    WITAN_ASSIGN(const BytesView der, reader.read_bytes());
    WITAN_ASSIGN(Certificate certificate, Certificate::from_der(der));
    out.push_back(std::move(certificate));
  }
  return out;
}

// {"x-ms-sevsnpvm-launchmeasurement": 96 hexadecimal digits, "x-ms-sevsnpvm-guestsvn": "101"};
// other members are left alone.
Result<void> read_uvm_payload(BytesView payload, UvmEndorsement& out) {
  constexpr const char* kMeasurement = "x-ms-sevsnpvm-launchmeasurement";
  constexpr const char* kSvn = "x-ms-sevsnpvm-guestsvn";
  const auto json = nlohmann::json::parse(payload.begin(), payload.end(), nullptr, false);
  if (!json.is_object()) return bad_uvm("the payload is no JSON object");
  const auto text = [&](const char* name) -> Result<std::string> {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_string()) {
      return bad_uvm("expected a text \"" + std::string(name) + "\" in the payload");
    }
    return found->get<std::string>();
  };
  WITAN_ASSIGN(const std::string measurement, text(kMeasurement));
  WITAN_ASSIGN(const Bytes bytes, hex_decode(measurement));
  if (bytes.size() != out.launch_measurement.size()) {
    return bad_uvm("launch measurement of " + std::to_string(bytes.size()) + " bytes, expected 48");
  }
  std::copy(bytes.begin(), bytes.end(), out.launch_measurement.begin());
  WITAN_ASSIGN(const std::string svn, text(kSvn));
  WITAN_ASSIGN(out.svn, decimal_decode(svn));
  return {};
}

}  // namespace

Result<UvmEndorsement> verify_uvm_endorsement(BytesView cose_sign1,
                                              std::optional<std::int64_t> time_s) {
  auto parsed = CoseSign1::parse(cose_sign1, kUvmEndorsementBytesMax);
  if (!parsed) return fail(parsed.error().within("UVM endorsement"));
  const CoseHeaders& headers = parsed->protected_headers;
  if (!parsed->tagged) return bad_uvm("expected tag 18 (COSE_Sign1), found none");
  if (headers.find(cose::kCrit)) {
    return bad_uvm("crit (2): no critical header is understood here", ErrorCode::kUnsupported);
  }
  WITAN_ASSIGN(const Algorithm algorithm, parsed->algorithm());
  if (algorithm != Algorithm::kPs384) {
    return bad_uvm("algorithm " + std::string(to_string(algorithm)) + ", expected PS384",
                   ErrorCode::kUnsupported);
  }
  if (!parsed->payload) return bad_uvm("the payload is detached");
  UvmEndorsement out;
  WITAN_ASSIGN(out.issuer, read_uvm_text(headers, "iss"));
  WITAN_ASSIGN(out.feed, read_uvm_text(headers, "feed"));
  WITAN_ASSIGN(const std::vector<Certificate> chain, read_uvm_chain(headers));
  const auto document = resolve_did_x509(out.issuer, chain, time_s);
  if (!document) return fail(document.error().within("UVM endorsement"));
  if (!document->assertion) {
    return bad_uvm("the leaf's key usage does not allow signatures", ErrorCode::kBadIdentity);
  }
  auto verified = parsed->verify(document->key);
  if (!verified) return fail(verified.error().within("UVM endorsement"));
  WITAN_TRY(read_uvm_payload(*parsed->payload, out));
  return out;
}

}  // namespace witan
