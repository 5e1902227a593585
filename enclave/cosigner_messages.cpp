#include "enclave/cosigner_messages.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "config/limits.h"
#include "enclave/cosign_batch.h"
#include "enclave/cosigner_core.h"
#include "enclave/cosigner_message_parts.h"
#include "enclave/messages.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::uint64_t kEd25519Type = 4, kMlDsaType = 6;  // NoteAlgorithm's

BytesView hashes_view(const std::vector<Hash32>& hashes) {
  return {reinterpret_cast<const std::uint8_t*>(hashes.data()), hashes.size() * sizeof(Hash32)};
}

void write_cosign_requests(CborWriter& writer, std::span<const CosignRequest> requests) {
  writer.array(requests.size());
  for (const CosignRequest& request : requests) {
    writer.array(4);
    write_verifier_keys(writer, request.log_keys);
    writer.unsigned_integer(request.request.old_size).bytes(hashes_view(request.request.proof));
    writer.bytes(as_bytes(request.request.note));
  }
}

Result<std::vector<Hash32>> read_hashes(CborReader& reader) {
  WITAN_ASSIGN(const BytesView proof, reader.read_bytes());
  if (proof.size() % sizeof(Hash32) != 0) {
    return fail(ErrorCode::kMalformed,
                "proof of " + std::to_string(proof.size()) + " bytes, expected a multiple of 32");
  }
  std::vector<Hash32> out(proof.size() / sizeof(Hash32));
  if (!proof.empty()) std::memcpy(out.data(), proof.data(), proof.size());
  return out;
}

Result<CosignRequest> read_cosign_request(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t elements, reader.read_array());
  WITAN_TRY(expect_count("request", elements, 4));
  CosignRequest out;
  WITAN_ASSIGN(out.log_keys, read_verifier_keys(reader, limits::kWitnessKeysPerLogMax));
  WITAN_ASSIGN(out.request.old_size, reader.read_unsigned());
  WITAN_ASSIGN(out.request.proof, read_hashes(reader));
  WITAN_ASSIGN(const BytesView note, reader.read_bytes());
  out.request.note = as_text(note);
  return out;
}

Result<std::vector<CosignRequest>> read_cosign_requests(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t count, read_count(reader, "requests", limits::kCosignBatchMax));
  std::vector<CosignRequest> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_ASSIGN(CosignRequest request, read_cosign_request(reader));
    out.push_back(std::move(request));
  }
  WITAN_TRY(check_cosign_batch(out));
  return out;
}

Result<CosignerRequest> read_batch_request(OpenedMessage& message) {
  WITAN_TRY(expect_count("cosign", message.elements, 5));
  CosignBatchRequest out;
  WITAN_ASSIGN(out.time_s, message.reader.read_unsigned());
  WITAN_ASSIGN(out.number, message.reader.read_unsigned());
  WITAN_ASSIGN(out.requests, read_cosign_requests(message.reader));
  return CosignerRequest{std::move(out)};
}

Result<CosignerRequest> read_release_request(OpenedMessage& message) {
  WITAN_TRY(expect_count(message.word, message.elements, 3));
  WITAN_ASSIGN(const std::size_t count,
               read_count(message.reader, "origins", limits::kCosignBatchMax));
  ReleaseRequest out;
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_ASSIGN(const std::string_view origin, message.reader.read_text());
    out.origins.emplace_back(origin);
  }
  return CosignerRequest{std::move(out)};
}

Result<CosignerRequest> read_init_request(OpenedMessage& message) {
  WITAN_TRY(expect_count(message.word, message.elements, 4));
  WITAN_ASSIGN(const std::string_view name, message.reader.read_text());
  WITAN_ASSIGN(const std::size_t types, read_count(message.reader, "types of keys", 2));
  std::uint64_t good = types;
  for (std::size_t i = 0; i < types; ++i) {
    WITAN_ASSIGN(const std::uint64_t type, message.reader.read_unsigned());
    if (type != (i == 0 ? kEd25519Type : kMlDsaType)) good = 0;
  }
  if (good == 0) {
    return fail(ErrorCode::kUnsupported, "cosigner-init: types of keys, expected 4 or 4 and 6");
  }
  return CosignerRequest{CosignerInitRequest{std::string(name), types == 2}};
}

Result<CosignerRequest> read_subtree_request(OpenedMessage& message) {
  WITAN_TRY(expect_count(message.word, message.elements, 7));
  SignSubtreeRequest out;
  WITAN_ASSIGN(out.subtree.start, message.reader.read_unsigned());
  WITAN_ASSIGN(out.subtree.end, message.reader.read_unsigned());
  WITAN_ASSIGN(const BytesView hash, message.reader.read_bytes());
  WITAN_ASSIGN(out.hash, hash_from_bytes(hash));
  WITAN_ASSIGN(out.proof, read_hashes(message.reader));
  WITAN_ASSIGN(const BytesView note, message.reader.read_bytes());
  if (out.proof.size() > limits::kProofHashesMax || note.size() > limits::kNoteBytesMax) {
    return fail(ErrorCode::kTooLarge, "cosign-subtree: " + std::to_string(out.proof.size()) +
                                          " proof hashes and " + std::to_string(note.size()) +
                                          " bytes of a note, expected at most " +
                                          std::to_string(limits::kProofHashesMax) + " and " +
                                          std::to_string(limits::kNoteBytesMax));
  }
  out.note = as_text(note);
  return CosignerRequest{std::move(out)};
}

struct CosignerRequestEncoder {
  Bytes operator()(const CosignerInitRequest& request) const {
    CborWriter writer = begin_message(4, "cosigner-init");
    writer.text(request.name).array(request.ml_dsa ? 2 : 1);
    writer.unsigned_integer(kEd25519Type);
    if (request.ml_dsa) writer.unsigned_integer(kMlDsaType);
    return writer.take();
  }
  Bytes operator()(const CosignerStateRequest& /*request*/) const {
    return begin_message(2, "cosigner-state").take();
  }
  Bytes operator()(const CosignBatchRequest& request) const {
    return encode_cosign(request.requests, request.time_s, request.number);
  }
  Bytes operator()(const MarkRequest& request) const {
    return begin_message(3, "mark").text(request.origin).take();
  }
  Bytes operator()(const HoldRequest& /*request*/) const {
    return begin_message(2, "cosigner-hold").take();
  }
  Bytes operator()(const ReleaseRequest& request) const {
    CborWriter writer = begin_message(3, "cosigner-release");
    writer.array(request.origins.size());
    for (const std::string& origin : request.origins) writer.text(origin);
    return writer.take();
  }
  Bytes operator()(const AdoptRequest& request) const { return encode_adopt(request.requests); }
  Bytes operator()(const MarksRequest& request) const {
    return begin_message(3, "marks").unsigned_integer(request.first).take();
  }
  Bytes operator()(const SignSubtreeRequest& request) const {
    CborWriter writer = begin_message(7, "cosign-subtree");
    writer.unsigned_integer(request.subtree.start).unsigned_integer(request.subtree.end);
    writer.bytes(request.hash).bytes(hashes_view(request.proof)).bytes(as_bytes(request.note));
    return writer.take();
  }
};

}  // namespace

Bytes encode_cosigner_request(const CosignerRequest& request) {
  return std::visit(CosignerRequestEncoder{}, request);
}

Bytes encode_cosign(std::span<const CosignRequest> requests, std::uint64_t time_s,
                    std::uint64_t number) {
  CborWriter writer = begin_message(5, "cosign");
  writer.unsigned_integer(time_s).unsigned_integer(number);
  write_cosign_requests(writer, requests);
  return writer.take();
}

Bytes encode_adopt(std::span<const CosignRequest> requests) {
  CborWriter writer = begin_message(3, "cosigner-adopt");
  write_cosign_requests(writer, requests);
  return writer.take();
}

std::uint64_t first_batch_number(Random& random) {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
  random.fill(bytes);
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

Hash32 cosign_digest(std::span<const CosignRequest> requests, std::uint64_t time_s,
                     std::uint64_t number) {
  return sha256(encode_cosign(requests, time_s, number));
}

bool is_cosigner_request(BytesView message) {
  // An array, the version, and the head of a short text before the word.
  constexpr std::size_t kBeforeWord = 3;
  if (message.size() < kBeforeWord) return false;
  const std::string_view word = as_text(message.subspan(kBeforeWord));
  return word.starts_with("cosign") || word.starts_with("mark");
}

Result<CosignerRequest> decode_cosigner_request(BytesView bytes) {
  WITAN_ASSIGN(OpenedMessage message, open_message(bytes));
  if (message.word == "cosign") return read_batch_request(message);
  if (message.word == "cosigner-state" || message.word == "cosigner-hold") {
    WITAN_TRY(expect_count(message.word, message.elements, 2));
    if (message.word == "cosigner-hold") return CosignerRequest{HoldRequest{}};
    return CosignerRequest{CosignerStateRequest{}};
  }
  if (message.word == "cosigner-release") return read_release_request(message);
  if (message.word == "cosigner-adopt") {
    WITAN_TRY(expect_count(message.word, message.elements, 3));
    AdoptRequest out;
    WITAN_ASSIGN(out.requests, read_cosign_requests(message.reader));
    return CosignerRequest{std::move(out)};
  }
  if (message.word == "marks") {
    WITAN_TRY(expect_count("marks", message.elements, 3));
    WITAN_ASSIGN(const std::uint64_t first, message.reader.read_unsigned());
    return CosignerRequest{MarksRequest{first}};
  }
  if (message.word == "cosigner-init") return read_init_request(message);
  if (message.word == "cosign-subtree") return read_subtree_request(message);
  if (message.word == "mark") {
    WITAN_TRY(expect_count(message.word, message.elements, 3));
    WITAN_ASSIGN(const std::string_view text, message.reader.read_text());
    return CosignerRequest{MarkRequest{std::string(text)}};
  }
  return fail(ErrorCode::kUnsupported, "operation \"" + printable(message.word) +
                                           "\", expected cosigner-init, -state, -hold, -release, "
                                           "-adopt, cosign, cosign-subtree, mark or "
                                           "marks");
}

}  // namespace witan
