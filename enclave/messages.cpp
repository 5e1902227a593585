#include "enclave/messages.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "config/limits.h"
#include "ledger/attestation/evidence.h"
#include "ledger/attestation/walls.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::size_t kErrorCharsMax = 4'096;
constexpr std::array kErrorCodes{
    ErrorCode::kMalformed,    ErrorCode::kTooLarge,    ErrorCode::kUnsupported,
    ErrorCode::kBadSignature, ErrorCode::kBadIdentity, ErrorCode::kRefused,
    ErrorCode::kBadProof,     ErrorCode::kNotFound,    ErrorCode::kConflict,
    ErrorCode::kStale,        ErrorCode::kOverloaded,  ErrorCode::kUnavailable,
    ErrorCode::kTimeout,      ErrorCode::kIo,          ErrorCode::kUsage};

Result<void> expect_array(CborReader& reader, std::string_view what, std::size_t expected) {
  WITAN_ASSIGN(const std::size_t found, reader.read_array());
  if (found != expected) {
    return fail(ErrorCode::kMalformed, std::string(what) + ": an array of " +
                                           std::to_string(found) + " elements, expected " +
                                           std::to_string(expected));
  }
  return {};
}

Result<void> expect_elements(std::string_view what, std::size_t found, std::size_t expected) {
  if (found != expected) {
    return fail(ErrorCode::kMalformed, std::string(what) + ": a message of " +
                                           std::to_string(found) + " elements, expected " +
                                           std::to_string(expected));
  }
  return {};
}

template <std::size_t N>
Result<std::array<std::uint8_t, N>> read_fixed(CborReader& reader, std::string_view what) {
  WITAN_ASSIGN(const BytesView bytes, reader.read_bytes());
  if (bytes.size() != N) {
    return fail(ErrorCode::kMalformed, std::string(what) + " of " + std::to_string(bytes.size()) +
                                           " bytes, expected " + std::to_string(N));
  }
  std::array<std::uint8_t, N> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Result<EnclaveRequest> read_append(OpenedMessage& message) {
  WITAN_TRY(expect_elements("append", message.elements, 5));
  AppendRequest request;
  WITAN_ASSIGN(request.prev.value, message.reader.read_unsigned());
  WITAN_ASSIGN(const BytesView entries, message.reader.read_bytes());
  if (entries.size() % sizeof(Hash32) != 0) {
    return fail(ErrorCode::kMalformed, "append: entries of " + std::to_string(entries.size()) +
                                           " bytes, expected a multiple of 32");
  }
  if (entries.size() / sizeof(Hash32) > limits::kAppendEntriesMax) {
    return fail(ErrorCode::kTooLarge, "append: " + std::to_string(entries.size() / sizeof(Hash32)) +
                                          " entries, expected at most " +
                                          std::to_string(limits::kAppendEntriesMax));
  }
  request.entries.resize(entries.size() / sizeof(Hash32));
  if (!entries.empty()) std::memcpy(request.entries.data(), entries.data(), entries.size());
  WITAN_ASSIGN(request.time_ms, message.reader.read_unsigned());
  return EnclaveRequest{std::move(request)};
}

void write_state(CborWriter& writer, const SignerState& state) {
  writer.array(7).text(state.origin).text(state.issuer);
  writer.bytes(state.note_key).bytes(state.cose_key).unsigned_integer(state.size.value);
  if (state.last) {
    write_signed_head(writer, *state.last);
  } else {
    writer.null();
  }
  writer.bytes(state.evidence);
}

Result<SignerState> read_state(CborReader& reader) {
  WITAN_TRY(expect_array(reader, "state", 7));
  SignerState state;
  WITAN_ASSIGN(state.origin, reader.read_text());
  WITAN_ASSIGN(state.issuer, reader.read_text());
  WITAN_ASSIGN(const auto note_key, read_fixed<32>(reader, "state: note key"));
  state.note_key = to_bytes(note_key);
  WITAN_ASSIGN(const auto cose_key, read_fixed<64>(reader, "state: COSE key"));
  state.cose_key = to_bytes(cose_key);
  WITAN_ASSIGN(state.size.value, reader.read_unsigned());
  if (reader.peek() == CborType::kNull) {
    WITAN_TRY(reader.read_null());
  } else {
    WITAN_ASSIGN(state.last, read_signed_head(reader));
  }
  WITAN_ASSIGN(const BytesView evidence, reader.read_bytes());
  state.evidence = to_bytes(evidence);
  return state;
}

struct RequestEncoder {
  CborWriter& writer;
  void operator()(const InitRequest& request) const {
    writer.array(4).unsigned_integer(kEnclaveProtocolVersion).text("init");
    writer.text(request.origin).text(request.issuer);
  }
  void operator()(const AppendRequest& request) const {
    writer.array(5).unsigned_integer(kEnclaveProtocolVersion).text("append");
    writer.unsigned_integer(request.prev.value);
    writer.bytes({reinterpret_cast<const std::uint8_t*>(request.entries.data()),
                  request.entries.size() * sizeof(Hash32)});
    writer.unsigned_integer(request.time_ms);
  }
  void operator()(const AttestRequest& request) const {
    writer.array(3).unsigned_integer(kEnclaveProtocolVersion).text("attest");
    writer.bytes(request.nonce);
  }
};

struct ReplyEncoder {
  CborWriter& writer;
  void operator()(const Ready& ready) const {
    writer.array(3).unsigned_integer(kEnclaveProtocolVersion).text("ready");
    write_walls(writer, ready.walls);
  }
  void operator()(const SignedHead& head) const {
    writer.array(3).unsigned_integer(kEnclaveProtocolVersion).text("head");
    write_signed_head(writer, head);
  }
  void operator()(const SignerState& state) const {
    writer.array(3).unsigned_integer(kEnclaveProtocolVersion).text("state");
    write_state(writer, state);
  }
  void operator()(const Error& error) const {
    writer.array(4).unsigned_integer(kEnclaveProtocolVersion).text("error");
    const bool usable = error.message.size() <= kErrorCharsMax && is_utf8(as_bytes(error.message));
    writer.text(to_string(error.code)).text(usable ? error.message : printable(error.message));
  }
};

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::size_t kCharsMax = 64;
  std::string out;
  for (const char c : text.substr(0, kCharsMax)) out += (c >= ' ' && c <= '~') ? c : '?';
  if (text.size() > kCharsMax) out += "...";
  return out;
}

Result<OpenedMessage> open_message(BytesView bytes) {
  if (bytes.size() > limits::kEnclaveMessageBytesMax) {
    return fail(ErrorCode::kTooLarge, "message of " + std::to_string(bytes.size()) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kEnclaveMessageBytesMax));
  }
  WITAN_ASSIGN(CborReader reader, CborReader::make(bytes, {.minimal = true, .indefinite = false}));
  WITAN_ASSIGN(const std::size_t elements, reader.read_array());
  if (elements < 2) {
    return fail(ErrorCode::kMalformed, "message of " + std::to_string(elements) +
                                           " elements, expected version and operation first");
  }
  WITAN_ASSIGN(const std::uint64_t version, reader.read_unsigned());
  if (version != kEnclaveProtocolVersion) {
    return fail(ErrorCode::kUnsupported,
                "protocol version " + std::to_string(version) + ", expected 1");
  }
  WITAN_ASSIGN(const std::string_view word, reader.read_text());
  return OpenedMessage{reader, elements, word};
}

Result<Error> read_error_reply(OpenedMessage& opened) {
  WITAN_TRY(expect_elements("error", opened.elements, 4));
  CborReader& reader = opened.reader;
  WITAN_ASSIGN(const std::string_view name, reader.read_text());
  const auto* const code =
      std::find_if(kErrorCodes.begin(), kErrorCodes.end(),
                   [name](ErrorCode candidate) { return to_string(candidate) == name; });
  if (code == kErrorCodes.end()) {
    return fail(ErrorCode::kMalformed, "error reply with unknown code \"" + printable(name) + "\"");
  }
  WITAN_ASSIGN(const std::string_view message, reader.read_text());
  if (message.size() > kErrorCharsMax) {
    return fail(ErrorCode::kTooLarge, "error reply of " + std::to_string(message.size()) +
                                          " bytes, expected at most 4096");
  }
  return Error{*code, std::string(message)};
}

void write_signed_head(CborWriter& writer, const SignedHead& head) {
  writer.array(6).unsigned_integer(head.head.size.value).bytes(head.head.root);
  writer.unsigned_integer(head.head.time_ms).bytes(head.note_signature);
  writer.bytes(head.cose_protected).bytes(head.cose_signature);
}

Result<SignedHead> read_signed_head(CborReader& reader) {
  WITAN_TRY(expect_array(reader, "head", 6));
  SignedHead head;
  WITAN_ASSIGN(head.head.size.value, reader.read_unsigned());
  WITAN_ASSIGN(head.head.root, read_fixed<32>(reader, "head: root"));
  WITAN_ASSIGN(head.head.time_ms, reader.read_unsigned());
  WITAN_ASSIGN(head.note_signature, read_fixed<64>(reader, "head: note signature"));
  WITAN_ASSIGN(const BytesView cose_protected, reader.read_bytes());
  head.cose_protected = to_bytes(cose_protected);
  WITAN_ASSIGN(head.cose_signature, read_fixed<64>(reader, "head: COSE signature"));
  return head;
}

Bytes encode_request(const EnclaveRequest& request) {
  CborWriter writer;
  std::visit(RequestEncoder{writer}, request);
  return writer.take();
}

Bytes encode_reply(const EnclaveReply& reply) {
  CborWriter writer;
  std::visit(ReplyEncoder{writer}, reply);
  return writer.take();
}

Result<EnclaveRequest> decode_request(BytesView bytes) {
  WITAN_ASSIGN(OpenedMessage message, open_message(bytes));
  if (message.word == "append") return read_append(message);
  if (message.word == "attest") {
    WITAN_TRY(expect_elements("attest", message.elements, 3));
    WITAN_ASSIGN(const BytesView nonce, message.reader.read_bytes());
    if (nonce.size() > kEvidenceNonceBytesMax) {
      return fail(ErrorCode::kTooLarge, "attest: nonce of " + std::to_string(nonce.size()) +
                                            " bytes, expected at most 64");
    }
    return EnclaveRequest{AttestRequest{to_bytes(nonce)}};
  }
  if (message.word == "init") {
    WITAN_TRY(expect_elements("init", message.elements, 4));
    InitRequest request;
    WITAN_ASSIGN(request.origin, message.reader.read_text());
    WITAN_ASSIGN(request.issuer, message.reader.read_text());
    return EnclaveRequest{std::move(request)};
  }
  return fail(ErrorCode::kUnsupported,
              "operation \"" + printable(message.word) + "\", expected init, append or attest");
}

Result<EnclaveReply> decode_reply(BytesView bytes) {
  WITAN_ASSIGN(OpenedMessage message, open_message(bytes));
  if (message.word == "ready") {
    WITAN_TRY(expect_elements("ready", message.elements, 3));
    Ready ready;
    WITAN_ASSIGN(ready.walls, read_walls(message.reader));
    return EnclaveReply{std::move(ready)};
  }
  if (message.word == "head") {
    WITAN_TRY(expect_elements("head", message.elements, 3));
    WITAN_ASSIGN(SignedHead head, read_signed_head(message.reader));
    return EnclaveReply{std::move(head)};
  }
  if (message.word == "state") {
    WITAN_TRY(expect_elements("state", message.elements, 3));
    WITAN_ASSIGN(SignerState state, read_state(message.reader));
    return EnclaveReply{std::move(state)};
  }
  if (message.word == "error") {
    WITAN_ASSIGN(Error error, read_error_reply(message));
    return EnclaveReply{std::move(error)};
  }
  return fail(ErrorCode::kUnsupported,
              "reply \"" + printable(message.word) + "\", expected ready, head, state or error");
}

}  // namespace witan
