// Many clients on one log: no two cosignatures that do not fit, and losers know where it stands.
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/node/witness/witness_fixture.h"

namespace witan::test {
namespace {

constexpr std::size_t kRacers = 240;

// What one racer was answered.
struct RaceOutcome {
  std::size_t asked = 0;  // the size
  CosignAnswer answer;
};

TEST_CASE("witness race: of 240 clients on one log the winners are one history") {
  WitnessFixture fixture;
  REQUIRE(fixture.submit(0, 1));
  // Each wants to move the log from size 1 to another one, two of them to the same.
  std::vector<std::string> bodies;
  bodies.reserve(kRacers);
  for (std::size_t i = 0; i < kRacers; ++i) {
    bodies.push_back(fixture.world.request(1, 2 + i % 60).encode());
  }
  std::vector<std::future<CosignAnswer>> answers(kRacers);
  std::vector<std::thread> threads;
  for (std::size_t first = 0; first < 8; ++first) {
    threads.emplace_back([&, first] {
      for (std::size_t i = first; i < kRacers; i += 8) answers[i] = fixture.send(bodies[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::size_t winners = 0, size = 0;
  std::vector<std::size_t> told;
  for (std::size_t i = 0; i < kRacers; ++i) {
    REQUIRE(answers[i].wait_for(kPatience) == std::future_status::ready);
    const CosignAnswer answer = answers[i].get();
    if (answer) {
      ++winners;
      size = answer->mark.size.value;
      CHECK(answer->mark == fixture.world.mark(2 + i % 60));
    } else {
      CHECK(status_of(answer) == 409);
      told.push_back(answer.error().error.size);
    }
  }
  CHECK(winners == 1);
  for (const std::size_t loser : told) CHECK(loser == size);
  CHECK(fixture.kept()->mark == fixture.world.mark(size));
}

TEST_CASE("witness race: clients that try again bring the log to its end without a gap") {
  WitnessFixture fixture;
  constexpr std::size_t kEnd = 61;
  std::map<std::pair<std::size_t, std::size_t>, std::string> bodies;
  for (std::size_t from = 0; from < kEnd; ++from) {
    for (std::size_t to = from + 1; to <= kEnd; to += 7) {
      bodies[{from, to}] = fixture.world.request(from, to).encode();
    }
  }
  std::mutex mutex;
  std::vector<Cosigned> cosigned;  // under mutex
  std::atomic<bool> wrong = false;
  const auto racer = [&](std::size_t number) {
    std::size_t from = 0;
    while (from < kEnd) {
      const std::size_t choices = (kEnd - from - 1) / 7 + 1;
      const std::size_t to = from + 1 + 7 * (number % choices);
      const CosignAnswer answer = fixture.submit(bodies.at({from, to}));
      if (!answer) {
        // A loser learns where the log stands, which is further than it thought.
        if (status_of(answer) != 409 || answer.error().error.size <= from) wrong = true;
        if (wrong) return;
        from = answer.error().error.size;
        continue;
      }
      from = to;
      const std::lock_guard lock(mutex);
      cosigned.push_back(*answer);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 16; ++i) threads.emplace_back(racer, i);
  for (std::thread& thread : threads) thread.join();
  REQUIRE_FALSE(wrong);
  // Consistent: each is a root of the one tree. None twice: each grew it.
  std::map<std::size_t, std::size_t> times;
  for (const Cosigned& one : cosigned) {
    CHECK(one.mark == fixture.world.mark(one.mark.size.value));
    ++times[one.mark.size.value];
  }
  for (const auto& [size, count] : times) CHECK(count == 1);
  CHECK(times.count(kEnd) == 1);
  CHECK(fixture.kept()->mark == fixture.world.mark(kEnd));
}

}  // namespace
}  // namespace witan::test
