// A client's TCP connection, and TCP below TLS.

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>

#include "node/http/detail/client_stream.h"
#include "node/http/detail/name_lookup.h"

namespace witan::http::detail {

namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

error_code system_error(int number) {
  return {number, boost::system::system_category()};
}

class TcpStream final : public ClientStream {
 public:
  TcpStream(int socket, std::shared_ptr<const Interrupt> interrupt)
      : socket_(socket), interrupt_(std::move(interrupt)) {}
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;
  ~TcpStream() override { ::close(socket_); }

  void connect(const SocketAddress& to, Deadline deadline, error_code& error) {
    error = {};
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to.address), to.size) == 0) return;
    error = system_error(errno);
    // An interrupted attempt goes on by itself, too.
    if (error != asio::error::in_progress && error != asio::error::interrupted) return;
    if (!wait(POLLOUT, deadline, error)) return;
    int outcome = 0;
    socklen_t size = sizeof(outcome);
    if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &outcome, &size) != 0) outcome = errno;
    error = outcome == 0 ? error_code() : system_error(outcome);
  }

  void set_no_delay() {
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }

  std::size_t read_some(std::span<std::uint8_t> into, Deadline deadline,
                        error_code& error) override {
    while (wait(POLLIN, deadline, error)) {
      const ssize_t got = ::recv(socket_, into.data(), into.size(), 0);
      if (got > 0) return static_cast<std::size_t>(got);
      error = got == 0 ? error_code(asio::error::eof) : system_error(errno);
      if (!is_passing(error)) break;
    }
    return 0;
  }

  void write(BytesView bytes, Deadline deadline, error_code& error) override {
    error = {};
    while (!bytes.empty() && wait(POLLOUT, deadline, error)) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
        continue;
      }
      error = system_error(errno);
      if (!is_passing(error)) return;
    }
  }

  error_code peek() override {
    std::uint8_t byte = 0;
    const ssize_t got = ::recv(socket_, &byte, 1, MSG_PEEK);
    if (got > 0) return {};
    return got == 0 ? error_code(asio::error::eof) : system_error(errno);
  }

 private:
  static bool is_passing(const error_code& error) {
    return error == asio::error::would_block || error == asio::error::try_again ||
           error == asio::error::interrupted;
  }

  bool wait(short events, Deadline deadline, error_code& error) const {
    while (true) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
      if (left <= 0) {
        error = boost::beast::error::timeout;
        return false;
      }
      std::array<pollfd, 2> waited{
          {{socket_, events, 0}, {interrupt_ ? interrupt_->file() : -1, POLLIN, 0}}};
      const auto milliseconds = std::min<std::int64_t>(left, std::numeric_limits<int>::max());
      const int ready = ::poll(waited.data(), waited.size(), static_cast<int>(milliseconds));
      error = ready < 0 ? system_error(errno) : error_code();
      if (interrupt_ && interrupt_->is_set()) {
        error = asio::error::operation_aborted;
        return false;
      }
      if (ready > 0) return true;
      if (error && error != asio::error::interrupted) return false;
    }
  }

  int socket_;
  const std::shared_ptr<const Interrupt> interrupt_;
};

}  // namespace

bool is_address(const std::string& host) {
  in6_addr ignored{};
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

std::unique_ptr<ClientStream> connect_tcp(const std::string& host, std::uint16_t port,
                                          Deadline deadline,
                                          const std::shared_ptr<const Interrupt>& interrupt,
                                          error_code& error) {
  const FoundAddresses found = is_address(host)
                                   ? look_up_name(host, port)
                                   : system_names().look_up(host, port, deadline, interrupt.get());
  error = found.error;
  auto left = static_cast<std::int64_t>(found.addresses.size());
  for (const SocketAddress& to : found.addresses) {
    const int socket = ::socket(to.family, to.type | SOCK_NONBLOCK | SOCK_CLOEXEC, to.protocol);
    const std::int64_t share = left--;
    if (socket < 0) {
      error = system_error(errno);
      continue;
    }
    auto stream = std::make_unique<TcpStream>(socket, interrupt);
    // An address that answers nothing leaves their share of the time to the others.
    const auto now = std::chrono::steady_clock::now();
    stream->connect(to, now + (deadline - now) / share, error);
    if (error == asio::error::operation_aborted) break;
    if (error) continue;
    stream->set_no_delay();
    return stream;
  }
  return nullptr;
}

}  // namespace witan::http::detail
