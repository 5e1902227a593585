// Messages of the cosigner: what is accepted is written again, and hostile ones get an answer.

#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "config/limits.h"
#include "enclave/cosigner_host.h"
#include "enclave/cosigner_messages.h"
#include "enclave/messages.h"
#include "tests/enclave/cosigner_support.h"

namespace witan::test {
namespace {

std::vector<CosignerRequest> sample_requests() {
  const UniformLog log("log.example");
  return {CosignerInitRequest{kCosignerName},
          CosignerStateRequest{},
          MarkRequest{"log.example"},
          MarksRequest{0},
          MarksRequest{7},
          CosignBatchRequest{
              kCosignTime, 18'446'744'073'709'551'615U, {log.request(0, 5), log.request(3, 9)}},
          CosignBatchRequest{1, 0, {}},
          HoldRequest{},
          AdoptRequest{{log.request(0, 5)}},
          ReleaseRequest{{"log.example", "other"}},
          ReleaseRequest{}};
}

Bytes answer(CosignerHost& host, BytesView message) {
  return host.handle_message(message);
}

Error cosigner_error(BytesView message) {
  const auto request = decode_cosigner_request(message);
  REQUIRE(!request);
  return request.error();
}

}  // namespace

TEST_CASE("cosigner messages: requests and replies come out as they went in") {
  for (const CosignerRequest& request : sample_requests()) {
    const Bytes message = encode_cosigner_request(request);
    CHECK(is_cosigner_request(message));
    const auto decoded = decode_cosigner_request(message);
    REQUIRE(decoded);
    CHECK(*decoded == request);
    CHECK(encode_cosigner_request(*decoded) == message);
    // The log's decoder knows nothing of them.
    CHECK(decode_request(message).error().code == ErrorCode::kUnsupported);
  }
  CHECK(!is_cosigner_request(encode_request(InitRequest{"mark", "cosign"})));
  CHECK(!is_cosigner_request(encode_request(AppendRequest{})));
  CHECK(!is_cosigner_request(encode_request(AttestRequest{})));
  CHECK(!is_cosigner_request({}));

  CosignerHost host(system_random());
  for (const CosignerRequest& request : sample_requests()) {
    const CosignerReply reply = host.handle(request);
    const Bytes message = encode_cosigner_reply(reply);
    const auto decoded = decode_cosigner_reply(message);
    REQUIRE(decoded);
    CHECK(decoded->index() == reply.index());
    CHECK(encode_cosigner_reply(*decoded) == message);
    if (const auto* results = std::get_if<CosignResults>(&reply)) {
      CHECK(std::get<CosignResults>(*decoded) == *results);
    }
  }
  CHECK(std::get<MarkReply>(*decode_cosigner_reply(encode_cosigner_reply(MarkReply{}))) ==
        std::nullopt);
}

TEST_CASE("cosigner messages: what is above a limit or of another shape is refused") {
  const UniformLog log("log.example");
  CosignBatchRequest many{1, 1, std::vector<CosignRequest>(257, log.request(0, 1))};
  CHECK(cosigner_error(encode_cosigner_request(many)).code == ErrorCode::kTooLarge);
  CosignBatchRequest keys{1, 1, {log.request(0, 1)}};
  keys.requests[0].log_keys.assign(9, log.verifier());
  CHECK(cosigner_error(encode_cosigner_request(keys)).code == ErrorCode::kTooLarge);
  CosignBatchRequest proof{1, 1, {log.request(0, 1)}};
  proof.requests[0].request.proof.resize(64);
  CHECK(cosigner_error(encode_cosigner_request(proof)).code == ErrorCode::kTooLarge);
  CosignBatchRequest bad_key{1, 1, {log.request(0, 1)}};
  bad_key.requests[0].log_keys[0].key.resize(31);
  CHECK(cosigner_error(encode_cosigner_request(bad_key)).code == ErrorCode::kMalformed);
  bad_key.requests[0].log_keys[0].algorithm = static_cast<NoteAlgorithm>(99);
  CHECK(cosigner_error(encode_cosigner_request(bad_key)).code == ErrorCode::kUnsupported);
  MarksPage page{std::vector<OriginMark>(limits::kMarksPageMax)};
  CHECK(decode_cosigner_reply(encode_cosigner_reply(page)));
  page.marks.emplace_back();
  CHECK(decode_cosigner_reply(encode_cosigner_reply(page)).error().code == ErrorCode::kTooLarge);
  CborWriter unknown;
  unknown.array(2).unsigned_integer(1).text("cosigner-export");
  CHECK(cosigner_error(unknown.data()).code == ErrorCode::kUnsupported);
  CborWriter newer;
  newer.array(2).unsigned_integer(2).text("cosigner-state");
  CHECK(cosigner_error(newer.data()).code == ErrorCode::kUnsupported);
}

TEST_CASE("cosigner messages: whatever bytes come, an answer goes and no mark moves wrongly") {
  init_crypto();
  CosignerHost host(system_random());
  REQUIRE(host.init(kCosignerName));
  std::vector<Bytes> seeds;
  for (const CosignerRequest& request : sample_requests()) {
    seeds.push_back(encode_cosigner_request(request));
  }
  std::mt19937_64 random(11);
  constexpr int kMessages = 20'000;
  for (int i = 0; i < kMessages; ++i) {
    Bytes message = seeds[random() % seeds.size()];
    for (std::uint64_t change = 0, count = 1 + random() % 3; change < count; ++change) {
      const std::size_t at = random() % message.size();
      const std::uint64_t kind = random() % 4;
      if (kind == 0) {
        message.resize(at + 1);
      } else if (kind == 1) {
        message.insert(message.begin() + static_cast<std::ptrdiff_t>(at), 0x41);
      } else {
        message[at] ^= static_cast<std::uint8_t>(1U << random() % 8);
      }
    }
    REQUIRE(decode_cosigner_reply(answer(host, message)));
  }
  const UniformLog log("log.example");
  const auto mark = host.mark("log.example");
  REQUIRE(mark);
  if (*mark) CHECK(**mark == log.mark((*mark)->size.value));
  std::cout << "cosigner: hostile messages checked: " << kMessages << "\n";
}

}  // namespace witan::test
