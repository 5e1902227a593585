#include <cstdint>
#include <vector>

#include "config/limits.h"
#include "ledger/sequencer/recovery.h"
#include "tests/ledger/sequencer/sequencer_fixture.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::test;

TEST_CASE("recovery: the frontier of every size comes from the tiles") {
  TestLog log;
  log.begin();
  std::vector<Frontier> frontiers(3);
  for (std::uint64_t i = 0; i < 1'400; ++i) REQUIRE(log.submit(i));
  log.drain();
  const auto view = log.store.read().value();
  Frontier expected;
  for (std::uint64_t size = 0; size <= 1'402; ++size) {
    const Frontier found = frontier_from_tiles(*view, TreeSize{size}).value();
    REQUIRE(found.size() == expected.size());
    REQUIRE(found.hashes() == expected.hashes());
    if (size < 1'402) expected.append(leaf_hash(view->entry(LeafIndex{size}).value()));
  }
  CHECK(frontier_from_tiles(*view, TreeSize{1'403}).error().code == ErrorCode::kNotFound);
  CHECK(frontier_from_tiles(*view, TreeSize{~std::uint64_t{0}}).error().code ==
        ErrorCode::kNotFound);
}

TEST_CASE("recovery: an empty store and a new enclave begin a log") {
  TestLog log;
  const auto state = recover(*log.store.read().value(), log.signer.attest({}).value()).value();
  CHECK_FALSE(state.decided);
  CHECK_FALSE(state.last);
}

TEST_CASE("recovery: what was decided is signed and published after a restart") {
  TestLog log;
  log.begin();
  REQUIRE(log.submit(1));
  log.tick(5);
  REQUIRE(log.commit());
  SECTION("decided, not signed") {}
  SECTION("signed, not published") {
    REQUIRE(log.sign());
  }
  SECTION("witnessed, its publication not durable") {
    REQUIRE(log.sign());
    REQUIRE(log.publish());
  }
  SECTION("signed, and the answer lost") {
    const auto request = log.sequencer->next_append(log.now);
    REQUIRE(log.signer.append(request->prev, request->entries, request->expected.time_ms));
  }
  log.restart();
  CHECK(log.submit(1).value() == Accepted::kDecided);
  log.drain();
  REQUIRE(log.registered.size() == 1);
  CHECK(log.registered[0].index == LeafIndex{2});
  CHECK(log.signer.heads.size() == 2);
}

TEST_CASE("recovery: a long lag of the enclave is signed in several heads") {
  TestLog log;
  log.begin();
  std::uint64_t number = 0;
  for (int batch = 0; batch < 18; ++batch) {
    for (std::size_t i = 0; i < limits::kBatchEntriesMax; ++i) REQUIRE(log.submit(number++));
    REQUIRE(log.commit());
  }
  log.restart();
  log.drain();
  CHECK(log.registered.size() == number);
  REQUIRE(log.signer.heads.size() == 3);
  CHECK(log.signer.heads[1].size == TreeSize{2 + limits::kAppendEntriesMax});
  CHECK(log.signer.heads[2] == *log.sequencer->status().decided);
}

TEST_CASE("recovery: a store that is older than the enclave is refused") {
  TestLog log;
  log.begin();
  log.store.set_sync(false);
  REQUIRE(log.submit(1));
  log.drain();
  const auto state = recover(*MemoryStore().read().value(), log.signer.attest({}).value());
  REQUIRE_FALSE(state);
  CHECK(state.error().code == ErrorCode::kStale);
  CHECK_THAT(state.error().message, ContainsSubstring("the store is older than the enclave"));
  log.store.crash();
  const auto after_crash = log.start();
  REQUIRE_FALSE(after_crash);
  CHECK(after_crash.error().code == ErrorCode::kStale);
  CHECK_THAT(after_crash.error().message, ContainsSubstring("it has 2 entries, the enclave 3"));
}

TEST_CASE("recovery: an enclave that is older than the published log is refused") {
  TestLog log;
  log.begin();
  const SignerState old = log.signer.attest({}).value();
  REQUIRE(log.submit(1));
  log.drain();
  const auto state = recover(*log.store.read().value(), old);
  REQUIRE_FALSE(state);
  CHECK(state.error().code == ErrorCode::kStale);
  CHECK_THAT(state.error().message, ContainsSubstring("the enclave's state is older"));
}

TEST_CASE("recovery: an enclave with another history is a conflict") {
  TestLog log;
  log.begin();
  REQUIRE(log.submit(1));
  log.tick(5);
  REQUIRE(log.commit());
  REQUIRE(log.sign());
  SignerState state = log.signer.attest({}).value();
  state.last->head.root[5] ^= 1;
  CHECK(recover(*log.store.read().value(), state).error().code == ErrorCode::kConflict);
  state = log.signer.attest({}).value();
  state.last->head.size = TreeSize{4};
  CHECK(recover(*log.store.read().value(), state).error().code == ErrorCode::kConflict);
  // Equal to the published size, other root.
  log.drain();
  state = log.signer.attest({}).value();
  state.last->head.root[5] ^= 1;
  CHECK(recover(*log.store.read().value(), state).error().code == ErrorCode::kConflict);
}

TEST_CASE("recovery: a store whose tiles do not lead to its head is damaged") {
  MemoryStore store;
  const Bytes one{1};
  const Bytes two{2};
  StoreCommit commit;
  commit.decide.emplace();
  commit.decide->entries = {{sha256(one), one}, {sha256(two), two}};
  commit.decide->next.size = TreeSize{2};
  REQUIRE(store.commit(commit));
  const auto state = recover(*store.read().value(), SignerState{});
  REQUIRE_FALSE(state);
  CHECK(state.error().code == ErrorCode::kIo);
  CHECK_THAT(state.error().message, ContainsSubstring("damaged"));
}
