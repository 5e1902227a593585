#include "node/http/rate_limiter.h"

#include <cstdint>
#include <string>

#include "tests/support/catch.h"

using std::chrono::seconds;
using witan::http::RateLimiter;

TEST_CASE("rate limiter: a burst passes, the next waits, time refills") {
  RateLimiter limiter(2, 3);
  for (int i = 0; i < 3; ++i) CHECK(limiter.take("192.0.2.1", 1'000) == seconds(0));
  CHECK(limiter.take("192.0.2.1", 1'000) == seconds(1));
  CHECK(limiter.take("192.0.2.1", 1'499) == seconds(1));
  CHECK(limiter.take("192.0.2.1", 1'500) == seconds(0));
  CHECK(limiter.take("192.0.2.1", 1'500) == seconds(1));
  // Never more than the burst, however long nothing came.
  for (int i = 0; i < 3; ++i) CHECK(limiter.take("192.0.2.1", 9'000'000) == seconds(0));
  CHECK(limiter.take("192.0.2.1", 9'000'000) == seconds(1));
}

TEST_CASE("rate limiter: the wait it names is enough") {
  RateLimiter limiter(0.1, 1);
  CHECK(limiter.take("192.0.2.1", 0) == seconds(0));
  const seconds wait = limiter.take("192.0.2.1", 0);
  CHECK(wait == seconds(10));
  CHECK(limiter.take("192.0.2.1", static_cast<std::uint64_t>(wait.count()) * 1'000) == seconds(0));
}

TEST_CASE("rate limiter: clients do not share a bucket, one IPv6 /64 does") {
  RateLimiter limiter(1, 1);
  CHECK(limiter.take("192.0.2.1", 0) == seconds(0));
  CHECK(limiter.take("192.0.2.2", 0) == seconds(0));
  CHECK(limiter.take("192.0.2.1", 0) == seconds(1));
  CHECK(limiter.take("2001:db8:1:2::1", 0) == seconds(0));
  CHECK(limiter.take("2001:db8:1:2:ffff::9", 0) == seconds(1));
  CHECK(limiter.take("2001:db8:1:3::1", 0) == seconds(0));
  CHECK(RateLimiter::key_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
  CHECK(RateLimiter::key_of("fe80::1%eth0") == "fe80::/64");
  CHECK(RateLimiter::key_of("not:an:address") == "not:an:address");
}

TEST_CASE("rate limiter: the table stays bounded and forgets who was seen longest ago") {
  RateLimiter limiter(0.001, 1, 100);
  for (int i = 0; i < 1'000; ++i) {
    CHECK(limiter.take("client" + std::to_string(i), 0) == seconds(0));
  }
  CHECK(limiter.clients() == 100);
  CHECK(limiter.take("client999", 0) > seconds(0));
  CHECK(limiter.take("client900", 0) > seconds(0));
  CHECK(limiter.take("client0", 0) == seconds(0));  // forgotten, so it starts anew
  CHECK(limiter.clients() == 100);
}

TEST_CASE("rate limiter: time that goes back does not give tokens") {
  RateLimiter limiter(1, 1);
  CHECK(limiter.take("a", 10'000) == seconds(0));
  CHECK(limiter.take("a", 0) == seconds(1));
  CHECK(limiter.take("a", 10'500) == seconds(1));
  CHECK(limiter.take("a", 11'000) == seconds(0));
}
