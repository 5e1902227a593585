#pragma once
// What a session reads from and writes to: a TCP socket, with or without TLS on it. Two files
// implement it, so that Asio's stream templates are compiled in one place each.

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include "config/result.h"
#include "ledger/bytes.h"

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 inlines only one half of Asio's allocation of coroutine frames and takes the halves for
// mismatched.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace witan::http {
struct TlsFiles;
}

namespace witan::http::detail {

namespace asio = boost::asio;
using boost::system::error_code;

// The concrete executor spares an allocation and an indirection at each operation.
using Executor = asio::io_context::executor_type;
template <typename T>
using Task = asio::awaitable<T, Executor>;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
inline constexpr asio::use_awaitable_t<Executor> kUseAwaitable;

// Used by one thread. Functions ending in _now never wait: they give would_block instead.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Task<void> handshake(error_code& error) = 0;
  // Reads what is there; 0 with `error` set to would_block, eof or what failed.
  virtual std::size_t read_now(std::span<std::uint8_t> into, error_code& error) = 0;
  // Returns when read_now may have something to say.
  virtual Task<void> wait_readable(error_code& error) = 0;
  // Sends as much of head and body, one after the other, as goes without waiting.
  virtual std::size_t write_now(BytesView head, BytesView body, error_code& error) = 0;
  // Sends all of both.
  virtual Task<void> write(BytesView head, BytesView body, error_code& error) = 0;
  // Tells the peer that nothing more comes (close_notify, FIN).
  virtual Task<void> finish_sending(error_code& error) = 0;
  // Ends what waits with operation_aborted; the connection stays open.
  virtual void cancel() = 0;
  virtual void close() = 0;
};

// The server's certificate and key, loaded; shared by all sessions.
class TlsServerContext {
 public:
  virtual ~TlsServerContext() = default;
  [[nodiscard]] virtual std::unique_ptr<Transport> wrap(Socket socket) = 0;
};

[[nodiscard]] std::unique_ptr<Transport> make_plain_transport(Socket socket);

// TLS 1.3 only. kIo naming the file: missing, not PEM, key readable by others, key of another
// certificate.
[[nodiscard]] Result<std::unique_ptr<TlsServerContext>> make_tls_server_context(
    const TlsFiles& files);

}  // namespace witan::http::detail
