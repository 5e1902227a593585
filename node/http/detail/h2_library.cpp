#include "node/http/detail/h2_library.h"

#include <exception>
#include <new>

#include "config/limits.h"

namespace witan::http::detail {

namespace {

H2Events& events_of(void* user) {
  return *static_cast<H2Events*>(user);
}

constexpr std::uint64_t kResetsAny = std::uint64_t{1} << 32;

// Nothing may be thrown through the library.
template <typename Function>
int guarded(void* user, const Function& function) {
  try {
    return function(events_of(user));
  } catch (const std::exception& e) {
    events_of(user).on_error(e.what());
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
}

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

ssize_t read_body_of(nghttp2_session* /*library*/, std::int32_t id, std::uint8_t* into,
                     std::size_t size, std::uint32_t* flags, nghttp2_data_source* /*source*/,
                     void* user) {
  std::size_t taken = 0;
  const int result = guarded(user, [&](H2Events& events) {
    bool last = false;
    taken = events.read_body(id, {into, size}, last);
    if (last) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return 0;
  });
  return result != 0 ? result : static_cast<ssize_t>(taken);
}

void set_callbacks(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
        return guarded(user, [&](H2Events& events) { return events.on_begin_frame(*head); });
      });
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        return guarded(user, [&](H2Events& events) { return events.on_begin_headers(*frame); });
      });
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t /*flags*/, void* user) {
        return guarded(user, [&](H2Events& events) {
          return events.on_header(*frame, text_of(name, name_size), text_of(value, value_size));
        });
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        return guarded(user, [&](H2Events& events) { return events.on_frame(*frame); });
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, std::uint8_t /*flags*/, std::int32_t id,
                    const std::uint8_t* bytes, std::size_t size, void* user) {
        return guarded(user, [&](H2Events& events) { return events.on_data(id, {bytes, size}); });
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        return guarded(user, [&](H2Events& events) { return events.on_sent(*frame); });
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
        return guarded(user, [&](H2Events& events) { return events.on_close(id, code); });
      });
  nghttp2_session_callbacks_set_error_callback2(
      callbacks, [](nghttp2_session*, int, const char* text, std::size_t size, void* user) {
        return guarded(user, [&](H2Events& events) {
          events.on_error({text, size});
          return 0;
        });
      });
}

}  // namespace

H2Library make_h2_library(H2Events& events) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session* library = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  set_callbacks(callbacks);
  int failed = nghttp2_option_new(&option);
  if (failed == 0) {
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, limits::kH2AcksMax);
    nghttp2_option_set_max_continuations(option, limits::kH2ContinuationsMax);
    // The library's own bound ends the connection at 33 resets a second, which any client of a
    // bastion brings about by going away; what they cost is bounded by what may wait.
    nghttp2_option_set_stream_reset_rate_limit(option, kResetsAny, kResetsAny);
    failed = nghttp2_session_server_new2(&library, callbacks, &events, option);
    nghttp2_option_del(option);
  }
  nghttp2_session_callbacks_del(callbacks);
  if (failed != 0) throw std::bad_alloc();
  return H2Library(library);
}

void submit_answer(nghttp2_session* library, std::int32_t id, const H2Fields& fields, bool body) {
  nghttp2_data_provider provider{};
  provider.read_callback = read_body_of;
  nghttp2_submit_response(library, id, fields.data(), fields.size(), body ? &provider : nullptr);
}

void submit_go_on(nghttp2_session* library, std::int32_t id) {
  const H2Fields fields(H2Fields::Texts{{":status", "100"}});
  nghttp2_submit_headers(library, NGHTTP2_FLAG_NONE, id, nullptr, fields.data(), fields.size(),
                         nullptr);
}

}  // namespace witan::http::detail
