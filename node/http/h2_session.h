#pragma once
// The server's side of one HTTP/2 connection (RFC 9113), without I/O: bytes and the time go in,
// requests and bytes come out. Written for a peer that may be hostile: every count, size and wait
// is bounded (config/limits.h). Hides nghttp2. Used by one thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "config/result.h"
#include "ledger/bytes.h"
#include "node/http/message.h"

namespace witan::http {

struct H2Options {
  // One whole request. `id` goes back into answer(), once for each, now or later; all that was
  // handed out counts until then. Must not throw.
  std::function<void(Request&&, std::uint64_t id)> handle;
  // As in ServerOptions.
  std::function<std::size_t(const Request&)> body_bytes_max;
  std::function<Response(unsigned status, std::string_view detail, const Request* request)>
      error_response;
  // The value of the Date field; without it there is none.
  std::function<std::string_view()> date;
};

class H2Session {
 public:
  // Times are milliseconds of one steady clock.
  H2Session(H2Options options, std::uint64_t now_ms);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // What the peer sent, in any portions. kMalformed: not HTTP/2; kOverloaded: a flood. After an
  // error the connection is over: send what to_send() still gives (a GOAWAY) and close. For what is
  // against the rules, see violation().
  Result<void> receive(BytesView bytes, std::uint64_t now_ms);
  // Keeps deadlines; to be called about every second. A request that does not arrive is answered
  // with 408, an answer that is not taken is given up. kTimeout: the peer does not answer a PING,
  // or never began; the connection is over.
  Result<void> tick(std::uint64_t now_ms);
  // The next bytes to send, at most about limits::kH2WriteBytes; empty when there are none now.
  // Valid until the next call; given once.
  [[nodiscard]] BytesView to_send();

  // The answer to a request; nothing happens when its stream has gone.
  void answer(std::uint64_t id, Response&& response, std::uint64_t now_ms);
  // Tells the peer that no new requests are taken; those under way are still answered.
  void shut_down();

  // The peer has sent its SETTINGS: it speaks HTTP/2.
  [[nodiscard]] bool established() const;
  // Either side has said that it ends, and nothing is left to be answered or sent.
  [[nodiscard]] bool finished() const;
  // What the peer did against the protocol, once it was told so and the session is finished; empty
  // when all was well.
  [[nodiscard]] const std::string& violation() const;
  // Requests whose first header has arrived, ever.
  [[nodiscard]] std::uint64_t requests() const;
  // Bytes of bodies and answers held now, and requests that are handled.
  [[nodiscard]] std::size_t bytes_held() const;
  [[nodiscard]] std::size_t handled() const;

  struct Impl;

 private:
  const std::unique_ptr<Impl> impl_;
};

}  // namespace witan::http
