// Sessions without TLS.

#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>

#include "node/http/detail/transport.h"

namespace witan::http::detail {

namespace {

using Buffers = std::array<asio::const_buffer, 2>;

Buffers buffers_after(BytesView head, BytesView body, std::size_t sent) {
  const std::size_t of_head = std::min(sent, head.size());
  head = head.subspan(of_head);
  body = body.subspan(sent - of_head);
  return {asio::buffer(head.data(), head.size()), asio::buffer(body.data(), body.size())};
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(Socket socket) : socket_(std::move(socket)) {}

  Task<void> handshake(error_code& error) override {
    error = {};
    co_return;
  }

  std::size_t read_now(std::span<std::uint8_t> into, error_code& error) override {
    return socket_.read_some(asio::buffer(into.data(), into.size()), error);
  }

  Task<void> wait_readable(error_code& error) override {
    return socket_.async_wait(Socket::wait_read, asio::redirect_error(kUseAwaitable, error));
  }

  std::size_t write_now(BytesView head, BytesView body, error_code& error) override {
    return socket_.write_some(buffers_after(head, body, 0), error);
  }

  Task<void> write(BytesView head, BytesView body, error_code& error) override {
    error = {};
    std::size_t sent = 0;
    while (sent < head.size() + body.size()) {
      sent += socket_.write_some(buffers_after(head, body, sent), error);
      if (error == asio::error::would_block) {
        co_await socket_.async_wait(Socket::wait_write, asio::redirect_error(kUseAwaitable, error));
      }
      if (error) co_return;
    }
  }

  Task<void> finish_sending(error_code& error) override {
    socket_.shutdown(Socket::shutdown_send, error);
    co_return;
  }

  void cancel() override {
    error_code ignored;
    socket_.cancel(ignored);
  }

  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

}  // namespace

std::unique_ptr<Transport> make_plain_transport(Socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace witan::http::detail
