// The witness at work: batches, quotas, failures of signer and store, and old copies of either.
#include <string>
#include <vector>

#include "tests/node/witness/witness_fixture.h"

namespace witan::test {
namespace {

TEST_CASE("witness service: what was answered is stored, and was signed by both") {
  WitnessFixture fixture;
  const CosignAnswer first = fixture.submit(0, 5);
  REQUIRE(first);
  CHECK(first->time_s == fixture.clock.unix_ms() / 1000);
  CHECK(fixture.kept() == stored_checkpoint(*first));
  const CosignAnswer second = fixture.submit(5, 9);
  REQUIRE(second);
  CHECK(fixture.kept() == stored_checkpoint(*second));
  CHECK(fixture.counted("cosigned") == 2);
  CHECK(fixture.service->problem().empty());
}

TEST_CASE("witness service: refusals keep what was there and are counted by reason") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 5));
  const auto before = fixture.kept();
  const CosignAnswer conflict = fixture.submit(3, 9);
  REQUIRE_FALSE(conflict);
  CHECK(conflict.error().error.refusal == CosignRefusal::kConflict);
  CHECK(conflict.error().error.size == 5);
  CHECK(status_of(fixture.submit("hello")) == 400);
  CHECK(status_of(fixture.submit("old 0\n\nlog.example/1\n")) == 400);
  AddCheckpointRequest request = fixture.world.request(5, 9);
  request.proof.front()[0] ^= 1;
  CHECK(status_of(fixture.submit(request.encode())) == 422);
  CosignWorld stranger;
  stranger.origin = "log.example/stranger";
  CHECK(status_of(fixture.submit(stranger.request(0, 5).encode())) == 404);
  CosignWorld forger;
  CHECK(status_of(fixture.submit(forger.request(5, 9).encode())) == 403);
  CHECK(fixture.kept() == before);
  CHECK(fixture.counted("cosigned") == 1);
  CHECK(fixture.counted("conflict") == 1);
  CHECK(fixture.counted("malformed") == 2);
  CHECK(fixture.counted("unprocessable") == 1);
  CHECK(fixture.counted("unknown-log") == 1);
  CHECK(fixture.counted("bad-signature") == 1);
}

TEST_CASE("witness service: changes to logs hold from the next request on") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 5));
  fixture.add_log({}, true);
  const CosignAnswer disabled = fixture.submit(5, 9);
  CHECK(status_of(disabled) == 404);
  CHECK_THAT(disabled.error().error.message, ContainsSubstring("disabled"));
  CHECK(fixture.counted("disabled") == 1);
  CHECK(fixture.kept()->mark == fixture.world.mark(5));
  fixture.add_log();
  CHECK(status_of(fixture.submit(0, 9)) == 409);
  CHECK(fixture.submit(5, 9));
}

TEST_CASE("witness service: waiting requests share one batch of the signer") {
  WitnessFixture fixture;
  fixture.cosigner.hold(true);
  std::vector<std::future<CosignAnswer>> answers;
  answers.push_back(fixture.send(fixture.world.request(0, 1).encode()));
  fixture.cosigner.wait_for_calls(1);
  for (std::size_t size = 1; size < 40; ++size) {
    answers.push_back(fixture.send(fixture.world.request(size, size + 1).encode()));
  }
  fixture.cosigner.hold(false);
  for (auto& answer : answers) {
    REQUIRE(answer.wait_for(kPatience) == std::future_status::ready);
    CHECK(answer.get());
  }
  CHECK(fixture.cosigner.calls() == 2);
  CHECK(fixture.kept()->mark == fixture.world.mark(40));
}

TEST_CASE("witness service: a full queue refuses at once, and what is queued is still answered") {
  WitnessFixture fixture({4, false});
  fixture.cosigner.hold(true);
  auto first = fixture.send(fixture.world.request(0, 1).encode());
  fixture.cosigner.wait_for_calls(1);
  std::vector<std::future<CosignAnswer>> queued;
  for (std::size_t size = 1; size < 5; ++size) {
    queued.push_back(fixture.send(fixture.world.request(size, size + 1).encode()));
  }
  const CosignAnswer over = fixture.submit(5, 6);
  CHECK(status_of(over) == 503);
  CHECK(over.error().retry_after.count() == 1);
  fixture.cosigner.hold(false);
  CHECK(first.get());
  for (auto& answer : queued) CHECK(answer.get());
}

TEST_CASE("witness service: a log's daily quota holds for it alone and ends with the day") {
  WitnessFixture fixture;
  fixture.add_log(2);
  REQUIRE(fixture.submit(0, 1));
  // Forgeries use nothing up, nor do requests from the wrong size.
  CosignWorld forger;
  for (int i = 0; i < 5; ++i)
    CHECK(status_of(fixture.submit(forger.request(1, 2).encode())) == 403);
  for (int i = 0; i < 5; ++i) CHECK(status_of(fixture.submit(0, 2)) == 409);
  REQUIRE(fixture.submit(1, 2));
  const CosignAnswer over = fixture.submit(2, 3);
  CHECK(status_of(over) == 429);
  CHECK(over.error().retry_after == std::chrono::seconds(86'399));
  CHECK_THAT(over.error().error.message, ContainsSubstring("quota (qpd) of 2"));
  // Whoever repeats the newest checkpoint uses up another quota than the log.
  CHECK(fixture.submit(2, 2));
  CHECK(fixture.submit(2, 2));
  CHECK(status_of(fixture.submit(2, 2)) == 429);
  fixture.clock.now_ms += WitnessClock::kDayMs;
  CHECK(fixture.submit(2, 3));
  CHECK(fixture.counted("over-quota") == 2);
}

TEST_CASE("witness service: without its signer it says so, and goes on when it is back") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 5));
  fixture.cosigner.set_fails(true);
  const CosignAnswer refused = fixture.submit(5, 9);
  CHECK(status_of(refused) == 503);
  CHECK(refused.error().retry_after.count() == 1);
  CHECK_THAT(fixture.service->problem(), ContainsSubstring("the signer is away"));
  fixture.cosigner.set_fails(false);
  CHECK(fixture.submit(5, 9));
  CHECK(fixture.service->problem().empty());
}

TEST_CASE("witness service: what was cosigned in a lost answer is stored before the next") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 5));
  fixture.cosigner.set_loses_answers(true);
  CHECK(status_of(fixture.submit(5, 9)) == 503);
  fixture.cosigner.set_loses_answers(false);
  const CosignAnswer conflict = fixture.submit(5, 9);
  CHECK(status_of(conflict) == 409);
  CHECK(conflict.error().error.size == 9);
  CHECK(fixture.kept()->mark == fixture.world.mark(9));
}

TEST_CASE("witness service: a start stores what the signer cosigned last") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 5));
  fixture.service.reset();
  // The crash: signed, and not stored.
  for (const auto& [from, to] : {std::pair{5, 7}, std::pair{7, 9}}) {
    const std::vector<CosignRequest> requests = {
        {{fixture.world.key.vkey}, fixture.world.request(from, to)}};
    REQUIRE(fixture.cosigner.cosign(requests, 2'000).value().front());
    if (to == 7) REQUIRE(fixture.open_service());
    fixture.service.reset();
  }
  CHECK(fixture.kept()->mark == fixture.world.mark(7));
  REQUIRE(fixture.open_service());
  CHECK(fixture.kept()->mark == fixture.world.mark(9));
}

TEST_CASE("witness service: an old copy of the store is refused, or accepted by name") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 5));
  fixture.service.reset();
  fixture.cosigner.set_back(fixture.world.origin, fixture.world.mark(9));
  const auto refused = fixture.open_service();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kStale);
  CHECK_THAT(refused.error().message, ContainsSubstring("data/"));
  CHECK_THAT(refused.error().message, ContainsSubstring("--accept-old-data"));
  CHECK_THAT(refused.error().message, ContainsSubstring("size 5 in the store and size 9"));
  REQUIRE(fixture.open_service({limits::kCosignQueueMax, true}));
  // From now on the marks are known, and no checkpoint is served that is not the newest.
  REQUIRE(fixture.open_service());
  CHECK(fixture.kept()->mark == fixture.world.mark(9));
  CHECK(fixture.kept()->note.empty());
  CHECK(fixture.submit(9, 10));
  CHECK_FALSE(fixture.kept()->note.empty());
}

TEST_CASE("witness service: a store that lacks a log that was cosigned is an old copy too") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 5));
  fixture.service.reset();
  fixture.cosigner.set_back("log.example/lost", fixture.world.mark(3));
  CHECK(fixture.open_service().error().code == ErrorCode::kStale);
  REQUIRE(fixture.open_service({limits::kCosignQueueMax, true}));
  REQUIRE(fixture.open_service());
  // From now on the lost log's mark is guarded as those of the others.
  CHECK(fixture.store->counts().value().checkpoints == 2);
  fixture.cosigner.set_back("log.example/lost-too", fixture.world.mark(3));
  CHECK(fixture.open_service().error().code == ErrorCode::kStale);
  fixture.cosigner.set_back("log.example/lost-too", {});
  REQUIRE(fixture.open_service());
  fixture.cosigner.set_back("log.example/lost", fixture.world.mark(4));
  CHECK_THAT(fixture.open_service().error().message, ContainsSubstring("data/"));
  CosignMark other = fixture.world.mark(3);
  other.root[0] ^= 1;
  for (const std::optional<CosignMark>& mark :
       {std::optional<CosignMark>{}, std::optional(fixture.world.mark(2)), std::optional(other)}) {
    fixture.cosigner.set_back("log.example/lost", mark);
    const auto refused = fixture.open_service({limits::kCosignQueueMax, true});
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, ContainsSubstring("enclave/"));
  }
}

TEST_CASE("witness service: a log cosigned last that the store does not know is no crash") {
  WitnessFixture fixture;
  fixture.service.reset();
  CosignWorld lost;
  lost.origin = "log.example/lost";
  const std::vector<CosignRequest> requests = {{{lost.key.vkey}, lost.request(0, 5)}};
  REQUIRE(fixture.cosigner.cosign(requests, 2'000).value().front());
  const auto refused = fixture.open_service();
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, ContainsSubstring("data/"));
  CHECK_THAT(refused.error().message, ContainsSubstring("does not know the log log.example/lost"));
  REQUIRE(fixture.open_service({limits::kCosignQueueMax, true}));
  REQUIRE(fixture.store->find_checkpoint(sha256(as_bytes(lost.origin))).value());
}

TEST_CASE("witness service: a lost log that is added again goes on from its mark") {
  WitnessFixture fixture;
  fixture.service.reset();
  CosignWorld lost;
  lost.origin = "log.example/lost";
  lost.key = make_cosign_key(lost.origin);
  fixture.cosigner.set_back(lost.origin, lost.mark(3));
  REQUIRE(fixture.open_service({limits::kCosignQueueMax, true}));
  REQUIRE(fixture.store->change_log(lost.origin, [&](const std::optional<KnownLog>&) {
    KnownLog log;
    log.keys = {lost.key.vkey};
    return Result<KnownLog>(std::move(log));
  }));
  CHECK(status_of(fixture.submit(lost.request(0, 5).encode())) == 409);
  CHECK(fixture.submit(lost.request(3, 5).encode()));
  const auto kept = fixture.store->find_checkpoint(sha256(as_bytes(lost.origin))).value();
  REQUIRE(kept);
  CHECK(kept->origin == lost.origin);
  CHECK(kept->mark == lost.mark(5));
  CHECK_FALSE(kept->note.empty());
}

TEST_CASE("witness service: an old copy of the signer's folder is refused, and nothing helps") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 5));
  REQUIRE(fixture.submit(5, 9));
  fixture.service.reset();
  CosignMark other = fixture.world.mark(9);
  other.root[0] ^= 1;
  for (const std::optional<CosignMark>& mark :
       {std::optional<CosignMark>{}, std::optional(fixture.world.mark(5)), std::optional(other)}) {
    fixture.cosigner.set_back(fixture.world.origin, mark);
    for (const bool accept : {false, true}) {
      const auto refused = fixture.open_service({limits::kCosignQueueMax, accept});
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == ErrorCode::kStale);
      CHECK_THAT(refused.error().message, ContainsSubstring("enclave/"));
    }
  }
}

TEST_CASE("witness service: a signer that forgets while it runs releases no signature") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 9));
  fixture.cosigner.set_back(fixture.world.origin, fixture.world.mark(5));
  CHECK(status_of(fixture.submit(5, 7)) == 503);
  CHECK_THAT(fixture.service->problem(), ContainsSubstring("forgotten"));
  CHECK(status_of(fixture.submit(7, 12)) == 503);
  CHECK(fixture.cosigner.calls() == 2);
}

TEST_CASE("witness service: a signer that forgets cannot go on beyond what it forgot") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 9));
  fixture.cosigner.set_back(fixture.world.origin, fixture.world.mark(5));
  // Larger than what is stored, and maybe of another history.
  CHECK(status_of(fixture.submit(5, 12)) == 503);
  CHECK_THAT(fixture.service->problem(), ContainsSubstring("forgotten"));
  CHECK(fixture.kept()->mark == fixture.world.mark(9));
  CHECK(status_of(fixture.submit(12, 13)) == 503);
}

TEST_CASE("witness service: a request that is too large fails alone") {
  WitnessFixture fixture;
  fixture.cosigner.hold(true);
  auto first = fixture.send(fixture.world.request(0, 5).encode());
  fixture.cosigner.wait_for_calls(1);
  const std::string junk(limits::kNoteBytesMax, 'x');
  auto large = fixture.send(fixture.world.request(5, 9).encode() + junk);
  auto fits = fixture.send(fixture.world.request(5, 9).encode());
  fixture.cosigner.hold(false);
  CHECK(first.get().has_value());
  CHECK(status_of(large.get()) == 400);
  CHECK(fits.get().has_value());
}

TEST_CASE("witness service: forged requests use up no quota, not even while they wait") {
  WitnessFixture fixture;
  fixture.add_log(1);
  fixture.cosigner.hold(true);
  CosignWorld forger;
  auto forged = fixture.send(forger.request(0, 5).encode());
  fixture.cosigner.wait_for_calls(1);
  auto honest = fixture.send(fixture.world.request(0, 5).encode());
  fixture.cosigner.hold(false);
  CHECK(status_of(forged.get()) == 403);
  CHECK(honest.get().has_value());
  CHECK(status_of(fixture.submit(5, 9)) == 429);
}

}  // namespace
}  // namespace witan::test
