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

struct NameLookUp::Shared {
  struct Pending {
    std::condition_variable done;
    std::optional<FoundAddresses> found;  // under mutex
  };
  using Key = std::pair<std::string, std::uint16_t>;

  explicit Shared(Blocking look_up) : blocking(std::move(look_up)) {}
  const Blocking blocking;
  std::mutex mutex;
  std::map<Key, std::shared_ptr<Pending>> pending;  // under mutex
};

NameLookUp::NameLookUp(Blocking blocking)
    : shared_(std::make_shared<Shared>(std::move(blocking))) {}

FoundAddresses NameLookUp::look_up(const std::string& host, std::uint16_t port,
                                   std::chrono::steady_clock::time_point deadline) {
  const Shared::Key key(host, port);
  std::unique_lock lock(shared_->mutex);
  std::shared_ptr<Shared::Pending> mine;
  if (const auto found = shared_->pending.find(key); found != shared_->pending.end()) {
    mine = found->second;
  } else {
    if (shared_->pending.size() >= kUnderWayMax) {
      return {asio::error::host_not_found_try_again, {}};
    }
    mine = std::make_shared<Shared::Pending>();
    const auto work = [shared = shared_, mine, key] {
      FoundAddresses result;
      try {
        result = shared->blocking(key.first, key.second);
      } catch (const std::exception&) {
        result.error = asio::error::no_memory;
      }
      const std::lock_guard guard(shared->mutex);
      mine->found = std::move(result);
      shared->pending.erase(key);
      mine->done.notify_all();
    };
    std::thread(work).detach();
    shared_->pending.emplace(key, mine);  // the thread waits for the lock until then
  }
  const auto is_done = [&mine] { return mine->found.has_value(); };
  if (!mine->done.wait_until(lock, deadline, is_done)) return {boost::beast::error::timeout, {}};
  return *mine->found;
}

std::size_t NameLookUp::under_way() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->pending.size();
}

}  // namespace witan::http::detail
