#pragma once
// A token bucket per client, in a table of bounded size. SCRAPI asks for a rate limit where
// registration is open to anybody.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/limits.h"

namespace witan::http {

class RateLimiter {
 public:
  // Each client may do `burst` things at once and `per_second` on average. Both at least above 0;
  // a burst below 1 is taken as 1.
  RateLimiter(double per_second, double burst,
              std::size_t clients_max = limits::kRateLimitedClientsMax);

  // Takes one token of the client (Request::client). 0 when there was one; else the whole seconds
  // after which there is one again, at least 1: the Retry-After. `steady_ms` is Clock::steady_ms.
  // A client that the full table does not know takes the place of the one seen longest ago. From
  // any thread.
  [[nodiscard]] std::chrono::seconds take(std::string_view client, std::uint64_t steady_ms);

  [[nodiscard]] std::size_t clients() const;

  // What shares a bucket: an IPv4 address; the /64 of an IPv6 address (RFC 4291 hosts own whole
  // /64s). Text that is no address stands for itself.
  [[nodiscard]] static std::string key_of(std::string_view client);

 private:
  struct Bucket {
    std::string key;
    double tokens;
    std::uint64_t updated_ms;
  };

  const double per_second_;
  const double burst_;
  const std::size_t clients_max_;
  mutable std::mutex mutex_;
  std::list<Bucket> buckets_;  // seen last at the front; under mutex_
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> by_key_;  // under mutex_
};

}  // namespace witan::http
