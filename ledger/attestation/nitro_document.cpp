#include "ledger/attestation/nitro_document.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "config/limits.h"
#include "ledger/format/cbor.h"

namespace witan {
namespace {

constexpr std::size_t kSha384Bytes = 48;
constexpr unsigned kPcrsMax = 32;
// The end of the year 9999, in milliseconds.
constexpr std::uint64_t kTimestampMax = 253'402'300'799'999;
// The limits of AWS's specification.
constexpr std::size_t kPublicKeyMax = 1'024, kUserDataMax = 512, kNonceMax = 512;
constexpr unsigned kMeasuredPcrs = 3;

tl::unexpected<Error> bad_document(ErrorCode code, const std::string& what) {
  return fail(code, "Nitro document: " + what);
}

// The fields before they are known to be all there.
struct NitroFields {
  std::optional<std::string> module_id, digest;
  std::optional<std::uint64_t> timestamp_ms;
  std::map<unsigned, Bytes> pcrs;
  std::optional<Bytes> certificate;
  std::vector<Bytes> cabundle;
  std::optional<Bytes> public_key, user_data, nonce;
};

Result<std::map<unsigned, Bytes>> read_pcrs(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t pairs, reader.read_map());
  if (pairs > kPcrsMax) {
    return bad_document(ErrorCode::kTooLarge, std::to_string(pairs) + " PCRs, expected at most 32");
  }
  std::map<unsigned, Bytes> out;
  for (std::size_t i = 0; i < pairs; ++i) {
    WITAN_ASSIGN(const std::uint64_t index, reader.read_unsigned());
    WITAN_ASSIGN(const BytesView value, reader.read_bytes());
    if (index >= kPcrsMax || value.size() != kSha384Bytes) {
      return bad_document(ErrorCode::kMalformed, "PCR " + std::to_string(index) + " of " +
                                                     std::to_string(value.size()) +
                                                     " bytes, expected 0 to 31 of 48");
    }
    out.emplace(static_cast<unsigned>(index), to_bytes(value));
  }
  reader.end_container();
  return out;
}

Result<std::vector<Bytes>> read_cabundle(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t elements, reader.read_array());
  // One place is the leaf's.
  if (elements == 0 || elements >= limits::kCertificatesMax) {
    return bad_document(elements == 0 ? ErrorCode::kMalformed : ErrorCode::kTooLarge,
                        "cabundle of " + std::to_string(elements) +
                            " certificates, expected 1 to " +
                            std::to_string(limits::kCertificatesMax - 1));
  }
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < elements; ++i) {
    WITAN_ASSIGN(const BytesView der, reader.read_bytes());
    out.push_back(to_bytes(der));
  }
  reader.end_container();
  return out;
}

Result<std::optional<Bytes>> read_optional(CborReader& reader, std::string_view name,
                                           std::size_t max) {
  if (reader.peek() == CborType::kNull) {
    WITAN_TRY(reader.read_null());
    return std::nullopt;
  }
  WITAN_ASSIGN(const BytesView bytes, reader.read_bytes());
  if (bytes.size() > max) {
    return bad_document(ErrorCode::kTooLarge,
                        std::string(name) + " of " + std::to_string(bytes.size()) +
                            " bytes, expected at most " + std::to_string(max));
  }
  return to_bytes(bytes);
}

Result<void> read_field(CborReader& reader, std::string_view key, NitroFields& out) {
  if (key == "module_id" || key == "digest") {
    WITAN_ASSIGN(const std::string_view text, reader.read_text());
    (key == "digest" ? out.digest : out.module_id) = std::string(text);
  } else if (key == "timestamp") {
    WITAN_ASSIGN(out.timestamp_ms, reader.read_unsigned());
  } else if (key == "pcrs") {
    WITAN_ASSIGN(out.pcrs, read_pcrs(reader));
  } else if (key == "certificate") {
    WITAN_ASSIGN(const BytesView der, reader.read_bytes());
    out.certificate = to_bytes(der);
  } else if (key == "cabundle") {
    WITAN_ASSIGN(out.cabundle, read_cabundle(reader));
  } else if (key == "public_key") {
    WITAN_ASSIGN(out.public_key, read_optional(reader, key, kPublicKeyMax));
  } else if (key == "user_data") {
    WITAN_ASSIGN(out.user_data, read_optional(reader, key, kUserDataMax));
  } else if (key == "nonce") {
    WITAN_ASSIGN(out.nonce, read_optional(reader, key, kNonceMax));
  } else {
    return bad_document(ErrorCode::kUnsupported,
                        "unknown field \"" + std::string(key.substr(0, 64)) + "\"");
  }
  return {};
}

Result<void> check_fields(const NitroFields& fields) {
  if (!fields.module_id || fields.module_id->empty() || !fields.digest || !fields.timestamp_ms ||
      !fields.certificate || fields.cabundle.empty()) {
    return bad_document(ErrorCode::kMalformed,
                        "expected module_id, digest, timestamp, pcrs, certificate and cabundle, "
                        "found some of them missing or empty");
  }
  if (*fields.digest != "SHA384") {
    return bad_document(ErrorCode::kUnsupported,
                        "digest \"" + fields.digest->substr(0, 64) + "\", expected SHA384");
  }
  if (*fields.timestamp_ms > kTimestampMax) {
    return bad_document(ErrorCode::kMalformed, "timestamp after the year 9999");
  }
  for (unsigned pcr = 0; pcr < kMeasuredPcrs; ++pcr) {
    if (fields.pcrs.count(pcr) == 0) {
      return bad_document(ErrorCode::kMalformed, "PCR " + std::to_string(pcr) + " is missing");
    }
  }
  return {};
}

}  // namespace

Result<NitroDocument> NitroDocument::parse(BytesView payload) {
  if (payload.size() > limits::kNitroDocumentBytesMax) {
    return bad_document(ErrorCode::kTooLarge, std::to_string(payload.size()) +
                                                  " bytes, expected at most " +
                                                  std::to_string(limits::kNitroDocumentBytesMax));
  }
  auto made = CborReader::make(payload, {.minimal = false, .indefinite = true});
  if (!made) return fail(made.error().within("Nitro document"));
  CborReader& reader = *made;
  WITAN_ASSIGN(const std::size_t pairs, reader.read_map());
  NitroFields fields;
  for (std::size_t i = 0; i < pairs; ++i) {
    WITAN_ASSIGN(const std::string_view key, reader.read_text());
    if (auto read = read_field(reader, key, fields); !read) {
      return fail(read.error().within("Nitro document: " + std::string(key.substr(0, 64))));
    }
  }
  WITAN_TRY(check_fields(fields));
  return NitroDocument{*std::move(fields.module_id), *fields.timestamp_ms,
                       std::move(fields.pcrs),       *std::move(fields.certificate),
                       std::move(fields.cabundle),   std::move(fields.public_key),
                       std::move(fields.user_data),  std::move(fields.nonce)};
}

bool NitroDocument::debug() const {
  // One of them alone is never zero either: a digest of what was loaded.
  return std::any_of(pcrs.begin(), pcrs.end(), [](const auto& pcr) {
    return pcr.first < kMeasuredPcrs &&
           std::all_of(pcr.second.begin(), pcr.second.end(), [](std::uint8_t b) { return b == 0; });
  });
}

}  // namespace witan
