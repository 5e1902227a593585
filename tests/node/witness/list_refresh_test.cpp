#include "node/witness/list_refresh.h"

#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/limits.h"
#include "tests/node/http/http_fixture.h"
#include "tests/node/witness/witness_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

std::string refreshed_key(const std::string& name, std::uint8_t seed = 7) {
  return VerifierKey::make(name, NoteAlgorithm::kEd25519, Bytes(32, seed)).value().text();
}
std::string refreshed_list(const std::vector<std::string>& names) {
  std::string out = "logs/v0\n";
  for (const std::string& name : names) out += "vkey " + refreshed_key(name) + "\n";
  return out;
}

// Lists that a test writes, in a virtual time.
struct RefreshWorld {
  RefreshWorld() { store = WitnessStore::open(dir.path() / "data").value(); }

  ListRefresher& make(std::vector<std::string> sources) {
    ListRefreshOptions options;
    options.sources = std::move(sources);
    options.own_name = "witness.example/w";
    refresher = std::make_unique<ListRefresher>(
        *store, clock, metrics, options,
        [this](const std::string& source, const ListValidators& known) -> Result<FetchedList> {
          ++asked[source];
          const auto at = texts.find(source);
          if (at == texts.end()) return fail(ErrorCode::kUnavailable, source + ": is away");
          const std::string etag = "\"" + std::to_string(at->second.size()) + "\"";
          if (known.etag == etag) return FetchedList{std::nullopt, known};
          return FetchedList{at->second, {etag, ""}};
        },
        [] { return 0.5; });
    return *refresher;
  }
  [[nodiscard]] ListState state(const std::string& source) const {
    const auto lists = store->lists().value();
    for (const ListState& list : lists) {
      if (list.source == source) return list;
    }
    throw std::runtime_error("no state of " + source);
  }
  [[nodiscard]] std::uint64_t logs() const { return store->counts().value().logs; }

  TempDir dir;
  WitnessClock clock;
  Metrics metrics;
  std::unique_ptr<WitnessStore> store;
  std::map<std::string, std::string> texts;
  std::map<std::string, std::size_t> asked;
  std::unique_ptr<ListRefresher> refresher;
};

constexpr std::uint64_t kHourMs = 3'600'000;

TEST_CASE("list refresh: a list is read at once and then hourly, and only adds") {
  RefreshWorld world;
  world.texts["one"] = refreshed_list({"a.example", "b.example"});
  ListRefresher& refresher = world.make({"one"});
  CHECK(refresher.step() == std::chrono::hours(1));
  CHECK(world.logs() == 2);
  CHECK(world.state("one").logs == 2);
  CHECK(world.state("one").read_s == world.clock.now_ms / 1000);
  world.texts["one"] = refreshed_list({"b.example", "c.example", "dd.example"});
  world.clock.now_ms += kHourMs - 1;
  CHECK(refresher.step() == std::chrono::milliseconds(1));
  CHECK(world.logs() == 2);
  world.clock.now_ms += 1;
  refresher.step();
  CHECK(world.logs() == 4);  // and a.example, which the list no longer has
  CHECK(world.state("one").added == 4);
  // Unchanged: asked, not read again.
  world.clock.now_ms += kHourMs;
  refresher.step();
  CHECK(world.asked["one"] == 3);
  CHECK(world.state("one").read_s == world.clock.now_ms / 1000);
  CHECK(world.state("one").logs == 3);
  CHECK_THAT(world.metrics.text(), ContainsSubstring("witan_witness_list_logs{source=\"one\"} 3"));
}

TEST_CASE("list refresh: a list that is gone or broken changes nothing, and is tried more often") {
  RefreshWorld world;
  world.texts["one"] = refreshed_list({"a.example"});
  world.texts["two"] = refreshed_list({"b.example"});
  ListRefresher& refresher = world.make({"one", "two"});
  refresher.step();
  const ListState before = world.state("one");
  world.texts.erase("one");
  world.clock.now_ms += kHourMs;
  std::vector<std::chrono::milliseconds> waits;
  for (int i = 0; i < 9; ++i) {
    waits.push_back(refresher.step());
    world.clock.now_ms += waits.back().count();
  }
  CHECK(waits.front() == std::chrono::minutes(1));
  CHECK(waits[1] == std::chrono::minutes(2));
  CHECK(waits[3] == std::chrono::minutes(8));
  CHECK(world.asked["one"] > 7);
  CHECK(world.logs() == 2);
  CHECK_THAT(world.state("one").error, ContainsSubstring("is away"));
  CHECK(world.state("one").read_s == before.read_s);
  CHECK(world.state("one").logs == 1);
  CHECK(world.state("two").error.empty());
  world.texts["one"] = "hello\n";
  world.clock.now_ms += kHourMs;
  refresher.step();
  CHECK_THAT(world.state("one").error, ContainsSubstring("expected the header"));
  CHECK_THAT(world.metrics.text(),
             ContainsSubstring("witan_witness_list_failing{source=\"one\"} 1"));
  world.texts["one"] = refreshed_list({"a.example", "c.example"});
  world.clock.now_ms += kHourMs;
  refresher.step();
  CHECK(world.state("one").error.empty());
  CHECK(world.logs() == 3);
}

TEST_CASE("list refresh: another key for a known log is not taken, and stays in sight") {
  RefreshWorld world;
  world.texts["one"] = refreshed_list({"a.example"});
  ListRefresher& refresher = world.make({"one"});
  refresher.step();
  world.texts["one"] = "logs/v0\nvkey " + refreshed_key("a.example", 8) + "\nqpd 5\n\n";
  for (int hours = 0; hours < 2; ++hours) {
    world.clock.now_ms += kHourMs;
    refresher.step();
    CHECK(world.state("one").key_changes == 1);
    REQUIRE_FALSE(world.state("one").shown_warnings.empty());
    CHECK_THAT(
        world.state("one").shown_warnings[0],
        ContainsSubstring("another key") && ContainsSubstring(refreshed_key("a.example", 8)));
  }
  const auto log = world.store->find_log("a.example").value();
  REQUIRE(log->keys.size() == 1);
  CHECK(log->keys[0].text() == refreshed_key("a.example"));
  CHECK_FALSE(log->qpd);
  CHECK_THAT(world.metrics.text(),
             ContainsSubstring("witan_witness_list_key_changes{source=\"one\"} 1"));
}

TEST_CASE(
    "list refresh: a disabled log stays disabled, and a source that is dropped is forgotten") {
  RefreshWorld world;
  world.texts["one"] = refreshed_list({"a.example"});
  world.make({"one"}).step();
  REQUIRE(world.store->change_log("a.example", [](std::optional<KnownLog> log) {
    log->disabled = true;
    return Result<KnownLog>(std::move(*log));
  }));
  world.texts["one"] += "\n";
  world.clock.now_ms += kHourMs;
  world.refresher->step();
  CHECK(world.asked["one"] == 2);
  CHECK(world.store->find_log("a.example").value()->disabled);
  // What was known of a list outlasts a restart, its validators too.
  world.make({"one"}).step();
  CHECK(world.state("one").added == 1);
  world.make({"two"}).step();
  CHECK_THROWS(world.state("one"));
  CHECK(world.logs() == 1);
}

TEST_CASE("list refresh: a running one reads files of its folder, and stops") {
  RefreshWorld world;
  write_text(world.dir.at("list"), refreshed_list({"a.example"}));
  ListRefreshOptions options;
  options.sources = {"list"};
  options.folder = world.dir.path();
  ListRefresher refresher(*world.store, world.clock, world.metrics, options);
  REQUIRE(refresher.start());
  CHECK(eventually([&] { return world.logs() == 1; }));
  refresher.stop();
  refresher.stop();
}

TEST_CASE("list refresh: it stops at once while a server keeps it waiting, and notes nothing") {
  RefreshWorld world;
  std::promise<http::Respond> asked;
  const auto server = http::test::start(
      {}, [&](http::Request&&, const http::Respond& respond) { asked.set_value(respond); });
  ListRefreshOptions options;
  options.sources = {"http://" + server->address() + "/list"};
  options.fetch.deadline = std::chrono::hours(1);
  ListRefresher refresher(*world.store, world.clock, world.metrics, options);
  REQUIRE(refresher.start());
  const http::Respond held = asked.get_future().get();
  refresher.stop();
  const auto lists = world.store->lists().value();
  for (const ListState& list : lists) CHECK(list.error.empty());
}

}  // namespace
}  // namespace witan::test
