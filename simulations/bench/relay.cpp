#include "simulations/bench/relay.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace witan::bench {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int open_socket() {
  return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
}

void send_at_once(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

tl::unexpected<Error> relay_failed(const char* call) {
  return fail(ErrorCode::kIo, std::string("relay: ") + call + ": " + std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<Relay>> Relay::start(std::uint16_t port,
                                            std::chrono::microseconds round_trip) {
  const int listener = open_socket();
  if (listener < 0) return relay_failed("socket");
  sockaddr_in own = loopback(0);
  socklen_t size = sizeof own;
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&own), size) != 0 ||
      ::listen(listener, SOMAXCONN) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    const auto failure = relay_failed("listen");
    ::close(listener);
    return failure;
  }
  return std::unique_ptr<Relay>(new Relay(listener, ntohs(own.sin_port), port, round_trip / 2));
}

Relay::Relay(int listener, std::uint16_t port, std::uint16_t to, std::chrono::microseconds one_way)
    : listener_(listener), port_(port), to_(to), one_way_(one_way) {
  accepting_ = std::thread([this] { accept_loop(); });
}

Relay::~Relay() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  accepting_.join();
  for (std::thread& thread : threads_) thread.join();
  for (const int socket : sockets_) ::close(socket);
  ::close(listener_);
}

void Relay::accept_loop() {
  while (true) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0 && errno == EINTR) continue;
    if (client < 0) return;
    const int server = open_socket();
    const sockaddr_in to = loopback(to_);
    const bool connected =
        server >= 0 && ::connect(server, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    const std::lock_guard lock(mutex_);
    sockets_.push_back(client);
    if (server >= 0) sockets_.push_back(server);
    if (stopping_) return;
    if (!connected) {
      ::shutdown(client, SHUT_RDWR);
      continue;
    }
    for (const int socket : {client, server}) send_at_once(socket);
    threads_.emplace_back([this, client, server] { carry(client, server); });
    threads_.emplace_back([this, client, server] { carry(server, client); });
  }
}

// A request, and an answer, is one piece here: what comes while one is held comes later, which only
// a client that does not wait for answers would see.
void Relay::carry(int from, int to) const {
  std::array<char, 64u << 10> piece{};
  while (true) {
    const ssize_t got = ::recv(from, piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    std::this_thread::sleep_for(one_way_);
    for (ssize_t at = 0; at < got;) {
      const ssize_t sent =
          ::send(to, piece.data() + at, static_cast<std::size_t>(got - at), MSG_NOSIGNAL);
      if (sent <= 0) break;
      at += sent;
    }
  }
  ::shutdown(to, SHUT_WR);
}

}  // namespace witan::bench
