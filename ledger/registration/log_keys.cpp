#include "ledger/registration/log_keys.h"

#include <utility>

#include "ledger/format/cbor.h"

namespace witan {
namespace {

constexpr std::size_t kKeysMax = 64;
constexpr std::size_t kTextBytesMax = 1'024;

tl::unexpected<Error> bad_keys(std::string message) {
  return fail(ErrorCode::kMalformed, "log keys: " + std::move(message));
}

Result<std::string> read_text(CborReader& reader, std::string_view name) {
  if (reader.peek() != CborType::kText) {
    return bad_keys(std::string(name) + ": expected text, found " +
                    std::string(to_string(reader.peek())));
  }
  WITAN_ASSIGN(const std::string_view text, reader.read_text());
  if (text.empty()) return bad_keys(std::string(name) + ": it is empty");
  if (text.size() > kTextBytesMax) {
    return fail(ErrorCode::kTooLarge, "log keys: " + std::string(name) + ": " +
                                          std::to_string(text.size()) + " bytes, the limit is " +
                                          std::to_string(kTextBytesMax));
  }
  return std::string(text);
}

Result<void> read_member(CborReader& reader, std::string_view name, LogKeys& out) {
  if (name == "keys") {
    WITAN_ASSIGN(out.keys, cose_key_set_decode(reader.skip()));
    if (out.keys.empty()) return bad_keys("keys: expected at least one, found none");
    if (out.keys.size() > kKeysMax) {
      return fail(ErrorCode::kTooLarge, "log keys: " + std::to_string(out.keys.size()) +
                                            " keys, the limit is " + std::to_string(kKeysMax));
    }
  } else if (name == "vkey") {
    WITAN_ASSIGN(out.vkey, read_text(reader, name));
  } else if (name == "issuer") {
    WITAN_ASSIGN(out.issuer, read_text(reader, name));
  } else if (name == "origin") {
    WITAN_ASSIGN(out.origin, read_text(reader, name));
  } else {
    if (reader.peek() != CborType::kBytes) return bad_keys("evidence: expected a byte string");
    WITAN_ASSIGN(const BytesView evidence, reader.read_bytes());
    out.evidence = to_bytes(evidence);
  }
  return {};
}

constexpr std::string_view kNames[] = {"keys", "vkey", "issuer", "origin", "evidence"};

}  // namespace

Bytes encode_log_keys(const LogKeys& keys) {
  CborWriter out;
  out.map(5);
  out.text("keys").raw(cose_key_set_encode(keys.keys));
  out.text("vkey").text(keys.vkey);
  out.text("issuer").text(keys.issuer);
  out.text("origin").text(keys.origin);
  out.text("evidence").bytes(keys.evidence);
  return out.take();
}

Result<LogKeys> parse_log_keys(BytesView payload) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(payload, {.minimal = true}));
  if (reader.peek() != CborType::kMap) return bad_keys("expected a map");
  WITAN_ASSIGN(const std::size_t count, reader.read_map());
  if (count != std::size(kNames)) {
    return bad_keys("expected 5 members, found " + std::to_string(count));
  }
  LogKeys out;
  for (const std::string_view name : kNames) {
    if (reader.peek() != CborType::kText) return bad_keys("expected texts as names");
    WITAN_ASSIGN(const std::string_view found, reader.read_text());
    if (found != name) {
      return bad_keys("expected the member \"" + std::string(name) + "\" next");
    }
    WITAN_TRY(read_member(reader, name, out));
  }
  if (!equal(encode_log_keys(out), payload)) return bad_keys("its keys are not canonical");
  return out;
}

bool is_log_keys_statement(const Statement& statement) {
  return statement.content_type == kLogKeysContentType;
}

}  // namespace witan
