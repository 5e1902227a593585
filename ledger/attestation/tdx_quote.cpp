#include "ledger/attestation/tdx_quote.h"

#include <algorithm>
#include <utility>

#include "config/limits.h"
#include "ledger/attestation/field_reader.h"

namespace witan {
namespace {

constexpr std::uint16_t kVersion4 = 4, kVersion5 = 5;
constexpr std::uint16_t kKeyP256 = 2;
constexpr std::uint32_t kTeeTdx = 0x81;
constexpr std::uint16_t kBodyTd10 = 2, kBodyTd15 = 3;
constexpr std::size_t kTd10Bytes = 584, kTd15Bytes = 648;
constexpr std::uint16_t kCertificationQeReport = 6, kCertificationPckChain = 5;
constexpr std::size_t kQeReportBytes = 384;

template <std::size_t kSize>
Result<void> read_into(FieldReader& reader, std::array<std::uint8_t, kSize>& out,
                       std::string_view field) {
  WITAN_ASSIGN(const BytesView bytes, reader.read_bytes(kSize, field));
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return {};
}

Result<void> expect_number(const FieldReader& reader, std::uint64_t found, std::uint64_t expected,
                           std::string_view field) {
  if (found == expected) return {};
  return reader.fault(ErrorCode::kUnsupported, std::string(field) + " " + std::to_string(found) +
                                                   ", expected " + std::to_string(expected));
}

Result<void> read_header(FieldReader& reader, TdxQuote& out) {
  WITAN_ASSIGN(out.version, reader.read_u16("version"));
  if (out.version != kVersion4 && out.version != kVersion5) {
    return reader.fault(ErrorCode::kUnsupported,
                        "version " + std::to_string(out.version) + ", expected 4 or 5");
  }
  WITAN_ASSIGN(const std::uint16_t key, reader.read_u16("type of the attestation key"));
  WITAN_TRY(expect_number(reader, key, kKeyP256, "type of the attestation key"));
  WITAN_ASSIGN(const std::uint32_t tee, reader.read_u32("kind of environment"));
  WITAN_TRY(expect_number(reader, tee, kTeeTdx, "kind of environment"));
  WITAN_TRY(reader.read_u32("QE and PCE versions"));
  WITAN_TRY(read_into(reader, out.qe_vendor_id, "QE vendor"));
  WITAN_TRY(reader.read_bytes(20, "user data"));
  return {};
}

Result<void> read_td_report(FieldReader& reader, bool with_15, TdxReport& out) {
  WITAN_TRY(read_into(reader, out.tee_tcb_svn, "TEE_TCB_SVN"));
  WITAN_TRY(read_into(reader, out.mr_seam, "MRSEAM"));
  WITAN_TRY(read_into(reader, out.mr_signer_seam, "MRSIGNERSEAM"));
  WITAN_TRY(read_into(reader, out.seam_attributes, "SEAMATTRIBUTES"));
  WITAN_TRY(read_into(reader, out.td_attributes, "TDATTRIBUTES"));
  WITAN_TRY(read_into(reader, out.xfam, "XFAM"));
  WITAN_TRY(read_into(reader, out.mr_td, "MRTD"));
  WITAN_TRY(read_into(reader, out.mr_config_id, "MRCONFIGID"));
  WITAN_TRY(read_into(reader, out.mr_owner, "MROWNER"));
  WITAN_TRY(read_into(reader, out.mr_owner_config, "MROWNERCONFIG"));
  for (Measurement48& rtmr : out.rtmr) WITAN_TRY(read_into(reader, rtmr, "RTMR"));
  WITAN_TRY(read_into(reader, out.report_data, "REPORTDATA"));
  if (!with_15) return {};
  WITAN_TRY(read_into(reader, out.tee_tcb_svn2.emplace(), "TEE_TCB_SVN2"));
  return read_into(reader, out.mr_service_td.emplace(), "MRSERVICETD");
}

Result<void> read_body(FieldReader& reader, TdxQuote& out) {
  if (out.version == kVersion4) return read_td_report(reader, false, out.report);
  WITAN_ASSIGN(const std::uint16_t type, reader.read_u16("type of the body"));
  if (type != kBodyTd10 && type != kBodyTd15) {
    return reader.fault(ErrorCode::kUnsupported,
                        "body of type " + std::to_string(type) + ", expected 2 or 3");
  }
  WITAN_ASSIGN(const std::uint32_t size, reader.read_u32("size of the body"));
  WITAN_TRY(
      expect_number(reader, size, type == kBodyTd10 ? kTd10Bytes : kTd15Bytes, "body's size"));
  return read_td_report(reader, type == kBodyTd15, out.report);
}

// Type and length before certification data.
Result<BytesView> read_certification(FieldReader& reader, std::uint16_t expected) {
  WITAN_ASSIGN(const std::uint16_t type, reader.read_u16("type of certification data"));
  WITAN_TRY(expect_number(reader, type, expected, "type of certification data"));
  return reader.read_sized32(limits::kTdxQuoteBytesMax, "certification data");
}

Result<void> read_qe_report(BytesView bytes, TdxQeReport& out) {
  FieldReader reader(bytes, ByteOrder::kLittle, "TDX quote: QE report");
  WITAN_TRY(read_into(reader, out.cpu_svn, "CPUSVN"));
  WITAN_TRY(read_into(reader, out.misc_select, "MISCSELECT"));
  WITAN_TRY(reader.read_bytes(28, "reserved"));
  WITAN_TRY(read_into(reader, out.attributes, "ATTRIBUTES"));
  WITAN_TRY(read_into(reader, out.mr_enclave, "MRENCLAVE"));
  WITAN_TRY(reader.read_bytes(32, "reserved"));
  WITAN_TRY(read_into(reader, out.mr_signer, "MRSIGNER"));
  WITAN_TRY(reader.read_bytes(96, "reserved"));
  WITAN_ASSIGN(out.isv_prod_id, reader.read_u16("ISVPRODID"));
  WITAN_ASSIGN(out.isv_svn, reader.read_u16("ISVSVN"));
  WITAN_TRY(reader.read_bytes(60, "reserved"));
  WITAN_TRY(read_into(reader, out.report_data, "REPORTDATA"));
  return reader.expect_end();
}

// The QE's report, its signature, and the certificates of the key that made that.
Result<void> read_qe_certification(BytesView bytes, TdxQuote& out) {
  FieldReader reader(bytes, ByteOrder::kLittle, "TDX quote: QE certification data");
  WITAN_ASSIGN(const BytesView report, reader.read_bytes(kQeReportBytes, "QE report"));
  WITAN_TRY(read_qe_report(report, out.qe_report));
  out.qe_report_bytes = to_bytes(report);
  WITAN_TRY(read_into(reader, out.qe_report_signature, "signature of the QE report"));
  WITAN_ASSIGN(const BytesView auth,
               reader.read_sized16(limits::kTdxAuthDataBytesMax, "authentication data"));
  out.auth_data = to_bytes(auth);
  WITAN_ASSIGN(const BytesView chain, read_certification(reader, kCertificationPckChain));
  out.pck_chain = as_text(chain);
  return reader.expect_end();
}

Result<void> read_signature_data(BytesView bytes, TdxQuote& out) {
  FieldReader reader(bytes, ByteOrder::kLittle, "TDX quote: signature data");
  WITAN_TRY(read_into(reader, out.signature, "signature"));
  WITAN_TRY(read_into(reader, out.attestation_key, "attestation key"));
  WITAN_ASSIGN(const BytesView certification, read_certification(reader, kCertificationQeReport));
  WITAN_TRY(read_qe_certification(certification, out));
  return reader.expect_end();
}

}  // namespace

Result<TdxQuote> TdxQuote::parse(BytesView bytes) {
  if (bytes.size() > limits::kTdxQuoteBytesMax) {
    return fail(ErrorCode::kTooLarge, "TDX quote of " + std::to_string(bytes.size()) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kTdxQuoteBytesMax));
  }
  FieldReader reader(bytes, ByteOrder::kLittle, "TDX quote");
  TdxQuote out;
  WITAN_TRY(read_header(reader, out));
  WITAN_TRY(read_body(reader, out));
  out.signed_bytes = to_bytes(bytes.first(reader.offset()));
  WITAN_ASSIGN(const BytesView signature_data,
               reader.read_sized32(limits::kTdxQuoteBytesMax, "signature data"));
  WITAN_TRY(read_signature_data(signature_data, out));
  out.trailing_bytes = reader.left();
  return out;
}

}  // namespace witan
