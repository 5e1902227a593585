#pragma once
// A TCP connection that says exactly what a test wants, well-formed or not.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace witan::test {

class RawSocket {
 public:
  // Connects to "127.0.0.1:PORT"; throws when it cannot.
  explicit RawSocket(const std::string& address);
  ~RawSocket();
  RawSocket(RawSocket&& other) noexcept;
  RawSocket& operator=(RawSocket&&) = delete;

  // False when the peer has gone meanwhile.
  bool send(std::string_view bytes);
  void shutdown_send();
  // Reads until the text is seen, the peer closes, or the wait is over; gives all read so far and
  // not taken by read_response.
  std::string read_until(std::string_view text, std::chrono::milliseconds wait = kWait);
  // One response with Content-Length (or none): header and body. Empty when the peer closed.
  std::string read_response(bool has_body = true);
  // Everything until the peer closes; `closed` tells whether it did within the wait.
  std::string read_to_end(std::chrono::milliseconds wait = kWait);
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }

  static constexpr std::chrono::milliseconds kWait{10'000};

 private:
  bool read_some(std::chrono::steady_clock::time_point until);

  int descriptor_;
  bool closed_ = false;
  std::string buffer_;
};

}  // namespace witan::test
