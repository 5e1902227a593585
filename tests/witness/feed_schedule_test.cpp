#include "witness/feed_schedule.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "config/feed_limits.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

using std::chrono::seconds;
using Feeds = std::vector<std::pair<std::string, LogFeed>>;

LogFeed feed_at(const std::string& host, std::uint32_t every_s = 0) {
  return {"https://" + host + "/log", FeedLayout::kTiles, every_s};
}

FeedDone outcome(FeedOutcome what, seconds retry_after = {}, bool host_fails = false) {
  return {what, "", retry_after, host_fails};
}

// Reads logs in virtual time with so many workers, each for so long.
class FeedSimulation {
 public:
  explicit FeedSimulation(std::size_t workers, const FeedScheduleOptions& options = {})
      : schedule(options, [this] { return share_(random_); }), workers_(workers) {}

  void run(std::uint64_t until_ms) {
    while (now_ms < until_ms) {
      while (busy_.size() < workers_) {
        const auto due = schedule.take(now_ms);
        if (!due) break;
        const std::string host = feed_host(due->feed.url);
        reads[due->origin].push_back(now_ms);
        ++at_host[host];
        most_at_host = std::max(most_at_host, at_host[host]);
        late_ms = std::max<std::uint64_t>(late_ms, due->late.count());
        busy_.emplace(now_ms + (dead(host) ? dead_ms : read_ms), due->origin, host);
      }
      std::uint64_t next = schedule.next_ms().value_or(until_ms);
      if (busy_.size() == workers_) next = until_ms;
      if (!busy_.empty()) next = std::min(next, std::get<0>(busy_.top()));
      now_ms = std::max(now_ms, std::min(next, until_ms));
      while (!busy_.empty() && std::get<0>(busy_.top()) <= now_ms) {
        const auto [end_ms, origin, host] = busy_.top();
        busy_.pop();
        --at_host[host];
        schedule.done(origin, answer(origin, host), now_ms);
      }
    }
  }

  bool dead(const std::string& host) const { return host == "https://dead.example"; }
  FeedDone answer(const std::string& origin, const std::string& host) const {
    const auto known = answers.find(origin);
    if (known != answers.end()) return known->second;
    if (dead(host)) return outcome(FeedOutcome::kUnreachable, {}, true);
    return outcome(FeedOutcome::kUnchanged);
  }

 private:
  std::mt19937 random_{11};
  std::uniform_real_distribution<double> share_{0, 1};

 public:
  FeedSchedule schedule;
  std::uint64_t now_ms = 1'000;
  std::uint64_t read_ms = 100, dead_ms = 10'000;
  std::map<std::string, FeedDone> answers;
  std::map<std::string, std::vector<std::uint64_t>> reads;
  std::map<std::string, std::size_t> at_host;
  std::size_t most_at_host = 0;
  std::uint64_t late_ms = 0;

 private:
  using Busy = std::tuple<std::uint64_t, std::string, std::string>;
  std::size_t workers_;
  std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy_;
};

TEST_CASE("feed schedule: thousands of logs are each read in their time, few of one host at once") {
  FeedSimulation world(20);
  Feeds feeds;
  for (int i = 0; i < 5'000; ++i) {
    feeds.emplace_back("log" + std::to_string(i), feed_at("h" + std::to_string(i % 400)));
  }
  world.schedule.set(feeds, world.now_ms);
  CHECK(world.schedule.size() == 5'000);
  world.run(1'000 + 600'000);
  CHECK(world.most_at_host == limits::kFeedPerHostMax);
  CHECK(world.reads.size() == 5'000);
  CHECK(world.late_ms < 5'000);
  for (const auto& [origin, times] : world.reads) {
    INFO(origin);
    CHECK(times.size() >= 8);
    CHECK(times.size() <= 12);
  }
}

TEST_CASE(
    "feed schedule: with too few workers all logs are read ever later, and none is left out") {
  FeedSimulation world(2);
  world.read_ms = 1'000;
  Feeds feeds;
  for (int i = 0; i < 600; ++i) {
    feeds.emplace_back("log" + std::to_string(i), feed_at("h" + std::to_string(i)));
  }
  world.schedule.set(feeds, world.now_ms);
  world.run(1'000 + 1'500'000);
  CHECK(world.reads.size() == 600);
  for (const auto& [origin, times] : world.reads) {
    INFO(origin);
    CHECK(times.size() >= 4);
    CHECK(times.size() <= 6);
  }
}

TEST_CASE("feed schedule: a dead host with many logs takes nothing from the others") {
  FeedSimulation world(4);
  Feeds feeds;
  for (int i = 0; i < 1'000; ++i) {
    feeds.emplace_back("dead" + std::to_string(i), feed_at("dead.example"));
  }
  for (int i = 0; i < 100; ++i) {
    feeds.emplace_back("log" + std::to_string(i), feed_at("h" + std::to_string(i)));
  }
  world.schedule.set(feeds, world.now_ms);
  world.run(1'000 + 600'000);
  std::size_t dead_reads = 0;
  for (const auto& [origin, times] : world.reads) {
    if (origin.starts_with("dead")) {
      dead_reads += times.size();
    } else {
      INFO(origin);
      CHECK(times.size() >= 8);
    }
  }
  CHECK(dead_reads >= 2);
  CHECK(dead_reads < 30);
}

TEST_CASE("feed schedule: a log that fails is left alone ever longer, and no longer than an hour") {
  FeedSimulation world(1);
  world.answers["log"] = outcome(FeedOutcome::kBadTile);
  world.schedule.set({{"log", feed_at("h")}}, world.now_ms);
  world.run(1'000 + 8 * 3'600'000);
  const auto& times = world.reads["log"];
  REQUIRE(times.size() > 8);
  for (std::size_t i = 1; i < times.size(); ++i) {
    const std::uint64_t pause = times[i] - times[i - 1];
    CHECK(pause >= std::min<std::uint64_t>(60'000 << i, 3'600'000) * 9 / 10);
    CHECK(pause <= 3'600'000 * 11 / 10 + 100);
  }
  world.answers.clear();
  world.reads.clear();
  world.run(world.now_ms + 2 * 3'600'000);
  CHECK(world.reads["log"].size() > 50);
}

TEST_CASE("feed schedule: a log that shrank or forked is read on, slowly") {
  for (const FeedOutcome what : {FeedOutcome::kShrunk, FeedOutcome::kForked}) {
    FeedSimulation world(1);
    world.answers["log"] = outcome(what);
    world.schedule.set({{"log", feed_at("h")}}, world.now_ms);
    world.run(1'000 + 10 * 3'600'000);
    CHECK(world.reads["log"].size() >= 9);
    CHECK(world.reads["log"].size() <= 12);
  }
}

TEST_CASE("feed schedule: Retry-After holds the whole host, and is bounded") {
  FeedSimulation world(1);
  world.answers["a"] = outcome(FeedOutcome::kUnreachable, seconds(600), true);
  world.schedule.set({{"a", feed_at("h", 10)}, {"b", feed_at("h", 10)}, {"c", feed_at("i", 10)}},
                     world.now_ms);
  world.run(1'000 + 550'000);
  CHECK(world.reads["a"].size() == 1);
  CHECK(world.reads["b"].size() <= 1);
  CHECK(world.reads["c"].size() >= 40);
  world.answers["a"] = outcome(FeedOutcome::kUnreachable, seconds(10'000'000), true);
  world.run(1'000 + 3 * 86'400'000ull);
  CHECK(world.reads["a"].size() >= 3);
}

TEST_CASE("feed schedule: logs come, go and change, also while they are read") {
  FeedSchedule schedule({}, [] { return 0.5; });
  schedule.set({{"a", feed_at("h")}, {"b", feed_at("h")}}, 1'000);
  auto first = schedule.take(2'000);
  REQUIRE(first);
  CHECK(schedule.in_work() == 1);
  const std::string other = first->origin == "a" ? "b" : "a";
  // The one that is read goes, the other one changes its address.
  schedule.set({{other, feed_at("elsewhere")}}, 2'000);
  CHECK(schedule.size() == 2);
  const auto moved = schedule.take(3'000);
  REQUIRE(moved);
  CHECK(moved->feed == feed_at("elsewhere"));
  schedule.done(first->origin, outcome(FeedOutcome::kUnchanged), 3'000);
  CHECK(schedule.size() == 1);
  // It changes back while it is read.
  schedule.set({{other, feed_at("h")}}, 3'000);
  CHECK_FALSE(schedule.take(4'000));
  schedule.done(other, outcome(FeedOutcome::kUnchanged), 4'000);
  const auto back = schedule.take(4'000);
  REQUIRE(back);
  CHECK(back->feed == feed_at("h"));
  schedule.done(other, outcome(FeedOutcome::kUnchanged), 5'000);
  CHECK_FALSE(schedule.take(5'000 + 53'000));
  CHECK(schedule.take(5'000 + 67'000));
  schedule.done("unknown", outcome(FeedOutcome::kUnchanged), 6'000);
  CHECK(schedule.in_work() == 1);
}

TEST_CASE("feed schedule: hosts are told from paths") {
  CHECK(feed_host("https://a.example/log/1") == "https://a.example");
  CHECK(feed_host("http://a.example:8080") == "http://a.example:8080");
}

}  // namespace
}  // namespace witan
