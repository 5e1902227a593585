// What a witness keeps, and how it comes back.
#include "node/witness/witness_store.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/feed_limits.h"
#include "ledger/crypto/sha256.h"
#include "tests/node/witness/fake_cosigner.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace witan::test {
namespace {

KnownLog known_log(const std::string& origin) {
  KnownLog log;
  log.origin = origin;
  log.keys = {make_cosign_key(origin).vkey,
              make_cosign_key(origin + "-2", NoteAlgorithm::kEcdsa).vkey};
  log.qpd = 24;
  log.contact = "mail \xc3\xa4";
  return log;
}

std::unique_ptr<WitnessStore> open_store(const TempDir& dir) {
  auto store = WitnessStore::open(dir.path() / "data");
  if (!store) FAIL(store.error().message);
  return std::move(*store);
}

void add_known(WitnessStore& store, const KnownLog& log) {
  const auto added = store.change_log(
      log.origin, [&](const std::optional<KnownLog>&) { return Result<KnownLog>(log); });
  INFO((added ? "" : added.error().message));
  REQUIRE(added);
}

Cosigned cosigned_at(const CosignWorld& world, FakeCosigner& cosigner, std::size_t from,
                     std::size_t to) {
  const std::vector<CosignRequest> requests = {{{world.key.vkey}, world.request(from, to)}};
  return cosigner.cosign(requests, 1'000).value().front().value();
}

TEST_CASE("witness store: a log that was added is there again after a restart") {
  TempDir dir;
  const KnownLog log = known_log("log.example/a");
  {
    const auto store = open_store(dir);
    CHECK_FALSE(store->find_log(log.origin).value());
    add_known(*store, log);
    CHECK(store->find_log(log.origin).value() == log);
  }
  const auto store = open_store(dir);
  CHECK(store->find_log(log.origin).value() == log);
  CHECK_FALSE(store->find_log("log.example/b").value());
  CHECK(store->counts().value().logs == 1);
}

TEST_CASE("witness store: a change that fails leaves the log as it was") {
  TempDir dir;
  const auto store = open_store(dir);
  const KnownLog log = known_log("log.example/a");
  add_known(*store, log);
  const auto failed =
      store->change_log(log.origin, [](const std::optional<KnownLog>&) -> Result<KnownLog> {
        return fail(ErrorCode::kRefused, "no");
      });
  CHECK(failed.error().message == "no");
  const auto too_many = store->change_log(log.origin, [](std::optional<KnownLog> known) {
    known->keys.resize(9, known->keys.front());
    return Result<KnownLog>(std::move(*known));
  });
  CHECK(too_many.error().code == ErrorCode::kTooLarge);
  CHECK(store->find_log(log.origin).value() == log);
}

TEST_CASE("witness store: lists are taken in add only") {
  TempDir dir;
  const auto store = open_store(dir);
  KnownLog log = known_log("log.example/a");
  log.disabled = true;
  add_known(*store, log);
  LogList list;
  for (const std::string origin : {"log.example/c", "log.example/a", "log.example/b"}) {
    list.logs.push_back({make_cosign_key(origin).vkey, origin, 5, "someone"});
  }
  const auto merged = store->merge(list, "witness.example/w");
  REQUIRE(merged);
  CHECK(merged->added.size() == 2);
  CHECK(merged->warnings.size() == 1);
  CHECK(store->find_log("log.example/a").value() == log);
  CHECK(store->find_log("log.example/c").value()->qpd == 5);
  const auto again = store->merge(list, "witness.example/w");
  REQUIRE(again);
  CHECK(again->added.empty());
  std::size_t seen = 0;
  REQUIRE(store->each_log([&](KnownLog&&, std::optional<StoredCheckpoint>&& checkpoint) {
    CHECK_FALSE(checkpoint);
    return ++seen < 2;
  }));
  CHECK(seen == 2);
}

TEST_CASE("witness store: where logs are read, and that it changed") {
  TempDir dir;
  const auto store = open_store(dir);
  const LogFeed feed{"https://log.example", FeedLayout::kSumdb, 30};
  CHECK(store->put_feed("log.example/a", feed).error().code == ErrorCode::kNotFound);
  const std::uint64_t version = store->feeds_version().value();
  LogList list;
  list.logs.push_back({make_cosign_key("log.example/a").vkey, "log.example/a", {}, "", feed});
  list.logs.push_back({make_cosign_key("log.example/b").vkey, "log.example/b", {}, ""});
  REQUIRE(store->merge(list, "witness.example/w"));
  CHECK(store->find_feed("log.example/a").value() == feed);
  CHECK_FALSE(store->find_feed("log.example/b").value());
  CHECK(store->feeds_version().value() == version + 1);
  // What a list says later changes nothing.
  list.logs[0].feed->url = "https://other.example";
  list.logs[1].feed = feed;
  REQUIRE(store->merge(list, "witness.example/w"));
  CHECK(store->find_feed("log.example/a").value() == feed);
  CHECK_FALSE(store->find_feed("log.example/b").value());
  std::size_t seen = 0;
  REQUIRE(store->each_feed([&](StoredFeed&& stored) {
    CHECK(stored == StoredFeed{"log.example/a", feed});
    return ++seen < 9;
  }));
  CHECK(seen == 1);
  REQUIRE(store->put_feed("log.example/a", std::nullopt));
  CHECK_FALSE(store->find_feed("log.example/a").value());
  CHECK(store->feeds_version().value() == version + 2);
}

TEST_CASE("witness store: a long list goes in by parts, all of it") {
  TempDir dir;
  const auto store = open_store(dir);
  add_known(*store, known_log("log.example/77"));
  LogList list;
  const CosignKey key = make_cosign_key("key.example");
  for (std::size_t i = 0; i < 2 * limits::kLogsAddedAtOnceMax + 5; ++i) {
    list.logs.push_back({key.vkey, "log.example/" + std::to_string(i), {}, ""});
  }
  const auto merged = store->merge(list, "witness.example/w");
  REQUIRE(merged);
  CHECK(merged->added.size() == list.logs.size() - 1);
  CHECK(merged->key_changes.size() == 1);
  CHECK(store->counts().value().logs == list.logs.size());
  CHECK(store->merge(list, "witness.example/w")->added.empty());
}

TEST_CASE("witness store: the newest cosigned checkpoint is kept, and never an older one") {
  TempDir dir;
  CosignWorld world;
  FakeCosigner cosigner;
  const Cosigned five = cosigned_at(world, cosigner, 0, 5);
  const Cosigned nine = cosigned_at(world, cosigner, 5, 9);
  const Hash32 hash = sha256(as_bytes(world.origin));
  {
    const auto store = open_store(dir);
    REQUIRE(store->put_cosigned(std::vector{five, nine}));
    CHECK(store->find_checkpoint(hash).value() == stored_checkpoint(nine));
    // All of a batch again, as after a crash.
    REQUIRE(store->put_cosigned(std::vector{five, nine}));
    CHECK(store->put_cosigned(std::vector{five}).error().code == ErrorCode::kStale);
    Cosigned other = nine;
    other.mark.root[0] ^= 1;
    CHECK(store->put_cosigned(std::vector{other}).error().code == ErrorCode::kConflict);
  }
  {
    // What goes on from the kept one, and what does not: with its code.
    const auto put = [&](std::vector<Cosigned> steps, WitnessStore::Cosigning cosigning) {
      TempDir copy_dir;
      const auto copy = open_store(copy_dir);
      REQUIRE(copy->put_cosigned(std::vector{five, nine}));
      std::vector<const Cosigned*> pointers;
      for (const Cosigned& step : steps) pointers.push_back(&step);
      const auto stored = copy->put_cosigned(pointers, cosigning);
      CHECK((copy->find_checkpoint(hash).value()->mark == nine.mark) == !stored);
      return stored ? std::nullopt : std::optional(stored.error().code);
    };
    using Cosigning = WitnessStore::Cosigning;
    const auto step = [&](std::size_t from, std::size_t to) {
      Cosigned out = nine;
      out.old_size = from;
      out.mark = world.mark(to);
      return out;
    };
    CHECK(put({step(9, 12), step(12, 20)}, Cosigning::kNew) == std::nullopt);
    CHECK(put({step(9, 12), step(9, 20)}, Cosigning::kNew) == ErrorCode::kStale);
    CHECK(put({step(5, 12)}, Cosigning::kNew) == ErrorCode::kStale);
    CHECK(put({step(12, 20)}, Cosigning::kNew) == ErrorCode::kStale);
    CHECK(put({step(5, 9), step(9, 12)}, Cosigning::kNew) == ErrorCode::kStale);
    CHECK(put({step(5, 9), step(9, 12)}, Cosigning::kKnown) == std::nullopt);
    CHECK(put({step(9, 12)}, Cosigning::kKnown) == std::nullopt);
    CHECK(put({step(12, 20)}, Cosigning::kKnown) == std::nullopt);
    CHECK(put({step(5, 12)}, Cosigning::kKnown) == ErrorCode::kStale);
    CHECK(put({step(5, 8), step(8, 12)}, Cosigning::kKnown) == ErrorCode::kStale);
    CHECK(put({step(5, 9), step(5, 12)}, Cosigning::kKnown) == ErrorCode::kStale);
  }
  const auto store = open_store(dir);
  // An earlier line over the same does not take the place of a later one, whichever comes first.
  Cosigned earlier = nine;
  earlier.time_s = 500;
  earlier.lines.front().signature[0] ^= 1;
  REQUIRE(store->put_cosigned(std::vector{earlier}));
  const auto kept = store->find_checkpoint(hash).value();
  REQUIRE(kept);
  CHECK(*kept == stored_checkpoint(nine));
  const auto note = Note::parse(kept->note);
  REQUIRE(note);
  CHECK(verify_note(*note, world.key.vkey));
  CHECK(verify_note(*note, cosigner.vkey())->timestamp == 1'000);
}

TEST_CASE("witness store: a folder without a store is not taken for an empty one") {
  TempDir dir;
  CHECK(WitnessStore::open_existing(dir.path()).error().code == ErrorCode::kNotFound);
  { const auto store = open_store(dir); }
  CHECK(WitnessStore::open_existing(dir.path() / "data"));
}

TEST_CASE("witness store: rows that are cut anywhere are damage, not data") {
  const KnownLog log = known_log("log.example/a");
  const Bytes row = encode_known_log(log);
  CHECK(decode_known_log(row).value() == log);
  CosignWorld world;
  FakeCosigner cosigner;
  const StoredCheckpoint kept = stored_checkpoint(cosigned_at(world, cosigner, 0, 5));
  const Bytes checkpoint = encode_stored_checkpoint(kept);
  CHECK(decode_stored_checkpoint(checkpoint).value() == kept);
  for (std::size_t size = 0; size < row.size(); ++size) {
    CHECK_FALSE(decode_known_log(BytesView(row).first(size)));
  }
  for (std::size_t size = 0; size < checkpoint.size(); ++size) {
    CHECK_FALSE(decode_stored_checkpoint(BytesView(checkpoint).first(size)));
  }
  Bytes longer = row;
  longer.push_back(0);
  CHECK_FALSE(decode_known_log(longer));
}

}  // namespace
}  // namespace witan::test
