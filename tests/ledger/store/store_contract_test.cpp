// What every Store promises, run on LMDB and on the store in memory.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ledger/crypto/sha256.h"
#include "ledger/store/lmdb_store.h"
#include "ledger/tree/frontier.h"
#include "tests/ledger/store/store_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/memory_store.h"

using namespace witan;
using namespace witan::test;

namespace {

std::unique_ptr<Store> make_store(bool lmdb, const TempFolder& folder) {
  if (!lmdb) return std::make_unique<MemoryStore>();
  LmdbOptions options;
  options.map_bytes = std::size_t{1} << 30;
  return open_lmdb_store(folder.path() / "log", options).value();
}

}  // namespace

TEST_CASE("store: an empty store holds nothing and says so") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  const auto view = store->read().value();
  CHECK(view->decided().value() == std::nullopt);
  CHECK(view->published().value() == std::nullopt);
  CHECK(view->head_covering(LeafIndex{0}).value() == std::nullopt);
  CHECK(view->head_at(TreeSize{0}).value() == std::nullopt);
  CHECK(view->find(Hash32{}).value() == std::nullopt);
  CHECK(view->meta("x").value() == std::nullopt);
  CHECK(view->entry(LeafIndex{0}).error().code == ErrorCode::kNotFound);
  CHECK(view->statement(LeafIndex{0}).error().code == ErrorCode::kNotFound);
  CHECK(view->tile(TileId{0, 0}, 1).error().code == ErrorCode::kNotFound);
  CHECK(view->tile(TileId{0, 0}, 0).error().code == ErrorCode::kNotFound);
  CHECK(view->tile(TileId{40, 7}, 1).error().code == ErrorCode::kNotFound);
  CHECK(view->entries(LeafIndex{0}, 1).error().code == ErrorCode::kNotFound);
  CHECK(view->statement_bundle(LeafIndex{0}, 1).error().code == ErrorCode::kNotFound);
}

TEST_CASE("store: batches of any size give the same entries, statements and tiles") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  LogWriter log(*store);
  // Grows over level-1 tiles' edges, with batches that end before, at and after bundle edges.
  for (const std::size_t count : {2, 1, 253, 1, 255, 256, 300, 1024, 7, 2000, 63'000, 600}) {
    log.decide(count);
    check_log(*store, log);
  }
}

TEST_CASE("store: a bundle is the statements with their lengths, whole or in part") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  LogWriter log(*store);
  log.decide(200);
  log.decide(100);
  const auto view = store->read().value();
  CHECK(served(*view, 0, 256) == log.served(0, 256));
  CHECK(served(*view, 0, 200) == log.served(0, 200));
  CHECK(served(*view, 17, 1) == log.served(17, 1));
  CHECK(served(*view, 250, 6) == log.served(250, 6));
  CHECK(served(*view, 256, 44) == log.served(256, 44));
  CHECK(view->statement_bundle(LeafIndex{256}, 45).error().code == ErrorCode::kNotFound);
  CHECK(view->statement_bundle(LeafIndex{250}, 7).error().code == ErrorCode::kMalformed);
  CHECK(view->statement_bundle(LeafIndex{0}, 0).error().code == ErrorCode::kMalformed);
  CHECK(view->entries(LeafIndex{255}, 2).error().code == ErrorCode::kMalformed);
  CHECK(view->entries(LeafIndex{256}, 45).error().code == ErrorCode::kNotFound);
}

TEST_CASE("store: a bundle too large to pack is served all the same") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  LogWriter log(*store);
  log.statement_bytes = 40'000;  // 256 of them are above 8 MiB
  log.decide(100);
  log.decide(200);
  const auto view = store->read().value();
  CHECK(served(*view, 0, 256) == log.served(0, 256));
  CHECK(served(*view, 0, 3) == log.served(0, 3));
  CHECK(to_bytes(view->statement(LeafIndex{255}).value()) == log.statements[255]);
}

TEST_CASE("store: the register moves only from what the writer expected") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  LogWriter log(*store);
  log.decide(3);
  const TreeHead head = *store->read().value()->decided().value();

  const auto statement = log.make_statement(1'000);
  StoreCommit commit;
  commit.decide.emplace();
  commit.decide->entries = {{sha256(statement), statement}};
  commit.decide->next = TreeHead{TreeSize{4}, Hash32{}, 9};
  SECTION("nothing expected") {
    commit.decide->expected = std::nullopt;
  }
  SECTION("another root expected") {
    commit.decide->expected = head;
    commit.decide->expected->root[0] ^= 1;
  }
  SECTION("another time expected") {
    commit.decide->expected = head;
    ++commit.decide->expected->time_ms;
  }
  SECTION("a size that does not follow") {
    commit.decide->expected = head;
    commit.decide->next.size = TreeSize{5};
  }
  SECTION("an entry that is there") {
    commit.decide->expected = head;
    commit.decide->entries[0] = {sha256(log.statements[1]), log.statements[1]};
  }
  SECTION("no entries") {
    commit.decide->expected = head;
    commit.decide->entries.clear();
    commit.decide->next = head;
  }
  SECTION("an entry twice") {
    commit.decide->expected = head;
    commit.decide->entries.push_back(commit.decide->entries[0]);
    commit.decide->next.size = TreeSize{5};
  }
  const auto result = store->commit(commit);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::kConflict);
  const auto view = store->read().value();
  CHECK(view->decided().value() == head);
  CHECK(view->find(sha256(statement)).value() == std::nullopt);
  check_log(*store, log);
}

TEST_CASE("store: publications grow and stay at or below what is decided") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  LogWriter log(*store);
  const auto publish = [&](std::vector<std::uint64_t> sizes) {
    StoreCommit commit;
    for (const auto size : sizes) commit.publish.push_back(published_head(size));
    return store->commit(commit);
  };
  CHECK(publish({1}).error().code == ErrorCode::kConflict);
  log.decide(10);
  CHECK(publish({11}).error().code == ErrorCode::kConflict);
  CHECK(publish({4, 4}).error().code == ErrorCode::kConflict);
  CHECK(store->read().value()->published().value() == std::nullopt);
  REQUIRE(publish({2, 4}));
  CHECK(publish({2}).error().code == ErrorCode::kConflict);
  REQUIRE(publish({10}));

  const auto view = store->read().value();
  CHECK(view->published().value() == published_head(10));
  CHECK(view->head_at(TreeSize{4}).value() == published_head(4));
  CHECK(view->head_at(TreeSize{3}).value() == std::nullopt);
  CHECK(view->head_covering(LeafIndex{0}).value() == published_head(2));
  CHECK(view->head_covering(LeafIndex{1}).value() == published_head(2));
  CHECK(view->head_covering(LeafIndex{2}).value() == published_head(4));
  CHECK(view->head_covering(LeafIndex{9}).value() == published_head(10));
  CHECK(view->head_covering(LeafIndex{10}).value() == std::nullopt);
}

TEST_CASE("store: all cosignatures are kept of the newest head only") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  LogWriter log(*store);
  log.decide(10);
  const auto publish = [&](std::uint64_t size, const std::string& witnessed) {
    StoreCommit commit;
    commit.publish = {published_head(size)};
    commit.publish.back().witnessed = witnessed;
    REQUIRE(store->commit(commit));
    return store->read().value()->published().value()->witnessed;
  };
  CHECK(publish(2, "witnessed 2\n") == "witnessed 2\n");
  CHECK(publish(4, "witnessed 4\n") == "witnessed 4\n");
  CHECK(store->read().value()->head_covering(LeafIndex{0}).value() == published_head(2));
  CHECK(store->read().value()->head_at(TreeSize{4}).value() == published_head(4));
  CHECK(publish(5, "").empty());
  CHECK(publish(6, "witnessed 6\n") == "witnessed 6\n");
}

TEST_CASE("store: the newest head's checkpoints can be replaced, and nothing else of it") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  LogWriter log(*store);
  log.decide(10);
  StoreCommit commit;
  commit.publish = {published_head(2), published_head(4)};
  commit.publish.back().witnessed = "witnessed by one\n";
  REQUIRE(store->commit(commit));
  PublishedHead again = published_head(4);
  again.checkpoint += "with more\n";
  again.witnessed = "witnessed by two\n";
  commit.publish = {again, published_head(7)};
  REQUIRE(store->commit(commit));
  CHECK(store->read().value()->head_at(TreeSize{4}).value()->checkpoint == again.checkpoint);
  CHECK(store->read().value()->published().value() == published_head(7));
  // It is not the newest any more.
  commit.publish = {again};
  CHECK(store->commit(commit).error().code == ErrorCode::kConflict);
  again = published_head(7);
  again.head.head.root[0] ^= 1;
  commit.publish = {again};
  CHECK(store->commit(commit).error().code == ErrorCode::kConflict);
  again = published_head(7);
  again.checkpoint = "longer than before, so that it moves in the page\n";
  again.witnessed = "";
  commit.publish = {again};
  REQUIRE(store->commit(commit));
  CHECK(store->read().value()->published().value() == again);
  CHECK(store->read().value()->head_covering(LeafIndex{1}).value() == published_head(2));
}

TEST_CASE("store: a publication and a decision are one commit, or none") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  LogWriter log(*store);
  log.decide(5);
  StoreCommit commit = log.prepare(5);
  commit.publish = {published_head(5)};
  commit.decide->expected->time_ms += 1;
  CHECK_FALSE(store->commit(commit));
  CHECK(store->read().value()->published().value() == std::nullopt);
  commit.decide->expected->time_ms -= 1;
  REQUIRE(store->commit(commit));
  CHECK(store->read().value()->published().value() == published_head(5));
  CHECK(store->read().value()->decided().value()->size == TreeSize{10});
}

TEST_CASE("store: policies are listed in order, by views that are new enough") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  LogWriter log(*store);
  log.decide(2);
  const auto before = store->read().value();
  CHECK(before->own_statements().value().empty());
  for (const std::size_t count : {3, 300}) {
    StoreCommit commit = log.prepare(count);
    commit.decide->own = LeafIndex{log.statements.size() - 1};
    REQUIRE(store->commit(commit));
  }
  CHECK(before->own_statements().value().empty());
  CHECK(store->read().value()->own_statements().value() ==
        std::vector<LeafIndex>{LeafIndex{4}, LeafIndex{304}});
}

TEST_CASE("store: a view keeps showing what was there when it was made") {
  const bool lmdb = GENERATE(false, true);
  const TempFolder folder;
  const auto store = make_store(lmdb, folder);
  LogWriter log(*store);
  log.decide(250);
  REQUIRE(store->put_meta("name", as_bytes("one")));
  const auto view = store->read().value();
  const BytesView tile = view->tile(TileId{0, 0}, 250).value();
  const Bytes before = to_bytes(tile);
  log.decide(20);
  StoreCommit commit;
  commit.publish = {published_head(270)};
  REQUIRE(store->commit(commit));
  REQUIRE(store->put_meta("name", as_bytes("two")));
  CHECK(view->decided().value()->size == TreeSize{250});
  CHECK(view->published().value() == std::nullopt);
  CHECK(view->find(sha256(log.statements[260])).value() == std::nullopt);
  CHECK(view->statement(LeafIndex{250}).error().code == ErrorCode::kNotFound);
  CHECK(view->entry(LeafIndex{250}).error().code == ErrorCode::kNotFound);
  CHECK(view->tile(TileId{0, 0}, 251).error().code == ErrorCode::kNotFound);
  CHECK(to_bytes(tile) == before);
  CHECK(view->meta("name").value() == to_bytes(as_bytes("one")));
  CHECK(store->read().value()->meta("name").value() == to_bytes(as_bytes("two")));
}
