#include "node/http/rate_limiter.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cmath>
#include <iterator>
#include <netinet/in.h>
#include <utility>

namespace witan::http {

RateLimiter::RateLimiter(double per_second, double burst, std::size_t clients_max)
    : per_second_(std::max(per_second, 1e-6)),
      burst_(std::max(burst, 1.0)),
      clients_max_(std::max<std::size_t>(clients_max, 1)) {}

std::chrono::seconds RateLimiter::take(std::string_view client, std::uint64_t steady_ms) {
  std::string key = key_of(client);
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    buckets_.splice(buckets_.begin(), buckets_, found->second);
  } else {
    if (buckets_.size() >= clients_max_) {
      by_key_.erase(buckets_.back().key);
      buckets_.pop_back();
    }
    buckets_.push_front(Bucket{std::move(key), burst_, steady_ms});
    by_key_.emplace(buckets_.front().key, buckets_.begin());
  }
  Bucket& bucket = buckets_.front();
  if (steady_ms > bucket.updated_ms) {
    const double seconds = static_cast<double>(steady_ms - bucket.updated_ms) / 1000;
    bucket.tokens = std::min(burst_, bucket.tokens + seconds * per_second_);
    bucket.updated_ms = steady_ms;
  }
  // A hair below 1 is 1: the sum of many small refills must not cost a client its token.
  if (bucket.tokens >= 1 - 1e-9) {
    bucket.tokens = std::max(0.0, bucket.tokens - 1);
    return std::chrono::seconds(0);
  }
  const double wait = std::ceil((1 - bucket.tokens) / per_second_);
  return std::chrono::seconds(static_cast<std::int64_t>(std::clamp(wait, 1.0, 1e6)));
}

std::size_t RateLimiter::clients() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

std::string RateLimiter::key_of(std::string_view client) {
  if (client.find(':') == std::string_view::npos) return std::string(client);
  in6_addr address{};
  const std::string text(client.substr(0, client.find('%')));  // without the interface
  if (inet_pton(AF_INET6, text.c_str(), &address) != 1) return std::string(client);
  std::fill(std::begin(address.s6_addr) + 8, std::end(address.s6_addr), std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> out{};
  inet_ntop(AF_INET6, &address, out.data(), out.size());
  return std::string(out.data()) + "/64";
}

}  // namespace witan::http
