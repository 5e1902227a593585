#pragma once
// What a client writes to and reads from: a TCP connection, with or without TLS on it. It waits in
// the calling thread with poll(2) until a deadline: a client has one exchange at a time, and needs
// neither an event loop nor Asio's stream templates for it. Each stream is used by one thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <boost/system/error_code.hpp>

#include "config/result.h"
#include "ledger/bytes.h"
#include "node/http/interrupt.h"

namespace witan::http::detail {

using boost::system::error_code;
using Deadline = std::chrono::steady_clock::time_point;

// Errors are Asio's and the system's, and beast::error::timeout once the deadline has passed.
class ClientStream {
 public:
  virtual ~ClientStream() = default;
  // Waits for at least one byte; 0 with `error` set to eof or what failed.
  virtual std::size_t read_some(std::span<std::uint8_t> into, Deadline deadline,
                                error_code& error) = 0;
  // Sends all of it. What the peer has sent can still be read when this fails.
  virtual void write(BytesView bytes, Deadline deadline, error_code& error) = 0;
  // What the socket has to say at once, taking nothing: no error when there are bytes, would_block
  // when there are none, eof or what failed.
  virtual error_code peek() = 0;
};

// Whether `host` is an IPv4 or IPv6 address, not a name.
[[nodiscard]] bool is_address(const std::string& host);

// A connection to the first of the host's addresses that accepts one; none with `error` set to what
// the last one said. The deadline bounds the look-up of a name, too. All its waits, later ones
// too, end with operation_aborted when `interrupt`, if any, is set.
[[nodiscard]] std::unique_ptr<ClientStream> connect_tcp(
    const std::string& host, std::uint16_t port, Deadline deadline,
    const std::shared_ptr<const Interrupt>& interrupt, error_code& error);

// Whom a client trusts; serves any number of connections.
class TlsClientContext {
 public:
  virtual ~TlsClientContext() = default;
  // TLS over `below`, once the peer has shown a certificate for `host` that leads to a trusted one;
  // none with `error` set. `refusal` is why its certificate was not accepted, else empty.
  [[nodiscard]] virtual std::unique_ptr<ClientStream> handshake(std::unique_ptr<ClientStream> below,
                                                                const std::string& host,
                                                                Deadline deadline,
                                                                error_code& error,
                                                                std::string& refusal) = 0;
};

// Trusts the system's certificates and those of `ca_file`. kIo naming the file when it is missing
// or not PEM.
[[nodiscard]] Result<std::unique_ptr<TlsClientContext>> make_tls_client_context(
    const std::optional<std::string>& ca_file);

}  // namespace witan::http::detail
