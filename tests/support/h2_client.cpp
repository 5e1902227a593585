#include "tests/support/h2_client.h"

#include <algorithm>
#include <new>
#include <nghttp2/nghttp2.h>

namespace witan::test {

std::string H2Answer::header(std::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (known == name) return value;
  }
  return "";
}

struct H2Client::Impl {
  struct Body {
    std::string rest;
    bool end = false;
  };
  nghttp2_session* session = nullptr;
  H2Client* owner = nullptr;
  std::map<std::int32_t, H2Answer> answers;
  std::map<std::int32_t, Body> bodies;
  std::size_t pings = 0;
  std::size_t ping_answers = 0;
  std::int64_t goaway = -1;

  static Impl& of(void* user) { return *static_cast<Impl*>(user); }

  static ssize_t read_body(nghttp2_session* /*session*/, std::int32_t id, std::uint8_t* into,
                           std::size_t size, std::uint32_t* flags, nghttp2_data_source* /*source*/,
                           void* user) {
    Body& body = of(user).bodies[id];
    if (body.rest.empty() && !body.end) return NGHTTP2_ERR_DEFERRED;
    const std::size_t taken = std::min(size, body.rest.size());
    std::copy_n(body.rest.begin(), taken, into);
    body.rest.erase(0, taken);
    if (body.rest.empty() && body.end) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(taken);
  }

  void on_frame(const nghttp2_frame& frame) {
    const bool ack = (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
    if (frame.hd.type == NGHTTP2_PING) ++(ack ? ping_answers : pings);
    if (frame.hd.type == NGHTTP2_GOAWAY) goaway = frame.goaway.error_code;
  }

  void on_header(std::int32_t id, const std::string& name, std::string value) {
    H2Answer& answer = answers[id];
    if (name != ":status") {
      answer.headers.emplace_back(name, std::move(value));
      return;
    }
    const auto status = static_cast<unsigned>(std::stoul(value));
    (status < 200 ? answer.interim : answer.status) = status;
  }

  void set_callbacks(nghttp2_session_callbacks* callbacks) {
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          of(user).on_frame(*frame);
          return 0;
        });
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
          of(user).on_header(frame->hd.stream_id, {reinterpret_cast<const char*>(name), name_size},
                             {reinterpret_cast<const char*>(value), value_size});
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                      std::size_t size, void* user) {
          of(user).answers[id].body.append(reinterpret_cast<const char*>(bytes), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
          H2Answer& answer = of(user).answers[id];
          answer.closed = true;
          answer.error_code = code;
          if (of(user).owner->on_closed) of(user).owner->on_closed(id, answer);
          return 0;
        });
  }
};

H2Client::H2Client(std::uint32_t window) : impl_(std::make_unique<Impl>()) {
  impl_->owner = this;
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  impl_->set_callbacks(callbacks);
  const int made = nghttp2_session_client_new(&impl_->session, callbacks, impl_.get());
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) throw std::bad_alloc();
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window},
                                             {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  nghttp2_submit_settings(impl_->session, NGHTTP2_FLAG_NONE, settings, 2);
}

H2Client::~H2Client() {
  nghttp2_session_del(impl_->session);
}

std::int32_t H2Client::ask(const std::string& method, const std::string& path,
                           const std::string& body, const Fields& headers, bool end) {
  Fields all = {
      {":method", method}, {":scheme", "https"}, {":authority", "bastion.test"}, {":path", path}};
  all.insert(all.end(), headers.begin(), headers.end());
  std::vector<nghttp2_nv> views;
  for (auto& [name, value] : all) {
    views.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                     reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                     NGHTTP2_NV_FLAG_NONE});
  }
  nghttp2_data_provider provider{};
  provider.read_callback = Impl::read_body;
  const bool has_body = !body.empty() || !end;
  const std::int32_t id = nghttp2_submit_request(
      impl_->session, nullptr, views.data(), views.size(), has_body ? &provider : nullptr, nullptr);
  if (has_body) impl_->bodies[id] = {body, end};
  return id;
}

void H2Client::more(std::int32_t stream, const std::string& body, bool end) {
  impl_->bodies[stream].rest += body;
  impl_->bodies[stream].end = end;
  nghttp2_session_resume_data(impl_->session, stream);
}

void H2Client::reset(std::int32_t stream) {
  nghttp2_submit_rst_stream(impl_->session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}

void H2Client::ping() {
  nghttp2_submit_ping(impl_->session, NGHTTP2_FLAG_NONE, nullptr);
}

void H2Client::say_goodbye() {
  nghttp2_submit_goaway(impl_->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
}

Bytes H2Client::to_send() {
  Bytes out;
  while (true) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(impl_->session, &bytes);
    if (size <= 0) return out;
    out.insert(out.end(), bytes, bytes + size);
  }
}

bool H2Client::receive(BytesView bytes) {
  return nghttp2_session_mem_recv(impl_->session, bytes.data(), bytes.size()) >= 0;
}

const H2Answer& H2Client::answer(std::int32_t stream) {
  return impl_->answers[stream];
}
std::size_t H2Client::pings() const {
  return impl_->pings;
}
std::size_t H2Client::ping_answers() const {
  return impl_->ping_answers;
}
std::int64_t H2Client::goaway() const {
  return impl_->goaway;
}
std::uint32_t H2Client::streams_max() const {
  return nghttp2_session_get_remote_settings(impl_->session,
                                             NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

Bytes h2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, BytesView payload) {
  const auto byte = [](std::size_t value, unsigned shift) {
    return static_cast<std::uint8_t>(value >> shift & 0xffU);
  };
  const std::size_t size = payload.size();
  Bytes out = {byte(size, 16),   byte(size, 8),    byte(size, 0),   type,           flags,
               byte(stream, 24), byte(stream, 16), byte(stream, 8), byte(stream, 0)};
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

Bytes h2_preface() {
  const std::string_view magic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  Bytes out(magic.begin(), magic.end());
  const Bytes settings = h2_frame(NGHTTP2_SETTINGS, 0, 0, {});
  out.insert(out.end(), settings.begin(), settings.end());
  return out;
}

Bytes h2_literals(const H2Client::Fields& fields) {
  Bytes out;
  const auto text = [&out](const std::string& value) {
    // A length in 7 bits, or more of it in groups of 7 (RFC 7541, section 5.1).
    if (value.size() < 127) {
      out.push_back(static_cast<std::uint8_t>(value.size()));
    } else {
      out.push_back(127);
      std::size_t rest = value.size() - 127;
      for (; rest >= 128; rest /= 128) out.push_back(static_cast<std::uint8_t>(rest % 128 + 128));
      out.push_back(static_cast<std::uint8_t>(rest));
    }
    out.insert(out.end(), value.begin(), value.end());
  };
  for (const auto& [name, value] : fields) {
    out.push_back(0);
    text(name);
    text(value);
  }
  return out;
}

}  // namespace witan::test
