#include "node/http/detail/name_lookup.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>

#include "tests/support/catch.h"
#include "tests/support/wait.h"

namespace witan::http::detail {
namespace {

using std::chrono::steady_clock;

// A resolver that answers a name when it is let go.
class SlowResolver {
 public:
  FoundAddresses look_up(const std::string& host) {
    std::unique_lock lock(mutex_);
    ++asked_[host];
    freed_.wait(lock, [&] { return free_; });
    if (host == "throws.example") throw std::runtime_error("no memory");
    FoundAddresses out;
    if (host == "none.example") {
      out.error = boost::asio::error::host_not_found;
    } else {
      out.addresses.emplace_back().family = AF_INET6;
    }
    return out;
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    free_ = true;
    freed_.notify_all();
  }
  int asked(const std::string& host) {
    const std::lock_guard lock(mutex_);
    return asked_[host];
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::map<std::string, int> asked_;
  bool free_ = false;
};

NameLookUp look_up_with(const std::shared_ptr<SlowResolver>& resolver) {
  return NameLookUp(
      [resolver](const std::string& host, std::uint16_t) { return resolver->look_up(host); });
}

steady_clock::time_point soon() {
  return steady_clock::now() + witan::test::kPatience;
}

TEST_CASE("name look-up: the deadline ends the waiting, and the name is looked up once") {
  const auto resolver = std::make_shared<SlowResolver>();
  NameLookUp names = look_up_with(resolver);
  for (int i = 0; i < 3; ++i) {
    const auto found = names.look_up("slow.example", 443, steady_clock::now());
    CHECK(found.error == boost::beast::error::timeout);
    CHECK(found.addresses.empty());
  }
  CHECK(names.under_way() == 1);
  REQUIRE(witan::test::eventually([&] { return resolver->asked("slow.example") == 1; }));
  resolver->let_go();
  REQUIRE(witan::test::eventually([&] { return names.under_way() == 0; }));
  const auto found = names.look_up("slow.example", 443, soon());
  CHECK_FALSE(found.error);
  CHECK(found.addresses.size() == 1);
  CHECK(resolver->asked("slow.example") == 2);
}

TEST_CASE("name look-up: who asks for the same name gets the same answer") {
  const auto resolver = std::make_shared<SlowResolver>();
  NameLookUp names = look_up_with(resolver);
  std::vector<FoundAddresses> found(4);
  std::vector<std::thread> threads;
  for (FoundAddresses& one : found) {
    threads.emplace_back([&] { one = names.look_up("slow.example", 443, soon()); });
  }
  REQUIRE(witan::test::eventually([&] { return resolver->asked("slow.example") == 1; }));
  resolver->let_go();
  for (std::thread& thread : threads) thread.join();
  for (const FoundAddresses& one : found) CHECK(one.addresses.size() == 1);
  CHECK(names.look_up("none.example", 443, soon()).error == boost::asio::error::host_not_found);
  CHECK(names.look_up("throws.example", 443, soon()).error == boost::asio::error::no_memory);
  CHECK(names.under_way() == 0);
}

TEST_CASE("name look-up: threads are bounded, and may outlive who asked") {
  const auto resolver = std::make_shared<SlowResolver>();
  {
    NameLookUp names = look_up_with(resolver);
    for (std::size_t i = 0; i < NameLookUp::kUnderWayMax; ++i) {
      const std::string host = "h" + std::to_string(i) + ".example";
      CHECK(names.look_up(host, 443, steady_clock::now()).error == boost::beast::error::timeout);
    }
    CHECK(names.look_up("one-more.example", 443, soon()).error ==
          boost::asio::error::host_not_found_try_again);
  }
  resolver->let_go();
  REQUIRE(witan::test::eventually([&] { return resolver.use_count() == 1; }));
}

TEST_CASE("name look-up: who waits can be interrupted, who is called back waits not at all") {
  const auto resolver = std::make_shared<SlowResolver>();
  NameLookUp names = look_up_with(resolver);
  Interrupt interrupt;
  FoundAddresses found;
  std::thread waiting([&] {
    found = names.look_up("slow.example", 443, steady_clock::time_point::max(), &interrupt);
  });
  REQUIRE(witan::test::eventually([&] { return resolver->asked("slow.example") == 1; }));
  interrupt.set();
  waiting.join();
  CHECK(found.error == boost::asio::error::operation_aborted);
  std::atomic<std::size_t> called{0};
  std::atomic<std::size_t> refused{0};
  for (std::size_t i = 0; i < NameLookUp::kCalledBackMax + 1; ++i) {
    names.look_up_later("slow.example", 443,
                        [&](const FoundAddresses& later) { ++(later.error ? refused : called); });
  }
  CHECK(called == 0);
  CHECK(refused == 1);
  resolver->let_go();
  CHECK(witan::test::eventually([&] { return called == NameLookUp::kCalledBackMax; }));
  CHECK(resolver->asked("slow.example") == 1);
}

TEST_CASE("name look-up: the system's resolver knows this machine") {
  NameLookUp names(look_up_name);
  const auto found = names.look_up("localhost", 443, soon());
  CHECK_FALSE(found.error);
  CHECK_FALSE(found.addresses.empty());
  const auto address = look_up_name("127.0.0.1", 80);
  REQUIRE(address.addresses.size() == 1);
  CHECK(address.addresses[0].family == AF_INET);
  CHECK(look_up_name("", 80).error);
}

}  // namespace
}  // namespace witan::http::detail
