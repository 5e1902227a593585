#pragma once
// nghttp2's session as a server, with its callbacks as one interface.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nghttp2/nghttp2.h>
#include <span>
#include <string_view>

#include "ledger/bytes.h"
#include "node/http/detail/h2_fields.h"

namespace witan::http::detail {

// What the library reports while it is given bytes or asked for them. 0, or the library's code:
// NGHTTP2_ERR_CALLBACK_FAILURE ends the connection, as any exception does. The library must not be
// given bytes or asked for them from here; everything else may be done.
class H2Events {
 public:
  virtual ~H2Events() = default;
  virtual int on_begin_frame(const nghttp2_frame_hd& head) = 0;
  virtual int on_begin_headers(const nghttp2_frame& frame) = 0;
  virtual int on_header(const nghttp2_frame& frame, std::string_view name,
                        std::string_view value) = 0;
  virtual int on_frame(const nghttp2_frame& frame) = 0;
  virtual int on_data(std::int32_t id, BytesView bytes) = 0;
  virtual int on_sent(const nghttp2_frame& frame) = 0;
  virtual int on_close(std::int32_t id, std::uint32_t error_code) = 0;
  // Why the library refuses something, for people.
  virtual void on_error(std::string_view text) = 0;
  // The next bytes of the answer of a stream; `last` when there are none after them.
  virtual std::size_t read_body(std::int32_t id, std::span<std::uint8_t> into, bool& last) = 0;
};

struct H2LibraryFree {
  void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
};
using H2Library = std::unique_ptr<nghttp2_session, H2LibraryFree>;

// With the bounds of config/limits.h. `events` must outlive it.
[[nodiscard]] H2Library make_h2_library(H2Events& events);

// Sends an answer's header, and its body when there is one, which is asked for with read_body.
void submit_answer(nghttp2_session* library, std::int32_t id, const H2Fields& fields, bool body);
// Tells a client that waits for it to send its body: 100.
void submit_go_on(nghttp2_session* library, std::int32_t id);

}  // namespace witan::http::detail
