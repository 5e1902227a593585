#pragma once
// The HTTP/1.1 server: Beast coroutines, one per connection, with a deadline on every read and
// write.

#include <atomic>
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
  std::size_t connections_max = limits::kHttpConnectionsMax;
  std::chrono::milliseconds header_deadline = limits::kHttpHeaderDeadline;
  std::chrono::milliseconds body_deadline = limits::kHttpBodyDeadline;
  std::chrono::milliseconds write_deadline = limits::kHttpWriteDeadline;
  std::chrono::milliseconds idle_deadline = limits::kHttpIdleDeadline;
  // The largest body for a request whose headers are known; 0 refuses any body. Above it: 413
  // without reading on. Chunked bodies count the same.
  std::function<std::size_t(const Request&)> body_bytes_max;
  // What the server itself answers (400, 408, 413, 414, 431, 501, 503): lets the API give its own
  // format.
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
