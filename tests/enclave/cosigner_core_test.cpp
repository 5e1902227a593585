// What the cosigner signs, in one process and without a disk.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/limits.h"
#include "enclave/cosign_batch.h"
#include "enclave/in_process.h"
#include "tests/enclave/cosigner_support.h"

namespace witan::test {
namespace {

std::unique_ptr<InProcessCosigner> made_cosigner() {
  init_crypto();
  auto out = std::make_unique<InProcessCosigner>(system_random());
  REQUIRE(out->init_cosigner(kCosignerName));
  return out;
}

CosignResult cosign_one(Cosigner& cosigner, const CosignRequest& request,
                        std::uint64_t time_s = kCosignTime) {
  auto results = cosigner.cosign(std::span(&request, 1), time_s);
  if (!results) FAIL(results.error().message);
  REQUIRE(results->size() == 1);
  return std::move(results->front());
}

unsigned status_of(const CosignResult& result) {
  return result ? 200 : http_status(result.error().refusal);
}

}  // namespace

TEST_CASE("cosigner: before init it has no name, no mark and signs nothing") {
  init_crypto();
  InProcessCosigner cosigner(system_random());
  CHECK(cosigner.cosigner_state().error().code == ErrorCode::kNotFound);
  CHECK(cosigner.mark("log.example").error().code == ErrorCode::kNotFound);
  CHECK(cosigner.marks(0).error().code == ErrorCode::kNotFound);
  const CosignRequest request = UniformLog("log.example").request(0, 1);
  const auto results = cosigner.cosign(std::span(&request, 1), kCosignTime);
  REQUIRE(!results);
  CHECK(results.error().code == ErrorCode::kNotFound);
  CHECK(cosigner.init_cosigner("two words").error().code == ErrorCode::kMalformed);
  CHECK(cosigner.init_cosigner("").error().code == ErrorCode::kMalformed);
}

TEST_CASE("cosigner: init again gives the same key, under another name a conflict") {
  const auto cosigner = made_cosigner();
  const auto first = cosigner->init_cosigner(kCosignerName);
  REQUIRE(first);
  REQUIRE(first->keys.size() == 1);
  CHECK(first->keys[0].algorithm == NoteAlgorithm::kCosignatureEd25519);
  CHECK(first->keys[0].name == kCosignerName);
  CHECK(cosigner->cosigner_state()->keys == first->keys);
  CHECK(cosigner->init_cosigner("other.example").error().code == ErrorCode::kConflict);
}

TEST_CASE("cosigner: a log that grows is cosigned, from size 0 to 2^30 and beyond") {
  const auto cosigner = made_cosigner();
  const auto state = cosigner->cosigner_state();
  const UniformLog log("log.example");
  std::uint64_t size = 0;
  std::vector<Cosigned> last;
  for (const std::uint64_t next : {0ULL, 1ULL, 1ULL, 2ULL, 1ULL << 30U, (1ULL << 30U) + 7}) {
    const CosignResult result = cosign_one(*cosigner, log.request(size, next), kCosignTime + next);
    REQUIRE(result);
    check_cosigned(*result, state->keys[0]);
    CHECK(result->origin == "log.example");
    CHECK(result->mark == log.mark(next));
    CHECK(*cosigner->mark("log.example") == log.mark(next));
    CHECK(result->old_size == size);
    // The last two commits, the newest behind.
    last.push_back(*result);
    if (last.size() > 2) last.erase(last.begin());
    CHECK(cosigner->cosigner_state()->last == last);
    size = next;
  }
  CHECK(cosigner->cosigner_state()->marks == 1);
  CHECK(*cosigner->mark("other.example") == std::nullopt);
  const OriginMark mark{sha256(as_bytes("log.example")), log.mark(size)};
  CHECK(*cosigner->marks(0) == std::vector{mark});
  CHECK(cosigner->marks(1)->empty());
  CHECK(cosigner->marks(~std::uint64_t{0})->empty());
}

TEST_CASE("cosigner: refusals move no mark and leave no trace") {
  const auto cosigner = made_cosigner();
  const UniformLog log("log.example"), fork("log.example", 2);
  REQUIRE(cosign_one(*cosigner, log.request(0, 8)));
  const CosignResult behind = cosign_one(*cosigner, log.request(4, 12));
  REQUIRE(!behind);
  CHECK(behind.error().refusal == CosignRefusal::kConflict);
  CHECK(behind.error().size == 8);
  CHECK(status_of(cosign_one(*cosigner, fork.request(8, 12))) == 422);
  CHECK(status_of(cosign_one(*cosigner, fork.request(8, 8))) == 422);
  CHECK(status_of(cosign_one(*cosigner, log.request(9, 8))) == 400);
  CosignRequest unknown = log.request(8, 12);
  unknown.log_keys.clear();
  CHECK(status_of(cosign_one(*cosigner, unknown)) == 404);
  CosignRequest foreign = log.request(8, 12);
  foreign.log_keys = {UniformLog("other.example").verifier()};
  CHECK(!cosign_one(*cosigner, foreign));
  CosignRequest garbage = log.request(8, 12);
  garbage.request.note = "no note";
  CHECK(status_of(cosign_one(*cosigner, garbage)) == 400);
  const UniformLog itself(kCosignerName);
  CHECK(!cosign_one(*cosigner, itself.request(0, 1)));
  CHECK(*cosigner->mark("log.example") == log.mark(8));
  CHECK(cosigner->cosigner_state()->marks == 1);
  CHECK(cosigner->cosigner_state()->last.size() == 1);
  CHECK(cosign_one(*cosigner, log.request(8, 12)));
}

TEST_CASE("cosigner: requests of one batch see each other's effect, in order") {
  const auto cosigner = made_cosigner();
  const UniformLog log("log.example"), fork("log.example", 2), other("other.example");
  const std::vector<CosignRequest> requests = {log.request(0, 5),   fork.request(0, 6),
                                               other.request(0, 3), log.request(5, 9),
                                               log.request(5, 10),  fork.request(9, 11)};
  const auto results = cosigner->cosign(requests, kCosignTime);
  REQUIRE(results);
  REQUIRE(results->size() == 6);
  CHECK((*results)[0]);
  CHECK(status_of((*results)[1]) == 409);
  CHECK((*results)[1].error().size == 5);
  CHECK((*results)[2]);
  CHECK((*results)[3]);
  CHECK((*results)[4].error().size == 9);
  CHECK(status_of((*results)[5]) == 422);
  CHECK(*cosigner->mark("log.example") == log.mark(9));
  CHECK(*cosigner->mark("other.example") == other.mark(3));
  const auto state = cosigner->cosigner_state();
  CHECK(state->marks == 2);
  CHECK(state->last == only_cosigned(*results));
  // The same requests at the same time are another batch, judged anew.
  const auto later = cosigner->cosign(requests, kCosignTime);
  REQUIRE(later);
  REQUIRE(!(*later)[0]);
  CHECK((*later)[0].error().size == 9);
}

TEST_CASE("cosigner: a clock that goes back does not take the cosignatures' time with it") {
  const auto cosigner = made_cosigner();
  const UniformLog log("log.example");
  CHECK(cosign_one(*cosigner, log.request(0, 1), kCosignTime)->time_s == kCosignTime);
  CHECK(cosign_one(*cosigner, log.request(1, 2), kCosignTime - 500)->time_s == kCosignTime);
  CHECK(cosign_one(*cosigner, log.request(2, 2), 1)->time_s == kCosignTime);
  CHECK(cosign_one(*cosigner, log.request(2, 3), kCosignTime + 9)->time_s == kCosignTime + 9);
  const CosignRequest request = log.request(3, 4);
  CHECK(cosigner->cosign(std::span(&request, 1), 0).error().code == ErrorCode::kMalformed);
  CHECK(cosigner->cosign(std::span(&request, 1), 253'402'300'800).error().code ==
        ErrorCode::kTooLarge);
  CHECK(*cosigner->mark("log.example") == log.mark(3));
}

TEST_CASE("cosigner: a batch above a limit is refused whole, naming the limit") {
  const auto cosigner = made_cosigner();
  const UniformLog log("log.example");
  const auto refusal = [&](const std::vector<CosignRequest>& requests) {
    const auto results = cosigner->cosign(requests, kCosignTime);
    REQUIRE(!results);
    CHECK(results.error().code == ErrorCode::kTooLarge);
    return results.error().message;
  };
  const std::vector<CosignRequest> many(limits::kCosignBatchMax + 1, log.request(0, 1));
  CHECK_THAT(refusal(many), ContainsSubstring("257 requests"));
  CosignRequest request = log.request(0, 1);
  request.log_keys.assign(9, log.verifier());
  CHECK_THAT(refusal({request}), ContainsSubstring("9 keys"));
  request = log.request(0, 1);
  request.request.proof.resize(64);
  CHECK_THAT(refusal({request}), ContainsSubstring("64 proof"));
  request.request.proof.clear();
  request.request.note.resize(limits::kNoteBytesMax + 1);
  CHECK_THAT(refusal({request}), ContainsSubstring("note"));
  request.request.note.resize(limits::kNoteBytesMax);
  CHECK_THAT(refusal(std::vector<CosignRequest>(5, request)), ContainsSubstring("524288"));
  const auto none = cosigner->cosign({}, kCosignTime);
  REQUIRE(none);
  CHECK(none->empty());
  CHECK(cosigner->cosigner_state()->marks == 0);
}

TEST_CASE("mark table: finds what was set last, among many") {
  MarkTable table;
  CHECK(table.find(Hash32{}) == nullptr);
  std::vector<OriginMark> marks;
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    const std::string name = "origin " + std::to_string(i % 3'000);
    OriginMark mark{sha256(as_bytes(name)), CosignMark{TreeSize{i}, sha256(as_bytes(name))}};
    // Many that begin alike.
    if (i % 7 == 0) std::fill_n(mark.origin_hash.begin(), 8, std::uint8_t{0xff});
    marks.push_back(mark);
    table.set(mark);
    if (i == 2'000) table.reserve(10'000);
  }
  for (const OriginMark& mark : marks) REQUIRE(table.find(mark.origin_hash) != nullptr);
  for (std::size_t i = 3'000; i < 5'000; ++i) {
    REQUIRE(*table.find(marks[i].origin_hash) == marks[i].mark);
  }
  const auto decoded = decode_marks(encode_marks(table.all()));
  REQUIRE(decoded);
  CHECK(std::equal(decoded->begin(), decoded->end(), table.all().begin(), table.all().end()));
  CHECK(decode_marks(Bytes(71)).error().code == ErrorCode::kMalformed);
}

}  // namespace witan::test
