#include "node/witness/feeder.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "tests/node/http/http_fixture.h"
#include "tests/node/witness/witness_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/wait.h"
#include "tests/witness/tiled_log.h"

namespace witan::test {
namespace {

// A log's server that lies when it is told to.
class FedLog {
 public:
  using Lie = std::function<bool(const std::string& path, const http::Respond& respond)>;

  FedLog() {
    server_ = http::test::start({}, [this](http::Request&& request, http::Respond respond) {
      Lie lie;
      {
        const std::lock_guard lock(mutex_);
        agent_ = std::string(request.header("user-agent").value_or(""));
        asked_.insert(request.path);
        lie = lie_;
      }
      if (lie && lie(request.path, respond)) return;
      const FeedBody body = log.load()->get(request.path, size);
      http::Response response;
      response.status = body.status;
      response.body = body.body;
      respond(std::move(response));
    });
  }

  void lie(Lie next) {
    const std::lock_guard lock(mutex_);
    lie_ = std::move(next);
  }
  [[nodiscard]] std::string url() const { return "http://" + server_->address(); }
  [[nodiscard]] std::set<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  [[nodiscard]] std::string agent() {
    const std::lock_guard lock(mutex_);
    return agent_;
  }

  TiledLog honest{1'000};
  std::atomic<const TiledLog*> log = &honest;
  std::atomic<std::size_t> size = 300;

 private:
  std::mutex mutex_;
  Lie lie_;
  std::set<std::string> asked_;
  std::string agent_;
  std::unique_ptr<http::Server> server_;  // ends first
};

// A witness that reads one log, in a virtual time.
class FeederWorld {
 public:
  explicit FeederWorld(std::chrono::milliseconds request_deadline =
                           std::chrono::milliseconds(kSanitized ? 2'000 : 500)) {
    REQUIRE(witness.store->change_log(fed.honest.origin, [&](const std::optional<KnownLog>&) {
      KnownLog known;
      known.keys = {fed.honest.key.vkey};
      return Result<KnownLog>(std::move(known));
    }));
    point_to(fed.url());
    FeederOptions options;
    options.threads = 2;
    options.request_deadline = request_deadline;
    options.reread = std::chrono::milliseconds(2);
    feeder = std::make_unique<Feeder>(*witness.service, witness.clock, *witness.metrics, options,
                                      [] { return 0.0; });
    feeder->start();
  }
  ~FeederWorld() { feeder->stop(); }

  void point_to(const std::string& url) {
    REQUIRE(witness.store->put_feed(fed.honest.origin, LogFeed{url, FeedLayout::kTiles, 10}));
  }
  [[nodiscard]] std::uint64_t counted(const std::string& outcome) const {
    const FeedingStatus status = feeder->status();
    for (const auto& [name, count] : status.counted) {
      if (name == outcome) return count;
    }
    throw std::runtime_error("no outcome " + outcome);
  }
  // Lets time pass until one more reading has come to that.
  [[nodiscard]] bool comes_to(const std::string& outcome, std::uint64_t step_ms = 100'000) {
    const std::uint64_t before = counted(outcome);
    std::size_t polls = 0;
    return eventually([&] {
      // Slower than it is read, so that days do not pass by.
      if (polls++ % 5 == 0) witness.clock.now_ms += step_ms;
      return counted(outcome) > before;
    });
  }
  [[nodiscard]] std::uint64_t stands_at() const {
    const auto kept = witness.store->find_checkpoint(sha256(as_bytes(fed.honest.origin))).value();
    return kept ? kept->mark.size.value : 0;
  }

  FedLog fed;
  WitnessFixture witness;
  std::unique_ptr<Feeder> feeder;
};

TEST_CASE("feeder: a log that does not push is cosigned as it grows") {
  FeederWorld world;
  REQUIRE(eventually([&] { return world.stands_at() == 300; }));
  CHECK(world.comes_to("unchanged"));
  for (const std::size_t size : {301, 512, 1'000}) {
    world.fed.size = size;
    CHECK(world.comes_to("cosigned"));
    CHECK(world.stands_at() == size);
  }
  CHECK(world.fed.asked().count("/tile/0/000") == 0);  // nothing that no proof needed
  CHECK_THAT(world.fed.agent(), ContainsSubstring("witness.example/w"));
  const FeedingStatus status = world.feeder->status();
  CHECK(status.logs == 1);
  CHECK(status.alarms.empty());
  CHECK(status.failing.empty());
  CHECK_THAT(world.witness.metrics->text(),
             ContainsSubstring("witan_witness_feed_readings_total{result=\"cosigned\"} 4"));
}

TEST_CASE("feeder: a log that shrinks or forks is never cosigned, and reported") {
  TiledLog fork(1'000, 250, 1);  // outlives its server
  fork.key = make_cosign_key(fork.origin);
  FeederWorld world;
  REQUIRE(eventually([&] { return world.stands_at() == 300; }));
  world.fed.size = 200;
  REQUIRE(world.comes_to("shrunk"));
  REQUIRE(world.feeder->status().alarms.size() == 1);
  CHECK(world.feeder->status().alarms[0].outcome == FeedOutcome::kShrunk);
  world.fed.size = 310;
  REQUIRE(eventually([&] {
    world.witness.clock.now_ms += 4'000'000;  // it is read slowly now
    return world.stands_at() == 310;
  }));
  CHECK(eventually([&] { return world.feeder->status().alarms.empty(); }));

  REQUIRE(world.witness.store->change_log(fork.origin, [&](std::optional<KnownLog> log) {
    log->keys = {fork.key.vkey};
    return Result<KnownLog>(std::move(*log));
  }));
  world.fed.log = &fork;
  world.fed.size = 700;
  REQUIRE(eventually([&] {
    world.witness.clock.now_ms += 4'000'000;
    return world.counted("forked") > 0;
  }));
  CHECK(world.stands_at() == 310);
  REQUIRE(eventually([&] { return world.feeder->status().alarms.size() == 1; }));
  CHECK(world.feeder->status().alarms[0].outcome == FeedOutcome::kForked);
  CHECK_THAT(world.feeder->status().alarms[0].message, ContainsSubstring("first 310 entries"));
  CHECK_THAT(world.witness.metrics->text(), ContainsSubstring("witan_witness_feed_alarms 1"));
}

TEST_CASE("feeder: lying, dead and endless servers are survived, and said by name") {
  FeederWorld world;
  REQUIRE(eventually([&] { return world.stands_at() == 300; }));
  world.fed.size = 600;
  const auto answers = [](unsigned status, std::string body) {
    return [status, body](const std::string&, const http::Respond& respond) {
      respond(http::Response::text(status, "text/plain", body));
      return true;
    };
  };
  world.fed.lie(answers(404, ""));
  CHECK(world.comes_to("unreachable"));
  world.fed.lie(answers(301, ""));
  CHECK(world.comes_to("unreachable"));
  world.fed.lie(answers(200, "hello\n"));
  CHECK(world.comes_to("malformed"));
  world.fed.lie(answers(200, std::string(limits::kNoteBytesMax + 1, 'x')));
  CHECK(world.comes_to("malformed"));
  CHECK_THAT(world.feeder->status().failing.at(0).second, ContainsSubstring("malformed"));
  world.fed.lie([&](const std::string& path, const http::Respond& respond) {
    if (path == "/checkpoint") return false;
    respond(http::Response::text(200, "x", std::string(256 * 32, 'x')));
    return true;
  });
  CHECK(world.comes_to("malformed"));  // larger than the partial tile may be
  world.fed.lie([&](const std::string& path, const http::Respond& respond) {
    if (path == "/checkpoint") return false;
    Bytes wrong = world.fed.honest.get(path, 600).body;
    wrong[0] ^= 1;
    respond(http::Response::text(200, "x", std::string(as_text(wrong))));
    return true;
  });
  CHECK(world.comes_to("bad-tile"));
  // One that never answers.
  struct Held {
    std::mutex mutex;
    std::vector<http::Respond> responds;
  };
  world.fed.lie(
      [held = std::make_shared<Held>()](const std::string&, const http::Respond& respond) {
        const std::lock_guard lock(held->mutex);
        held->responds.push_back(respond);
        return true;
      });
  CHECK(world.comes_to("unreachable"));
  CHECK(world.stands_at() == 300);
  world.fed.lie({});
  CHECK(world.comes_to("cosigned"));
  CHECK(world.stands_at() == 600);
  CHECK(eventually([&] { return world.feeder->status().failing.empty(); }));
  world.point_to("http://127.0.0.1:1");
  CHECK(world.comes_to("unreachable"));
}

TEST_CASE("feeder: it stops at once while a server keeps it waiting") {
  FeederWorld world(std::chrono::hours(1));
  // Not merely stored: the reading has ended, and the next is due by the clock.
  REQUIRE(eventually([&] { return world.counted("cosigned") == 1; }));
  const auto asked = std::make_shared<std::promise<http::Respond>>();
  auto first = asked->get_future();
  world.fed.lie([asked, once = std::make_shared<std::once_flag>()](const std::string&,
                                                                   const http::Respond& respond) {
    std::call_once(*once, [&] { asked->set_value(respond); });
    return true;
  });
  world.witness.clock.now_ms += 100'000;
  const http::Respond held = first.get();
  world.feeder->stop();
  CHECK(world.feeder->status().failing.empty());
  CHECK(world.counted("unreachable") == 0);
}

TEST_CASE("feeder: logs are disabled, removed and limited while it runs") {
  FeederWorld world;
  REQUIRE(eventually([&] { return world.stands_at() == 300; }));
  const auto change = [&](const std::function<void(KnownLog&)>& edit) {
    REQUIRE(
        world.witness.store->change_log(world.fed.honest.origin, [&](std::optional<KnownLog> log) {
          edit(*log);
          return Result<KnownLog>(std::move(*log));
        }));
  };
  change([](KnownLog& log) { log.disabled = true; });
  world.fed.size = 400;
  CHECK(world.comes_to("unknown-log"));
  CHECK(world.stands_at() == 300);
  change([](KnownLog& log) { log.disabled = false; });
  CHECK(world.comes_to("cosigned"));
  change([](KnownLog& log) { log.qpd = 1; });
  world.fed.size = 500;
  CHECK(world.comes_to("cosigned", 20'000));
  world.fed.size = 600;
  CHECK(world.comes_to("over-quota", 20'000));
  CHECK(world.stands_at() == 500);
  REQUIRE(world.witness.store->put_feed(world.fed.honest.origin, std::nullopt));
  CHECK(eventually([&] {
    world.witness.clock.now_ms += 10;
    return world.feeder->status().logs == 0;
  }));
}

}  // namespace
}  // namespace witan::test
