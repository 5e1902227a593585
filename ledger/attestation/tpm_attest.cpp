#include "ledger/attestation/tpm_attest.h"

#include <array>
#include <utility>

#include "config/limits.h"
#include "ledger/attestation/field_reader.h"

namespace witan {
namespace {

constexpr std::uint32_t kTpmMagic = 0xff544347;
constexpr std::uint16_t kAttestNv = 0x8014, kAttestQuote = 0x8018;
constexpr std::uint16_t kTpmSha1 = 0x0004, kTpmSha256 = 0x000b, kTpmSha384 = 0x000c,
                        kTpmSha512 = 0x000d;
// TPMT_HA of the longest digest: what TPM2B_NAME and TPM2B_DATA may hold.
constexpr std::size_t kTaggedDigestMax = 66;
constexpr std::size_t kTpmDigestMax = 64;
// Handles of NV indexes begin with the byte TPM_HT_NV_INDEX.
constexpr std::uint32_t kNvHandleType = 0x01;
constexpr unsigned kNvTypeShift = 4;
constexpr std::uint32_t kNvTypeMask = 0xf;
constexpr std::uint32_t kNvWritten = std::uint32_t{1} << 29;

std::string hex16(std::uint16_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "0x";
  for (int shift = 12; shift >= 0; shift -= 4) {
    out += kDigits[static_cast<std::size_t>(number >> shift) & 0xf];
  }
  return out;
}

Result<bool> read_yes_no(FieldReader& reader, std::string_view field) {
  WITAN_ASSIGN(const std::uint8_t value, reader.read_u8(field));
  if (value > 1) {
    return reader.fault(ErrorCode::kMalformed,
                        std::string(field) + " is " + std::to_string(value) + ", expected 0 or 1");
  }
  return value == 1;
}

Result<TpmPcrSelection> read_selection(FieldReader& reader) {
  TpmPcrSelection out;
  WITAN_ASSIGN(out.algorithm, reader.read_u16("PCR bank"));
  if (out.algorithm != kTpmSha1) WITAN_TRY(tpm_hash(out.algorithm));
  WITAN_ASSIGN(const std::uint8_t size, reader.read_u8("size of the PCR selection"));
  if (size > limits::kTpmPcrSelectBytesMax) {
    return reader.fault(ErrorCode::kTooLarge, "PCR selection of " + std::to_string(size) +
                                                  " bytes, expected at most " +
                                                  std::to_string(limits::kTpmPcrSelectBytesMax));
  }
  WITAN_ASSIGN(const BytesView bits, reader.read_bytes(size, "PCR selection"));
  for (unsigned pcr = 0; pcr < 8 * bits.size(); ++pcr) {
    if ((bits[pcr / 8] >> (pcr % 8) & 1) != 0) out.pcrs.push_back(pcr);
  }
  return out;
}

Result<TpmQuoteBody> read_quote(FieldReader& reader) {
  WITAN_ASSIGN(const std::uint32_t banks, reader.read_u32("number of PCR selections"));
  if (banks > limits::kTpmPcrBanksMax) {
    return reader.fault(ErrorCode::kTooLarge, std::to_string(banks) +
                                                  " PCR selections, expected at most " +
                                                  std::to_string(limits::kTpmPcrBanksMax));
  }
  TpmQuoteBody out;
  for (std::uint32_t i = 0; i < banks; ++i) {
    WITAN_ASSIGN(TpmPcrSelection selection, read_selection(reader));
    out.selections.push_back(std::move(selection));
  }
  WITAN_ASSIGN(const BytesView digest, reader.read_sized16(kTpmDigestMax, "PCR digest"));
  out.pcr_digest = to_bytes(digest);
  return out;
}

Result<TpmNvBody> read_nv(FieldReader& reader) {
  TpmNvBody out;
  WITAN_ASSIGN(const BytesView name, reader.read_sized16(kTaggedDigestMax, "name of the index"));
  WITAN_ASSIGN(out.offset, reader.read_u16("offset"));
  WITAN_ASSIGN(const BytesView contents,
               reader.read_sized16(limits::kTpmNvBytesMax, "contents of the index"));
  out.index_name = to_bytes(name);
  out.contents = to_bytes(contents);
  return out;
}

Result<void> read_clock(FieldReader& reader, TpmAttest& out) {
  WITAN_ASSIGN(out.clock.clock_ms, reader.read_u64("clock"));
  WITAN_ASSIGN(out.clock.reset_count, reader.read_u32("reset count"));
  WITAN_ASSIGN(out.clock.restart_count, reader.read_u32("restart count"));
  WITAN_ASSIGN(out.clock.safe, read_yes_no(reader, "safe"));
  WITAN_ASSIGN(out.firmware_version, reader.read_u64("firmware version"));
  return {};
}

Result<void> check_size(std::string_view structure, std::size_t size, std::size_t max) {
  if (size <= max) return {};
  return fail(ErrorCode::kTooLarge, std::string(structure) + " of " + std::to_string(size) +
                                        " bytes, expected at most " + std::to_string(max));
}

// What TPM2B_NV_PUBLIC puts before a TPMS_NV_PUBLIC is its length, which is never the 0x01 of a
// handle's first byte: that would be a public area of more than 255 bytes.
Result<BytesView> nv_public_content(BytesView bytes) {
  if (bytes.empty() || bytes[0] == kNvHandleType) return bytes;
  FieldReader reader(bytes, ByteOrder::kBig, "TPM2B_NV_PUBLIC");
  WITAN_ASSIGN(const BytesView content,
               reader.read_sized16(limits::kTpmNvPublicBytesMax, "public area"));
  WITAN_TRY(reader.expect_end());
  return content;
}

Result<TpmNvType> nv_type(const FieldReader& reader, std::uint32_t attributes) {
  const std::uint32_t number = attributes >> kNvTypeShift & kNvTypeMask;
  constexpr std::array kTypes = {TpmNvType::kOrdinary, TpmNvType::kCounter, TpmNvType::kBits,
                                 TpmNvType::kExtend,   TpmNvType::kPinFail, TpmNvType::kPinPass};
  for (const TpmNvType type : kTypes) {
    if (static_cast<std::uint32_t>(type) == number) return type;
  }
  return reader.fault(ErrorCode::kUnsupported,
                      "type " + std::to_string(number) + " of the index is unknown");
}

}  // namespace

Result<HashFunction> tpm_hash(std::uint16_t algorithm) {
  switch (algorithm) {
    case kTpmSha256:
      return HashFunction::kSha256;
    case kTpmSha384:
      return HashFunction::kSha384;
    case kTpmSha512:
      return HashFunction::kSha512;
    default:
      return fail(ErrorCode::kUnsupported,
                  "TPM digest algorithm " + hex16(algorithm) +
                      ", expected 0x000b (SHA-256), 0x000c (SHA-384) or 0x000d (SHA-512)");
  }
}

Result<TpmAttest> TpmAttest::parse(BytesView bytes) {
  WITAN_TRY(check_size("TPMS_ATTEST", bytes.size(), limits::kTpmAttestBytesMax));
  FieldReader reader(bytes, ByteOrder::kBig, "TPMS_ATTEST");
  WITAN_ASSIGN(const std::uint32_t magic, reader.read_u32("magic"));
  if (magic != kTpmMagic) {
    return reader.fault(ErrorCode::kMalformed,
                        "it does not begin with the magic of what a TPM makes, ff544347");
  }
  WITAN_ASSIGN(const std::uint16_t type, reader.read_u16("type"));
  if (type != kAttestQuote && type != kAttestNv) {
    return reader.fault(ErrorCode::kUnsupported,
                        "type " + hex16(type) + ", expected 0x8018 (quote) or 0x8014 (NV index)");
  }
  TpmAttest out;
  WITAN_ASSIGN(const BytesView signer, reader.read_sized16(kTaggedDigestMax, "qualified signer"));
  WITAN_ASSIGN(const BytesView extra, reader.read_sized16(kTaggedDigestMax, "extra data"));
  out.qualified_signer = to_bytes(signer);
  out.extra_data = to_bytes(extra);
  WITAN_TRY(read_clock(reader, out));
  if (type == kAttestQuote) {
    WITAN_ASSIGN(out.body, read_quote(reader));
  } else {
    WITAN_ASSIGN(out.body, read_nv(reader));
  }
  WITAN_TRY(reader.expect_end());
  return out;
}

std::string_view to_string(TpmNvType type) {
  switch (type) {
    case TpmNvType::kOrdinary:
      return "ordinary";
    case TpmNvType::kCounter:
      return "counter";
    case TpmNvType::kBits:
      return "bits";
    case TpmNvType::kExtend:
      return "extend";
    case TpmNvType::kPinFail:
      return "pin-fail";
    case TpmNvType::kPinPass:
      return "pin-pass";
  }
  return "unknown";
}

Result<TpmNvPublic> TpmNvPublic::parse(BytesView bytes) {
  WITAN_TRY(check_size("TPMS_NV_PUBLIC", bytes.size(), limits::kTpmNvPublicBytesMax));
  WITAN_ASSIGN(const BytesView content, nv_public_content(bytes));
  FieldReader reader(content, ByteOrder::kBig, "TPMS_NV_PUBLIC");
  TpmNvPublic out;
  WITAN_ASSIGN(out.index, reader.read_u32("handle"));
  if (out.index >> 24 != kNvHandleType) {
    return reader.fault(ErrorCode::kMalformed, "the handle is not that of an NV index (0x01...)");
  }
  WITAN_ASSIGN(const std::uint16_t algorithm, reader.read_u16("algorithm of the name"));
  WITAN_ASSIGN(const HashFunction hash, tpm_hash(algorithm));
  WITAN_ASSIGN(out.attributes, reader.read_u32("attributes"));
  WITAN_ASSIGN(out.type, nv_type(reader, out.attributes));
  out.written = (out.attributes & kNvWritten) != 0;
  WITAN_ASSIGN(const BytesView policy, reader.read_sized16(kTpmDigestMax, "policy"));
  out.policy = to_bytes(policy);
  WITAN_ASSIGN(out.size, reader.read_u16("size of the index"));
  WITAN_TRY(reader.expect_end());
  out.name = {static_cast<std::uint8_t>(algorithm >> 8), static_cast<std::uint8_t>(algorithm)};
  append(out.name, digest(hash, content));
  return out;
}

}  // namespace witan
