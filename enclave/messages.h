#pragma once
// What parent and enclave say to each other: one CBOR array a message.
// Format: docs/enclave-protocol.md, section "Messages". There is no message that carries a root or
// bytes to sign, and none that gives a key, resets or rewinds.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/result.h"
#include "config/walls.h"
#include "ledger/bytes.h"
#include "ledger/format/cbor.h"
#include "ledger/ports/signer.h"

namespace witan {

inline constexpr std::uint64_t kEnclaveProtocolVersion = 1;

// Makes the log's keys inside; answered with the state. Repeating it with the same names is safe.
struct InitRequest {
  std::string origin;
  std::string issuer;
  friend bool operator==(const InitRequest&, const InitRequest&) = default;
};
// Answered with the signed head.
struct AppendRequest {
  TreeSize prev;
  std::vector<Hash32> entries;
  std::uint64_t time_ms = 0;
  friend bool operator==(const AppendRequest&, const AppendRequest&) = default;
};
// Answered with the state and evidence over the nonce.
struct AttestRequest {
  Bytes nonce;
  friend bool operator==(const AttestRequest&, const AttestRequest&) = default;
};
using EnclaveRequest = std::variant<InitRequest, AppendRequest, AttestRequest>;

// Sent once, unasked, when the enclave has opened its state and takes requests.
struct Ready {
  WallStates walls;  // which stand around it
};
using EnclaveReply = std::variant<Ready, SignedHead, SignerState, Error>;

[[nodiscard]] Bytes encode_request(const EnclaveRequest& request);
[[nodiscard]] Bytes encode_reply(const EnclaveReply& reply);

// Accepts only what the encoders write. kMalformed; kUnsupported for another version or operation,
// naming it; kTooLarge for more than kAppendEntriesMax entries.
[[nodiscard]] Result<EnclaveRequest> decode_request(BytesView bytes);
[[nodiscard]] Result<EnclaveReply> decode_reply(BytesView bytes);

// A message opened: the elements after the word follow in the reader. As decode_request.
struct OpenedMessage {
  CborReader reader;
  std::size_t elements = 0;  // of the array, version and word included
  std::string_view word;
};
[[nodiscard]] Result<OpenedMessage> open_message(BytesView bytes);
// What follows the word of an error reply.
[[nodiscard]] Result<Error> read_error_reply(OpenedMessage& opened);

// A head as replies and the sealed state hold it.
void write_signed_head(CborWriter& writer, const SignedHead& head);
[[nodiscard]] Result<SignedHead> read_signed_head(CborReader& reader);

// Text from a peer made fit for one line of a message: printable ASCII, cut at 64 characters.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace witan
