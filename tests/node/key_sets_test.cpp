#include "node/key_sets.h"

#include <chrono>

#include "node/genesis.h"
#include "tests/support/catch.h"
#include "tests/support/log_fixture.h"

namespace witan::test {
namespace {

constexpr auto kAnnounceWait = std::chrono::minutes(5);

// The keys of another enclave with this log's names, over the nonce.
struct NextEnclave {
  explicit NextEnclave(const LogFixture& log)
      : signer(InProcessSigner::make(system_random()).value()) {
    const SignerState& names = log.log->identity();
    REQUIRE(signer->init(names.origin, names.issuer));
    entry0 = log.log->store().read().value()->entry(LeafIndex{0}).value();
  }
  [[nodiscard]] Bytes announced_by(const PrivateKey& key, std::uint64_t time_ms) const {
    return key_set_statement(signer->attest(entry0).value(), key, time_ms).value().canonical();
  }

  std::unique_ptr<InProcessSigner> signer;
  Hash32 entry0{};
};

TEST_CASE("key sets: the next keys are announced by an admin, and are then among the log's") {
  LogFixture fixture;
  const NextEnclave next(fixture);
  const SignerState keys = next.signer->attest({}).value();
  CHECK_FALSE(check_log_keys(*fixture.store.read().value(), keys));

  CHECK_THAT(
      fixture.submit(next.announced_by(fixture.issuer.key(), fixture.begun_ms), kAnnounceWait),
      ContainsSubstring("admin.keys"));
  CHECK(fixture.submit(next.announced_by(fixture.admin.key(), fixture.begun_ms), kAnnounceWait) ==
        "published 2");
  CHECK(fixture.submit(fixture.issuer.statement("behind it"), kAnnounceWait) == "published 3");
  const auto view = fixture.store.read().value();
  const auto sets = key_sets_of(*view).value();
  REQUIRE(sets.size() == 2);
  CHECK(sets.front().vkey != sets.back().vkey);
  CHECK(check_log_keys(*view, keys));
  CHECK(check_log_keys(*view, fixture.log->identity()));
  // A policy still finds its way past it, and so does a restart.
  CHECK(fixture.submit(fixture.policy_for(fixture.issuer, 7), kAnnounceWait) == "published 4");
  REQUIRE(fixture.open());
  CHECK(fixture.submit(fixture.issuer.statement("after"), kAnnounceWait) == "published 5");
}

TEST_CASE("key sets: evidence over another nonce, and keys of another log, are refused") {
  LogFixture fixture;
  const NextEnclave next(fixture);
  const Hash32 other{};
  const Statement stale =
      key_set_statement(next.signer->attest(other).value(), fixture.admin.key(), fixture.begun_ms)
          .value();
  CHECK_THAT(fixture.submit(stale.canonical(), kAnnounceWait), ContainsSubstring("nonce"));

  const auto stranger = InProcessSigner::make(system_random()).value();
  REQUIRE(stranger->init("other.test/log", fixture.log->identity().issuer));
  const Statement foreign = key_set_statement(stranger->attest(next.entry0).value(),
                                              fixture.admin.key(), fixture.begun_ms)
                                .value();
  CHECK_THAT(fixture.submit(foreign.canonical(), kAnnounceWait),
             ContainsSubstring("other.test/log"));
  CHECK(fixture.log->status().decided.value == 2);
}

}  // namespace
}  // namespace witan::test
