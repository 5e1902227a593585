#include "enclave/framing.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <string>
#include <sys/socket.h>

#include "config/limits.h"

namespace witan {
namespace {

constexpr std::size_t kFrameHeadBytes = 4;

// Until the socket is ready or the deadline has passed.
Result<void> wait_for(int socket, short events, const FrameDeadline& deadline) {
  for (;;) {
    int wait_ms = -1;
    if (deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          *deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return fail(ErrorCode::kTimeout, "no message before the deadline");
      wait_ms = static_cast<int>(std::min<std::int64_t>(left.count(), 1'000'000));
    }
    struct pollfd entry {
      socket, events, 0
    };
    const int ready = ::poll(&entry, 1, wait_ms);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) {
      return fail(ErrorCode::kIo, std::string("poll: ") + std::strerror(errno));
    }
  }
}

// Whether all of `out` was read; false when the other side has closed.
Result<bool> read_exactly(int socket, std::span<std::uint8_t> out, const FrameDeadline& deadline) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::recv(socket, out.data() + done, out.size() - done, MSG_DONTWAIT);
    if (got > 0) {
      done += static_cast<std::size_t>(got);
    } else if (got == 0 || errno == ECONNRESET) {
      return false;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      WITAN_TRY(wait_for(socket, POLLIN, deadline));
    } else if (errno != EINTR) {
      return fail(ErrorCode::kIo, std::string("recv: ") + std::strerror(errno));
    }
  }
  return true;
}

Result<bool> discard(int socket, std::uint64_t bytes, const FrameDeadline& deadline) {
  std::array<std::uint8_t, 16'384> waste{};
  while (bytes > 0) {
    const std::size_t part = std::min<std::uint64_t>(bytes, waste.size());
    WITAN_ASSIGN(const bool more, read_exactly(socket, std::span(waste).first(part), deadline));
    if (!more) return false;
    bytes -= part;
  }
  return true;
}

}  // namespace

Result<std::optional<Bytes>> read_frame(int socket, FrameDeadline deadline) {
  std::array<std::uint8_t, kFrameHeadBytes> head{};
  WITAN_ASSIGN(const bool has_head, read_exactly(socket, head, deadline));
  if (!has_head) return std::nullopt;
  std::uint32_t size = 0;
  for (const std::uint8_t byte : head) size = size << 8 | byte;
  if (size > limits::kEnclaveMessageBytesMax) {
    WITAN_ASSIGN(const bool more, discard(socket, size, deadline));
    if (!more) return std::nullopt;
    return fail(ErrorCode::kTooLarge, "message of " + std::to_string(size) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kEnclaveMessageBytesMax));
  }
  Bytes message(size);
  WITAN_ASSIGN(const bool has_body, read_exactly(socket, message, deadline));
  if (!has_body) return std::nullopt;
  return message;
}

Result<void> write_frame(int socket, BytesView message, FrameDeadline deadline) {
  if (message.size() > limits::kEnclaveMessageBytesMax) {
    return fail(ErrorCode::kTooLarge, "message of " + std::to_string(message.size()) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kEnclaveMessageBytesMax));
  }
  Bytes frame;
  frame.reserve(kFrameHeadBytes + message.size());
  for (std::size_t i = kFrameHeadBytes; i-- > 0;) {
    frame.push_back(static_cast<std::uint8_t>(message.size() >> (8 * i)));
  }
  append(frame, message);
  std::size_t done = 0;
  while (done < frame.size()) {
    const ssize_t put =
        ::send(socket, frame.data() + done, frame.size() - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put >= 0) {
      done += static_cast<std::size_t>(put);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      WITAN_TRY(wait_for(socket, POLLOUT, deadline));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return fail(ErrorCode::kUnavailable, "the other side has closed the socket");
    } else if (errno != EINTR) {
      return fail(ErrorCode::kIo, std::string("send: ") + std::strerror(errno));
    }
  }
  return {};
}

}  // namespace witan
