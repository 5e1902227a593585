#pragma once
// The HTTP/1.1 server: Beast coroutines, one per connection, with a deadline on every read and
// write.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/limits.h"
#include "config/result.h"
#include "node/http/message.h"

namespace witan::http {

struct TlsFiles {
  std::string certificate_chain_file;  // PEM
  std::string private_key_file;        // PEM, mode 0600
};

struct ServerOptions {
  std::string listen = "127.0.0.1:0";  // "ADDRESS:PORT", "[IPv6]:PORT"; port 0 takes a free one
  std::optional<TlsFiles> tls;         // TLS 1.3 only
  unsigned threads = 2;
  // Shared evenly by the threads. When a thread has its share, a new connection takes the place of
  // the one that has been idle for longest; when none is idle it gets a 503.
  std::size_t connections_max = limits::kHttpConnectionsMax;
  // Bodies of requests that are not answered yet, all connections together; above it, 503.
  std::size_t body_bytes_in_flight_max = limits::kHttpBodyBytesInFlightMax;
  std::chrono::milliseconds header_deadline = limits::kHttpHeaderDeadline;
  std::chrono::milliseconds body_deadline = limits::kHttpBodyDeadline;
  std::chrono::milliseconds write_deadline = limits::kHttpWriteDeadline;
  std::chrono::milliseconds idle_deadline = limits::kHttpIdleDeadline;
  // The largest body for a request whose headers are known; 0 (or no function) refuses any body.
  // Above it: 413 without reading on. Chunked bodies count the same.
  std::function<std::size_t(const Request&)> body_bytes_max;
  // What the server itself answers (400, 408, 413, 414, 417, 431, 500, 501, 503, 505): lets the API
  // give its own format. `request` is null while its header is not known. Plain text without it.
  std::function<Response(unsigned status, std::string_view detail, const Request* request)>
      error_response;
};

struct ServerCounters {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t requests = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t bad_requests = 0;
};

class Server {
 public:
  // Listens and starts its threads. kUsage (address), kIo (port taken: names it; TLS files).
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  // Stops at once (see shutdown for the gentle way).
  virtual ~Server() = default;

  // "127.0.0.1:41234", as bound.
  [[nodiscard]] virtual std::string address() const = 0;
  [[nodiscard]] virtual ServerCounters counters() const = 0;
  // Stops accepting, lets open requests finish (Connection: close), ends idle connections, and
  // returns when all are gone or the deadline has passed.
  virtual void shutdown(std::chrono::milliseconds deadline) = 0;
};

}  // namespace witan::http
