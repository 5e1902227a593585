#pragma once
// The cosigner's messages, besides those of messages.h and in the same framing.
// Format: docs/enclave-protocol.md, section "Cosigner's messages". No message gives a key,
// carries bytes to sign that are not a checkpoint with its log's signature and its proof, or moves
// a mark to what this key has not signed.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/ports/random.h"
#include "witness/cosigner.h"
#include "witness/cosigning.h"

namespace witan {

// Makes the cosigner's keys inside, Ed25519 and, if asked for, ML-DSA-44; answered with the state.
// Repeating it is safe.
struct CosignerInitRequest {
  std::string name;
  bool ml_dsa = false;
  friend bool operator==(const CosignerInitRequest&, const CosignerInitRequest&) = default;
};
struct CosignerStateRequest {
  friend bool operator==(const CosignerStateRequest&, const CosignerStateRequest&) = default;
};
// Answered with one result for each request. The number is another one for each batch: only a batch
// that is sent once more, because its answer was lost, has the same. Without it, requests that
// strangers repeat within a second would look like that.
struct CosignBatchRequest {
  std::uint64_t time_s = 0;
  std::uint64_t number = 0;
  std::vector<CosignRequest> requests;
  friend bool operator==(const CosignBatchRequest&, const CosignBatchRequest&) = default;
};
// Answered with the origin's mark, or none.
struct MarkRequest {
  std::string origin;
  friend bool operator==(const MarkRequest&, const MarkRequest&) = default;
};
// From now on no origin is cosigned until it is released. Answered with the state.
struct HoldRequest {
  friend bool operator==(const HoldRequest&, const HoldRequest&) = default;
};
// Releases these origins as they stand, or all for good when there are none. Answered with the
// state.
struct ReleaseRequest {
  std::vector<std::string> origins;
  friend bool operator==(const ReleaseRequest&, const ReleaseRequest&) = default;
};
// Heads that carry the cosigner's own line: marks go up to them, and their origins are released.
// Answered as a batch.
struct AdoptRequest {
  std::vector<CosignRequest> requests;
  friend bool operator==(const AdoptRequest&, const AdoptRequest&) = default;
};
// Answered with a page of all marks.
struct MarksRequest {
  std::uint64_t first = 0;
  friend bool operator==(const MarksRequest&, const MarksRequest&) = default;
};
// A SignSubtreeRequest is answered with a SubtreeResult.
using CosignerRequest =
    std::variant<CosignerInitRequest, CosignerStateRequest, CosignBatchRequest, MarkRequest,
                 MarksRequest, HoldRequest, ReleaseRequest, AdoptRequest, SignSubtreeRequest>;

using CosignResults = std::vector<CosignResult>;
using MarkReply = std::optional<CosignMark>;
struct MarksPage {
  std::vector<OriginMark> marks;
  friend bool operator==(const MarksPage&, const MarksPage&) = default;
};
using CosignerReply =
    std::variant<CosignerState, CosignResults, MarkReply, MarksPage, SubtreeResult, Error>;

[[nodiscard]] Bytes encode_cosigner_request(const CosignerRequest& request);
// The same as encode_cosigner_request of a CosignBatchRequest, without a copy of the requests.
[[nodiscard]] Bytes encode_cosign(std::span<const CosignRequest> requests, std::uint64_t time_s,
                                  std::uint64_t number);
// The same for an AdoptRequest.
[[nodiscard]] Bytes encode_adopt(std::span<const CosignRequest> requests);
[[nodiscard]] Bytes encode_cosigner_reply(const CosignerReply& reply);
// The same of CosignResults that encode_cosign_results has encoded.
[[nodiscard]] Bytes encode_cosigned_reply(BytesView results);

// Where a client begins to number its batches: two clients, one after the other, share no number.
[[nodiscard]] std::uint64_t first_batch_number(Random& random);

// By which a repetition of a batch is known: SHA-256 of its message.
[[nodiscard]] Hash32 cosign_digest(std::span<const CosignRequest> requests, std::uint64_t time_s,
                                   std::uint64_t number);

// Whether a message is of the cosigner, by its word: those of messages.h are not.
[[nodiscard]] bool is_cosigner_request(BytesView message);

// Accepts only what the encoders write. kMalformed; kUnsupported for another version, operation or
// type of key; kTooLarge above the limits of check_cosign_batch.
[[nodiscard]] Result<CosignerRequest> decode_cosigner_request(BytesView bytes);
[[nodiscard]] Result<CosignerReply> decode_cosigner_reply(BytesView bytes);

}  // namespace witan
