#include "tests/support/raw_socket.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace witan::test {

using std::chrono::steady_clock;

RawSocket::RawSocket(const std::string& address)
    : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    const std::string reason = std::strerror(errno);
    ::close(descriptor_);
    throw std::runtime_error("cannot connect to " + address + ": " + reason);
  }
}

RawSocket::~RawSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

RawSocket::RawSocket(RawSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      closed_(other.closed_),
      buffer_(std::move(other.buffer_)) {}

bool RawSocket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void RawSocket::shutdown_send() {
  ::shutdown(descriptor_, SHUT_WR);
}

bool RawSocket::read_some(steady_clock::time_point until) {
  if (closed_) return false;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now()).count();
  pollfd wait{descriptor_, POLLIN, 0};
  if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) return false;
  std::array<char, 65'536> bytes{};
  const ssize_t got = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
  if (got <= 0) {
    closed_ = true;
    return false;
  }
  buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  return true;
}

std::string RawSocket::read_until(std::string_view text, std::chrono::milliseconds wait) {
  const auto until = steady_clock::now() + wait;
  while (buffer_.find(text) == std::string::npos && read_some(until)) {
  }
  return buffer_;
}

std::string RawSocket::read_response(bool has_body) {
  const auto until = steady_clock::now() + kWait;
  std::size_t end = std::string::npos;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!read_some(until)) return std::exchange(buffer_, {});
  }
  end += 4;
  std::string head = buffer_.substr(0, end);
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::size_t length = 0;
  if (const std::size_t at = head.find("content-length: "); has_body && at != std::string::npos) {
    length = std::stoul(head.substr(at + 16));
  }
  while (buffer_.size() < end + length && read_some(until)) {
  }
  std::string out = buffer_.substr(0, end + length);
  buffer_.erase(0, out.size());
  return out;
}

std::string RawSocket::read_to_end(std::chrono::milliseconds wait) {
  const auto until = steady_clock::now() + wait;
  while (read_some(until)) {
  }
  return std::exchange(buffer_, {});
}

}  // namespace witan::test
