// What only the LMDB store can get wrong: the file, the lock, the disk, the threads.

#include <atomic>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <lmdb.h>

#include "ledger/store/layout.h"
#include "ledger/store/lmdb_env.h"
#include "ledger/store/lmdb_store.h"
#include "tests/ledger/store/store_fixture.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::test;

namespace {

LmdbOptions small_options(std::size_t map_bytes = std::size_t{256} << 20) {
  LmdbOptions options;
  options.map_bytes = map_bytes;
  return options;
}

}  // namespace

TEST_CASE("store: what was committed is there after opening again") {
  const TempFolder folder;
  auto store = open_lmdb_store(folder.path() / "log", small_options()).value();
  LogWriter log(*store);
  log.decide(300);
  StoreCommit commit = log.prepare(10);
  commit.publish = {published_head(300)};
  REQUIRE(store->commit(commit));
  REQUIRE(store->put_meta("policy", as_bytes("p")));
  store.reset();
  store = open_lmdb_store(folder.path() / "log", small_options()).value();
  check_log(*store, log);
  const auto view = store->read().value();
  CHECK(view->published().value() == published_head(300));
  CHECK(view->meta("policy").value() == to_bytes(as_bytes("p")));
}

TEST_CASE("store: the default options open on this machine") {
  const TempFolder folder;
  CHECK(open_lmdb_store(folder.path() / "log"));
}

TEST_CASE("store: a second opener is refused and told who holds the folder") {
  const TempFolder folder;
  auto first = open_lmdb_store(folder.path(), small_options()).value();
  const auto second = open_lmdb_store(folder.path(), small_options());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::kConflict);
  CHECK_THAT(second.error().message,
             ContainsSubstring("in use by process " + std::to_string(::getpid())));
  first.reset();
  CHECK(open_lmdb_store(folder.path(), small_options()));
}

TEST_CASE("store: a folder that cannot be is an error that names it") {
  const TempFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  const auto under_file = open_lmdb_store(folder.path() / "file" / "log", small_options());
  REQUIRE_FALSE(under_file);
  CHECK(under_file.error().code == ErrorCode::kIo);
  CHECK_THAT(under_file.error().message, ContainsSubstring("file/log"));
  const auto no_parent = open_lmdb_store(folder.path() / "a" / "b", small_options());
  REQUIRE_FALSE(no_parent);
  CHECK(no_parent.error().code == ErrorCode::kIo);
}

TEST_CASE("store: a file that is no store is refused") {
  const TempFolder folder;
  std::ofstream(folder.path() / "data.mdb") << std::string(20'000, 'x');
  const auto opened = open_lmdb_store(folder.path(), small_options());
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kIo);
}

TEST_CASE("store: a later format is refused with both versions named") {
  const TempFolder folder;
  { REQUIRE(open_lmdb_store(folder.path(), small_options())); }
  {
    const auto opened = store::open_env(folder.path(), small_options()).value();
    auto txn = store::Txn::begin_write(opened.env.get()).value();
    REQUIRE(store::put(txn.get(), opened.tables.meta, as_bytes(store::kFormatKey),
                       store::encode32(store::kStoreFormat + 1)));
    REQUIRE(txn.commit());
  }
  const auto opened = open_lmdb_store(folder.path(), small_options());
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kUnsupported);
  CHECK_THAT(opened.error().message, ContainsSubstring("format version 2, this program reads 1"));
}

TEST_CASE("store: a full map fails the commit whole, and reading goes on") {
  const TempFolder folder;
  auto store = open_lmdb_store(folder.path(), small_options(1u << 20)).value();
  LogWriter log(*store);
  log.statement_bytes = 4'000;
  std::size_t good = 0;
  std::optional<Error> error;
  while (!error && good < 1'000) {
    const auto result = store->commit(log.prepare(20));
    if (result) {
      good += 20;
    } else {
      error = result.error();
    }
  }
  REQUIRE(error);
  CHECK(error->code == ErrorCode::kIo);
  CHECK_THAT(error->message, ContainsSubstring("larger map"));
  CHECK(good > 0);
  CHECK(store->read().value()->decided().value()->size == TreeSize{good});
  CHECK(to_bytes(store->read().value()->statement(LeafIndex{good - 1}).value()) ==
        log.statements[good - 1]);
  // With room again, the same commit goes through.
  store.reset();
  store = open_lmdb_store(folder.path(), small_options()).value();
  LogWriter again(*store);
  again.statement_bytes = 4'000;
  (void)again.prepare(good);
  again.decide(20);
  check_log(*store, again);
}

TEST_CASE("store: a full disk fails the commit whole, and the next goes when there is room") {
  const TempFolder folder;
  auto store = open_lmdb_store(folder.path(), small_options()).value();
  LogWriter log(*store);
  log.statement_bytes = 4'000;
  log.decide(100);
  // A limit on the file's size gives the write error of a full disk.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight = before;
  tight.rlim_cur = store->usage().bytes_file + 40'000;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const StoreCommit commit = log.prepare(100);
  const auto refused = store->commit(commit);
  const auto refused_again = store->commit(commit);
  const auto size_then = store->read().value()->decided().value()->size;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, old_handler);

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kIo);
  CHECK_FALSE(refused_again);
  CHECK(size_then == TreeSize{100});
  REQUIRE(store->commit(commit));
  check_log(*store, log);
  store.reset();
  store = open_lmdb_store(folder.path(), small_options()).value();
  check_log(*store, log);
}

TEST_CASE("store: too many views are refused, and reused once they are gone") {
  const TempFolder folder;
  LmdbOptions options = small_options();
  options.readers_max = 8;
  const auto store = open_lmdb_store(folder.path(), options).value();
  LogWriter log(*store);
  log.decide(2);
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<ReadView>> views;
    for (int i = 0; i < 8; ++i) views.push_back(store->read().value());
    const auto ninth = store->read();
    REQUIRE_FALSE(ninth);
    CHECK(ninth.error().code == ErrorCode::kOverloaded);
    CHECK(store->usage().readers == 8);
    views.clear();
    CHECK(store->usage().readers == 0);
  }
}

TEST_CASE("store: space of packed rows and rewritten tiles is used again") {
  const TempFolder folder;
  const auto store = open_lmdb_store(folder.path(), small_options()).value();
  LogWriter log(*store);
  log.statement_bytes = 1'000;
  for (int i = 0; i < 200; ++i) log.decide(60);
  const StoreUsage usage = store->usage();
  CHECK(usage.bytes_used <= usage.bytes_file);
  const double beyond = static_cast<double>(usage.bytes_file) / 12'000 - 1'000;
  CHECK(beyond < 300);
}

TEST_CASE("store: many threads read while one writes") {
  const TempFolder folder;
  const auto store = open_lmdb_store(folder.path(), small_options()).value();
  LogWriter log(*store);
  log.decide(2);
  std::atomic<bool> done{false};
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        auto view = store->read();
        if (!view) {
          ++wrong;
          continue;
        }
        const std::uint64_t size = (*view)->decided().value()->size.value;
        const Hash32 entry = (*view)->entry(LeafIndex{size - 1}).value();
        const BytesView statement = (*view)->statement(LeafIndex{size - 1}).value();
        if (sha256(statement) != entry) ++wrong;
        if ((*view)->find(entry).value() != LeafIndex{size - 1}) ++wrong;
        if ((*view)->entry(LeafIndex{size})) ++wrong;
      }
    });
  }
  for (int i = 0; i < 150; ++i) log.decide(1 + static_cast<std::size_t>(i) % 40);
  done = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  check_log(*store, log);
}
