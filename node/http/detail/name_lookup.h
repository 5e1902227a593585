#pragma once
// Names to addresses with a deadline. getaddrinfo(3) knows none and cannot be stopped, so it runs
// in a thread of its own: whoever asked goes on at the deadline, the thread ends when the resolver
// does, and its result goes with it. Who asks for a name that is being looked up waits for the same
// thread, so that a resolver that answers nobody holds few of them.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <vector>

#include <boost/system/error_code.hpp>

#include "node/http/interrupt.h"

namespace witan::http::detail {

struct SocketAddress {
  int family = 0;
  int type = 0;
  int protocol = 0;
  sockaddr_storage address{};
  socklen_t size = 0;
};

struct FoundAddresses {
  boost::system::error_code error;  // Asio's and the system's; beast::error::timeout
  std::vector<SocketAddress> addresses;
};

// Blocks as long as it takes.
[[nodiscard]] FoundAddresses look_up_name(const std::string& host, std::uint16_t port);

class NameLookUp {
 public:
  // Look-ups at once, each in a thread of its own.
  static constexpr std::size_t kUnderWayMax = 64;
  // Callers that are called back by one look-up.
  static constexpr std::size_t kCalledBackMax = 64;

  using Blocking = std::function<FoundAddresses(const std::string& host, std::uint16_t port)>;
  explicit NameLookUp(Blocking blocking);

  // Errors: the look-up's; timeout at the deadline; try_again when kUnderWayMax others
  // are under way; operation_aborted soon after `interrupt`, if any, is set. Any thread.
  [[nodiscard]] FoundAddresses look_up(const std::string& host, std::uint16_t port,
                                       std::chrono::steady_clock::time_point deadline,
                                       const Interrupt* interrupt = nullptr);
  // The same without waiting and without a deadline: `found` is called in the look-up's own thread,
  // or at once with try_again. It must not throw.
  using Found = std::function<void(const FoundAddresses&)>;
  void look_up_later(const std::string& host, std::uint16_t port, Found found);
  // Threads that have not ended.
  [[nodiscard]] std::size_t under_way() const;

 private:
  struct Shared;
  struct Pending;
  // That of the name, begun when there is none; none when there are too many. The lock is held.
  [[nodiscard]] std::shared_ptr<Pending> pending(const std::string& host, std::uint16_t port);
  const std::shared_ptr<Shared> shared_;  // with the threads, which may outlive this object
};

// The process's, of the system's resolver.
[[nodiscard]] NameLookUp& system_names();

}  // namespace witan::http::detail
