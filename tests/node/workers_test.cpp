#include "node/workers.h"

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include "node/log.h"
#include "tests/support/catch.h"

using witan::Workers;

TEST_CASE("workers: every job that was taken is run, also those queued at the end") {
  std::atomic<int> done{0};
  {
    Workers workers("test", 2, 10'000);
    for (int i = 0; i < 1'000; ++i) REQUIRE(workers.submit([&] { ++done; }));
  }
  CHECK(done == 1'000);
}

TEST_CASE("workers: a full queue refuses, and takes again when there is room") {
  std::promise<void> begun;
  std::promise<void> release;
  std::atomic<int> done{0};
  Workers workers("test", 1, 2);
  REQUIRE(workers.submit([&] {
    begun.set_value();
    release.get_future().wait();
    ++done;
  }));
  begun.get_future().wait();
  CHECK(workers.submit([&] { ++done; }));
  std::promise<void> last;
  CHECK(workers.submit([&] {
    ++done;
    last.set_value();
  }));
  CHECK_FALSE(workers.submit([&] { ++done; }));
  CHECK(workers.queued() == 2);
  release.set_value();
  last.get_future().wait();
  CHECK(workers.submit([&] { ++done; }));
  workers.stop();
  CHECK(done == 4);
  CHECK_FALSE(workers.submit([&] { ++done; }));
  CHECK(done == 4);
}

TEST_CASE("workers: an exception in a job is logged and the thread goes on") {
  std::string logged;
  witan::set_log_sink([&](witan::LogLevel, std::string_view line) { logged += line; });
  std::atomic<bool> later{false};
  {
    Workers workers("test", 1, 10);
    REQUIRE(workers.submit([] { throw std::runtime_error("boom"); }));
    REQUIRE(workers.submit([&] { later = true; }));
  }
  witan::set_log_sink({});
  CHECK(later);
  CHECK_THAT(logged, ContainsSubstring("boom"));
}

TEST_CASE("workers: jobs submitted from many threads at once are all run") {
  std::atomic<int> done{0};
  std::atomic<int> taken{0};
  {
    Workers workers("test", 4, 1'000);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5'000; ++i) taken += workers.submit([&] { ++done; }) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(done == taken);
  CHECK(taken > 0);
}
