#include "node/http/detail/name_lookup.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>

#include "node/http/detail/client_stream.h"

namespace witan::http::detail {
namespace {

namespace asio = boost::asio;

// How soon a waiting look-up notices that it is interrupted.
constexpr std::chrono::milliseconds kInterruptSeen{20};

error_code lookup_error(int code) {
  switch (code) {
    case EAI_AGAIN:
      return asio::error::host_not_found_try_again;
    case EAI_FAIL:
      return asio::error::no_recovery;
    case EAI_MEMORY:
      return asio::error::no_memory;
    case EAI_SYSTEM:
      return {errno, boost::system::system_category()};
    default:
      return asio::error::host_not_found;
  }
}

}  // namespace

FoundAddresses look_up_name(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_protocol = IPPROTO_TCP;
  hints.ai_flags = AI_NUMERICSERV | (is_address(host) ? AI_NUMERICHOST : AI_ADDRCONFIG);
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (code != 0) return {lookup_error(code), {}};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  FoundAddresses out;
  for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
    SocketAddress& found = out.addresses.emplace_back();
    found.family = item->ai_family;
    found.type = item->ai_socktype;
    found.protocol = item->ai_protocol;
    found.size = std::min<socklen_t>(item->ai_addrlen, sizeof found.address);
    std::memcpy(&found.address, item->ai_addr, found.size);
  }
  return out;
}

struct NameLookUp::Pending {
  std::condition_variable done;
  std::optional<FoundAddresses> found;  // under mutex
  std::vector<Found> called_back;       // under mutex
};

struct NameLookUp::Shared {
  using Key = std::pair<std::string, std::uint16_t>;

  explicit Shared(Blocking look_up) : blocking(std::move(look_up)) {}
  void run(const Key& key, const std::shared_ptr<Pending>& mine);

  const Blocking blocking;
  std::mutex mutex;
  std::map<Key, std::shared_ptr<Pending>> pending;  // under mutex
};

void NameLookUp::Shared::run(const Key& key, const std::shared_ptr<Pending>& mine) {
  FoundAddresses result;
  try {
    result = blocking(key.first, key.second);
  } catch (const std::exception&) {
    result.error = asio::error::no_memory;
  }
  std::vector<Found> called_back;
  {
    const std::lock_guard guard(mutex);
    mine->found = result;
    called_back.swap(mine->called_back);
    pending.erase(key);
    mine->done.notify_all();
  }
  for (const Found& found : called_back) found(result);
}

NameLookUp::NameLookUp(Blocking blocking)
    : shared_(std::make_shared<Shared>(std::move(blocking))) {}

std::shared_ptr<NameLookUp::Pending> NameLookUp::pending(const std::string& host,
                                                         std::uint16_t port) {
  const Shared::Key key(host, port);
  const auto found = shared_->pending.find(key);
  if (found != shared_->pending.end()) return found->second;
  if (shared_->pending.size() >= kUnderWayMax) return nullptr;
  auto mine = std::make_shared<Pending>();
  std::thread([shared = shared_, mine, key] { shared->run(key, mine); }).detach();
  shared_->pending.emplace(key, mine);  // the thread waits for the lock until then
  return mine;
}

FoundAddresses NameLookUp::look_up(const std::string& host, std::uint16_t port,
                                   std::chrono::steady_clock::time_point deadline,
                                   const Interrupt* interrupt) {
  std::unique_lock lock(shared_->mutex);
  const std::shared_ptr<Pending> mine = pending(host, port);
  if (!mine) return {asio::error::host_not_found_try_again, {}};
  const auto is_done = [&mine] { return mine->found.has_value(); };
  while (!is_done()) {
    const auto now = std::chrono::steady_clock::now();
    if (interrupt != nullptr && interrupt->is_set()) return {asio::error::operation_aborted, {}};
    if (now >= deadline) return {boost::beast::error::timeout, {}};
    const auto until = interrupt == nullptr ? deadline : std::min(deadline, now + kInterruptSeen);
    mine->done.wait_until(lock, until, is_done);
  }
  return *mine->found;
}

void NameLookUp::look_up_later(const std::string& host, std::uint16_t port, Found found) {
  {
    const std::lock_guard lock(shared_->mutex);
    const std::shared_ptr<Pending> mine = pending(host, port);
    if (mine && mine->called_back.size() < kCalledBackMax) {
      mine->called_back.push_back(std::move(found));
      return;
    }
  }
  found({asio::error::host_not_found_try_again, {}});
}

NameLookUp& system_names() {
  static NameLookUp names(look_up_name);
  return names;
}

std::size_t NameLookUp::under_way() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->pending.size();
}

}  // namespace witan::http::detail
