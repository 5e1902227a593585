#include "ledger/format/cose.h"

#include <algorithm>
#include <string>
#include <utility>

namespace witan {
namespace {

constexpr std::uint8_t kEncodedEmptyMap = 0xa0;

tl::unexpected<Error> bad_cose(const std::string& what) {
  return fail(ErrorCode::kMalformed, "COSE_Sign1: " + what);
}

std::string to_string(const CoseLabel& label) {
  if (const auto* number = std::get_if<std::int64_t>(&label)) return std::to_string(*number);
  return "\"" + std::get<std::string>(label).substr(0, 64) + "\"";
}

// What stands in `value`, for messages: it was validated as a part of the message.
Error wrong_type(std::int64_t label, BytesView value, std::string_view expected) {
  const auto reader = CborReader::make(value);
  const std::string_view type = reader ? to_string(reader->peek()) : "something else";
  return {ErrorCode::kMalformed, "COSE label " + std::to_string(label) + ": found " +
                                     std::string(type) + ", expected " + std::string(expected)};
}

// A header map at the reader, whose bytes were validated.
Result<CoseHeaders> read_headers(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t pairs, reader.read_map());
  CoseHeaders headers;
  headers.entries.reserve(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    if (reader.peek() == CborType::kText) {
      WITAN_ASSIGN(const std::string_view label, reader.read_text());
      headers.entries.push_back({std::string(label), reader.skip()});
    } else {
      WITAN_ASSIGN(const std::int64_t label, reader.read_integer());
      headers.entries.push_back({label, reader.skip()});
    }
  }
  return headers;
}

Result<CoseHeaders> read_protected(BytesView content) {
  if (content.empty()) return CoseHeaders{};
  auto headers = cose_headers_decode(content);
  if (!headers) return fail(headers.error().within("COSE_Sign1: protected header"));
  return headers;
}

// RFC 9052 section 3: a label occurs once in both maps together. (Within one map the CBOR reader
// has seen to it.)
Result<void> check_disjoint(const CoseHeaders& a, const CoseHeaders& b) {
  if (a.entries.empty() || b.entries.empty()) return {};
  std::vector<const CoseLabel*> labels;
  labels.reserve(a.entries.size());
  for (const CoseHeaderEntry& entry : a.entries) labels.push_back(&entry.label);
  const auto less = [](const CoseLabel* x, const CoseLabel* y) { return *x < *y; };
  std::sort(labels.begin(), labels.end(), less);
  for (const CoseHeaderEntry& entry : b.entries) {
    if (std::binary_search(labels.begin(), labels.end(), &entry.label, less)) {
      return bad_cose("label " + to_string(entry.label) +
                      " is in the protected and in the unprotected header");
    }
  }
  return {};
}

template <typename Read>
auto typed(const CoseHeaders& headers, std::int64_t label, std::string_view expected, Read read)
    -> Result<std::optional<typename decltype(read(std::declval<CborReader&>()))::value_type>> {
  using Value = typename decltype(read(std::declval<CborReader&>()))::value_type;
  const auto encoded = headers.find(label);
  if (!encoded) return std::optional<Value>();
  WITAN_ASSIGN(CborReader reader, CborReader::make(*encoded));
  auto value = read(reader);
  if (!value) return fail(wrong_type(label, *encoded, expected));
  return std::optional<Value>(*value);
}

// [protected bstr, unprotected map, payload bstr / nil, signature bstr] at the reader.
Result<void> read_parts(CborReader& reader, CoseSign1& out) {
  WITAN_ASSIGN(const std::size_t elements, reader.read_array());
  if (elements != 4) {
    return fail(ErrorCode::kMalformed,
                "found an array of " + std::to_string(elements) + " elements, expected 4");
  }
  WITAN_ASSIGN(out.protected_bytes, reader.read_bytes());
  const std::size_t map_begin = reader.offset();
  WITAN_ASSIGN(out.unprotected_headers, read_headers(reader));
  out.unprotected_bytes = BytesView(*out.bytes).subspan(map_begin, reader.offset() - map_begin);
  if (reader.peek() == CborType::kNull) {
    WITAN_TRY(reader.read_null());
  } else {
    WITAN_ASSIGN(out.payload, reader.read_bytes());
  }
  WITAN_ASSIGN(out.signature, reader.read_bytes());
  return {};
}

}  // namespace

std::optional<BytesView> CoseHeaders::find(std::int64_t label) const {
  for (const CoseHeaderEntry& entry : entries) {
    const auto* number = std::get_if<std::int64_t>(&entry.label);
    if (number != nullptr && *number == label) return entry.value;
  }
  return std::nullopt;
}

std::optional<BytesView> CoseHeaders::find(std::string_view label) const {
  for (const CoseHeaderEntry& entry : entries) {
    const auto* text_label = std::get_if<std::string>(&entry.label);
    if (text_label != nullptr && *text_label == label) return entry.value;
  }
  return std::nullopt;
}

Result<std::optional<std::int64_t>> CoseHeaders::integer(std::int64_t label) const {
  return typed(*this, label, "integer", [](CborReader& reader) { return reader.read_integer(); });
}

Result<std::optional<BytesView>> CoseHeaders::bytes(std::int64_t label) const {
  return typed(*this, label, "byte string", [](CborReader& reader) { return reader.read_bytes(); });
}

Result<std::optional<std::string_view>> CoseHeaders::text(std::int64_t label) const {
  return typed(*this, label, "text string", [](CborReader& reader) { return reader.read_text(); });
}

Result<CoseHeaders> cose_headers_decode(BytesView encoded_map) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(encoded_map));
  return read_headers(reader);
}

Result<CoseSign1> CoseSign1::parse(BytesView bytes, std::size_t max_bytes) {
  if (bytes.size() > max_bytes) {
    return fail(ErrorCode::kTooLarge, "COSE_Sign1 of " + std::to_string(bytes.size()) +
                                          " bytes, expected at most " + std::to_string(max_bytes));
  }
  CoseSign1 out;
  out.bytes = std::make_shared<const Bytes>(bytes.begin(), bytes.end());
  auto reader = CborReader::make(*out.bytes);
  if (!reader) return fail(reader.error().within("COSE_Sign1"));
  if (reader->peek() == CborType::kTag) {
    WITAN_ASSIGN(const std::uint64_t tag, reader->read_tag());
    if (tag != cose::kTagSign1) {
      return bad_cose("found tag " + std::to_string(tag) + ", expected 18 or none");
    }
    out.tagged = true;
  }
  if (auto parts = read_parts(*reader, out); !parts) {
    return fail(parts.error().within("COSE_Sign1"));
  }
  WITAN_ASSIGN(out.protected_headers, read_protected(out.protected_bytes));
  WITAN_TRY(check_disjoint(out.protected_headers, out.unprotected_headers));
  return out;
}

Result<Algorithm> CoseSign1::algorithm() const {
  const auto encoded = protected_headers.find(cose::kAlg);
  if (!encoded) return bad_cose("no algorithm (label 1) in the protected header");
  WITAN_ASSIGN(CborReader reader, CborReader::make(*encoded));
  if (reader.peek() == CborType::kText) {
    WITAN_ASSIGN(const std::string_view name, reader.read_text());
    return fail(ErrorCode::kUnsupported, "COSE_Sign1: algorithm (label 1) is the text \"" +
                                             std::string(name.substr(0, 64)) +
                                             "\", expected a number");
  }
  const auto number = reader.read_integer();
  if (!number) return fail(wrong_type(cose::kAlg, *encoded, "integer"));
  return algorithm_from_cose(*number);
}

Result<void> CoseSign1::verify(const PublicKey& key, std::optional<BytesView> detached_payload,
                               BytesView external) const {
  if (payload && detached_payload) {
    return bad_cose("a detached payload was given, but the message carries its own");
  }
  if (!payload && !detached_payload) {
    return bad_cose("the payload is detached (nil) and was not given");
  }
  WITAN_ASSIGN(const Algorithm signed_with, algorithm());
  const Bytes message =
      cose_to_be_signed(protected_bytes, payload ? *payload : *detached_payload, external);
  return key.verify(signed_with, message, signature);
}

Bytes cose_to_be_signed(BytesView protected_bytes, BytesView payload, BytesView external) {
  // RFC 9052 section 4.4: no protected attributes are signed as a zero-length string, also when
  // the message writes them as an empty map.
  const bool empty = protected_bytes.size() == 1 && protected_bytes[0] == kEncodedEmptyMap;
  CborWriter out;
  out.reserve(protected_bytes.size() + payload.size() + external.size() + 48);
  out.array(4).text("Signature1").bytes(empty ? BytesView{} : protected_bytes);
  out.bytes(external).bytes(payload);
  return out.take();
}

Bytes cose_sign1_encode(BytesView protected_bytes, BytesView encoded_unprotected_map,
                        std::optional<BytesView> payload, BytesView signature) {
  CborWriter out;
  out.reserve(protected_bytes.size() + encoded_unprotected_map.size() +
              (payload ? payload->size() : 0) + signature.size() + 48);
  out.tag(cose::kTagSign1).array(4).bytes(protected_bytes).raw(encoded_unprotected_map);
  if (payload) {
    out.bytes(*payload);
  } else {
    out.null();
  }
  out.bytes(signature);
  return out.take();
}

}  // namespace witan
