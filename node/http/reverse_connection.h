#pragma once
// A connection that this side dials and on which the peer asks: TLS 1.3 with a certificate of our
// own, then HTTP/2 with this side as the server (C2SP https-bastion). Lives on the thread of its
// io_context.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "config/result.h"
#include "ledger/ports/clock.h"
#include "node/http/message.h"

namespace witan::http {

namespace detail {
class NameLookUp;
class ReverseTls;
}  // namespace detail

// Why a connection ended.
enum class ReverseEnd {
  kName,      // the host's name was not found
  kConnect,   // nothing accepted the connection
  kTls,       // the handshake failed: the peer's certificate, or its TLS
  kAlpn,      // it does not offer the protocol
  kRefused,   // closed before HTTP/2 began: in TLS 1.3 that is how our certificate is refused
  kProtocol,  // not HTTP/2, or against its rules
  kFlood,     // more of what costs than is allowed
  kTimeout,   // no answer in time
  kClosed,    // the peer ended or broke it
  kStopped,   // this side ended it
};
// "name", "connect", ...
[[nodiscard]] std::string_view to_string(ReverseEnd end);

// The way back to the io_context for answers made on other threads; outlives it when they do.
struct ReversePort {
  std::mutex mutex;
  boost::asio::io_context* context = nullptr;  // under mutex; null when it is gone
};

struct ReverseOptions {
  std::string host;  // a name or an address
  std::uint16_t port = 0;
  std::shared_ptr<detail::ReverseTls> tls;
  std::shared_ptr<ReversePort> port_back;
  const Clock* clock = nullptr;
  detail::NameLookUp* names = nullptr;  // null: the process's
  // As for a server (node/http/server.h). The client of a request is empty.
  Handler handler;
  std::function<std::size_t(const Request&)> body_bytes_max;
  std::function<Response(unsigned status, std::string_view detail, const Request* request)>
      error_response;
  // Both certificates' ends, in seconds since 1970: known once the handshake is done.
  std::function<void(std::uint64_t own_end_s, std::uint64_t peer_end_s)> certificates;
  // The peer speaks HTTP/2. At most once.
  std::function<void()> established;
  // Exactly once, unless the io_context ends before; nothing is called after it.
  std::function<void(ReverseEnd, const std::string& detail)> ended;
};

class ReverseConnection {
 public:
  // Begins to connect.
  static std::shared_ptr<ReverseConnection> open(boost::asio::io_context& context,
                                                 ReverseOptions options);
  virtual ~ReverseConnection() = default;
  // Takes no new requests, answers those under way, then ends with kStopped.
  virtual void shut_down() = 0;
  // Ends at once with kStopped.
  virtual void close() = 0;
};

}  // namespace witan::http
