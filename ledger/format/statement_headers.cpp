#include "ledger/format/statement_headers.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <variant>

#include "config/limits.h"

namespace witan::detail {
namespace {

constexpr std::uint64_t kTagEpochTime = 1;
constexpr std::uint64_t kCoapContentFormatMax = 65'535;

Result<CborReader> open(BytesView item, std::string_view name) {
  auto reader = CborReader::make(item);
  if (!reader) return fail(reader.error().within(name));
  return reader;
}

tl::unexpected<Error> wrong_type(std::string_view name, std::string_view expected, CborType found) {
  return fail(ErrorCode::kMalformed, std::string(name) + ": expected " + std::string(expected) +
                                         ", found " + std::string(to_string(found)));
}

// A claim that goes into logs, indexes and error messages: bounded, and free of control characters.
Result<std::string> read_claim(CborReader& reader, std::string_view name, std::size_t chars_max) {
  if (reader.peek() != CborType::kText) return wrong_type(name, "a text string", reader.peek());
  WITAN_ASSIGN(const std::string_view text, reader.read_text());
  if (text.empty()) return fail(ErrorCode::kMalformed, std::string(name) + ": it is empty");
  if (text.size() > chars_max) {
    return fail(ErrorCode::kTooLarge, std::string(name) + ": " + std::to_string(text.size()) +
                                          " bytes, the limit is " + std::to_string(chars_max));
  }
  const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  if (!printable) {
    return fail(ErrorCode::kMalformed, std::string(name) + ": it holds a control character");
  }
  return std::string(text);
}

// Text, or a CoAP content format as decimal number.
Result<std::string> read_media_type(BytesView item, std::string_view name) {
  WITAN_ASSIGN(CborReader reader, open(item, name));
  if (reader.peek() == CborType::kUnsigned) {
    WITAN_ASSIGN(const std::uint64_t number, reader.read_unsigned());
    if (number > kCoapContentFormatMax) {
      return fail(ErrorCode::kMalformed, std::string(name) + ": " + std::to_string(number) +
                                             " is no CoAP content format (at most 65535)");
    }
    return std::to_string(number);
  }
  constexpr std::size_t kMediaTypeCharsMax = 1'024;
  return read_claim(reader, name, kMediaTypeCharsMax);
}

Result<void> add_certificate(BytesView der, Statement& out) {
  if (der.empty()) return fail(ErrorCode::kMalformed, "x5chain (33): an empty certificate");
  if (der.size() > limits::kCertificateBytesMax) {
    return fail(ErrorCode::kTooLarge, "x5chain (33): a certificate of " +
                                          std::to_string(der.size()) + " bytes, the limit is " +
                                          std::to_string(limits::kCertificateBytesMax));
  }
  out.x5chain.push_back(der);
  return {};
}

Result<void> read_x5chain(BytesView item, Statement& out) {
  WITAN_ASSIGN(CborReader reader, open(item, "x5chain (33)"));
  if (reader.peek() == CborType::kBytes) {
    WITAN_ASSIGN(const BytesView der, reader.read_bytes());
    return add_certificate(der, out);
  }
  if (reader.peek() != CborType::kArray) {
    return wrong_type("x5chain (33)", "a byte string or an array", reader.peek());
  }
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count == 0) return fail(ErrorCode::kMalformed, "x5chain (33): the array is empty");
  if (count > limits::kCertificatesMax) {
    return fail(ErrorCode::kTooLarge, "x5chain (33): " + std::to_string(count) +
                                          " certificates, the limit is " +
                                          std::to_string(limits::kCertificatesMax));
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (reader.peek() != CborType::kBytes) {
      return wrong_type("x5chain (33)", "byte strings in the array", reader.peek());
    }
    WITAN_ASSIGN(const BytesView der, reader.read_bytes());
    WITAN_TRY(add_certificate(der, out));
  }
  return {};
}

Result<void> read_x5t(BytesView item, Statement& out) {
  WITAN_ASSIGN(CborReader reader, open(item, "x5t (34)"));
  if (reader.peek() != CborType::kArray) return wrong_type("x5t (34)", "an array", reader.peek());
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count != 2) {
    return fail(ErrorCode::kMalformed,
                "x5t (34): expected 2 elements, found " + std::to_string(count));
  }
  if (reader.peek() != CborType::kUnsigned && reader.peek() != CborType::kNegative) {
    return fail(ErrorCode::kUnsupported, "x5t (34): expected the hash's COSE number, found " +
                                             std::string(to_string(reader.peek())));
  }
  CertificateHash x5t;
  WITAN_ASSIGN(x5t.hash_algorithm, reader.read_integer());
  if (reader.peek() != CborType::kBytes) {
    return wrong_type("x5t (34)", "a byte string as hash", reader.peek());
  }
  WITAN_ASSIGN(x5t.hash, reader.read_bytes());
  const auto size = digest_size(x5t.hash_algorithm);
  if (!size) return fail(size.error().within("x5t (34)"));
  if (x5t.hash.size() != *size) {
    return fail(ErrorCode::kMalformed, "x5t (34): expected a hash of " + std::to_string(*size) +
                                           " bytes, found " + std::to_string(x5t.hash.size()));
  }
  out.x5t = x5t;
  return {};
}

Result<std::int64_t> read_time(CborReader& reader) {
  if (reader.peek() == CborType::kTag) {
    WITAN_ASSIGN(const std::uint64_t tag, reader.read_tag());
    if (tag != kTagEpochTime) {
      return fail(ErrorCode::kMalformed,
                  "CWT iat (6): expected no tag or tag 1, found tag " + std::to_string(tag));
    }
  }
  if (reader.peek() != CborType::kUnsigned && reader.peek() != CborType::kNegative) {
    return wrong_type("CWT iat (6)", "an integer", reader.peek());
  }
  return reader.read_integer();
}

}  // namespace

Result<void> read_claims(const CoseHeaders& headers, Statement& out) {
  const std::optional<BytesView> item = headers.find(cose::kCwtClaims);
  if (!item) return {};
  WITAN_ASSIGN(CborReader reader, open(*item, "CWT claims (15)"));
  if (reader.peek() != CborType::kMap) {
    return wrong_type("CWT claims (15)", "a map", reader.peek());
  }
  WITAN_ASSIGN(const std::size_t count, reader.read_map());
  for (std::size_t i = 0; i < count; ++i) {
    if (reader.peek() != CborType::kUnsigned) {
      // Private claims have text or negative names.
      reader.skip();
      reader.skip();
      continue;
    }
    WITAN_ASSIGN(const std::uint64_t claim, reader.read_unsigned());
    if (claim == cose::kCwtIss) {
      WITAN_ASSIGN(out.issuer, read_claim(reader, "CWT iss (1)", limits::kIssuerCharsMax));
    } else if (claim == cose::kCwtSub) {
      WITAN_ASSIGN(out.subject, read_claim(reader, "CWT sub (2)", limits::kSubjectCharsMax));
    } else if (claim == cose::kCwtIat) {
      WITAN_ASSIGN(out.issued_at_s, read_time(reader));
    } else {
      reader.skip();
    }
  }
  return {};
}

Result<void> read_content_type(const CoseHeaders& headers, Statement& out) {
  if (const auto item = headers.find(cose::kContentType)) {
    WITAN_ASSIGN(out.content_type, read_media_type(*item, "content type (3)"));
  }
  return {};
}

Result<void> read_identification(const CoseHeaders& headers, Statement& out) {
  WITAN_ASSIGN(out.kid, headers.bytes(cose::kKid));
  if (const auto chain = headers.find(cose::kX5chain)) WITAN_TRY(read_x5chain(*chain, out));
  if (const auto x5t = headers.find(cose::kX5t)) WITAN_TRY(read_x5t(*x5t, out));
  return {};
}

Result<void> read_hash_envelope(const CoseHeaders& headers, Statement& out) {
  WITAN_ASSIGN(const auto algorithm, headers.integer(cose::kPayloadHashAlg));
  const auto preimage = headers.find(cose::kPreimageContentType);
  WITAN_ASSIGN(const auto location, headers.text(cose::kPayloadLocation));
  if (!algorithm) {
    if (preimage || location) {
      return fail(ErrorCode::kMalformed,
                  "hash envelope: preimage content type (259) or location (260) without payload "
                  "hash algorithm (258)");
    }
    return {};
  }
  HashEnvelope envelope;
  envelope.hash_algorithm = *algorithm;
  if (preimage) {
    WITAN_ASSIGN(envelope.preimage_content_type,
                 read_media_type(*preimage, "preimage content type (259)"));
  }
  if (location) envelope.location = std::string(*location);
  out.hash_envelope = std::move(envelope);
  return {};
}

Result<void> read_crit(const CoseHeaders& headers, Statement& out) {
  const std::optional<BytesView> item = headers.find(cose::kCrit);
  if (!item) return {};
  WITAN_ASSIGN(CborReader reader, open(*item, "crit (2)"));
  if (reader.peek() != CborType::kArray) return wrong_type("crit (2)", "an array", reader.peek());
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count == 0) return fail(ErrorCode::kMalformed, "crit (2): the array is empty");
  static constexpr std::array kUnderstood{cose::kAlg,
                                          cose::kCrit,
                                          cose::kContentType,
                                          cose::kKid,
                                          cose::kX5t,
                                          cose::kX5chain,
                                          cose::kCwtClaims,
                                          cose::kPayloadHashAlg,
                                          cose::kPreimageContentType,
                                          cose::kPayloadLocation};
  for (std::size_t i = 0; i < count; ++i) {
    std::string label;
    bool present = false;
    bool understood = false;
    if (reader.peek() == CborType::kText) {
      WITAN_ASSIGN(const std::string_view text, reader.read_text());
      label = text;
      present = headers.find(text).has_value();
    } else if (reader.peek() == CborType::kUnsigned || reader.peek() == CborType::kNegative) {
      WITAN_ASSIGN(const std::int64_t number, reader.read_integer());
      label = std::to_string(number);
      present = headers.find(number).has_value();
      understood = std::find(kUnderstood.begin(), kUnderstood.end(), number) != kUnderstood.end();
    } else {
      return wrong_type("crit (2)", "integers and text strings", reader.peek());
    }
    if (!present) {
      return fail(ErrorCode::kMalformed,
                  "crit (2): label " + label + " is not in the protected header");
    }
    if (!understood) out.crit_not_understood.push_back(std::move(label));
  }
  return {};
}

}  // namespace witan::detail
