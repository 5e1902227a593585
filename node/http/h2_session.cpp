#include "node/http/h2_session.h"

#include <algorithm>
#include <nghttp2/nghttp2.h>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "node/http/detail/h2_budget.h"
#include "node/http/detail/h2_fields.h"
#include "node/http/detail/h2_library.h"
#include "node/http/detail/h2_stream.h"

namespace witan::http {

namespace {

using detail::H2Stream;

constexpr std::uint64_t in_ms(std::chrono::milliseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

}  // namespace

struct H2Session::Impl final : detail::H2Events {
  Impl(H2Options the_options, std::uint64_t time_ms);

  int on_begin_frame(const nghttp2_frame_hd& head) override;
  int on_begin_headers(const nghttp2_frame& frame) override;
  int on_header(const nghttp2_frame& frame, std::string_view name, std::string_view value) override;
  int on_frame(const nghttp2_frame& frame) override;
  int on_data(std::int32_t id, BytesView bytes) override;
  int on_sent(const nghttp2_frame& frame) override;
  int on_close(std::int32_t id, std::uint32_t error_code) override;
  void on_error(std::string_view text) override { reason = text; }
  std::size_t read_body(std::int32_t id, std::span<std::uint8_t> into, bool& last) override;

  int charge(std::uint64_t cost);
  void head_complete(std::int32_t id, H2Stream& stream, bool more_follows);
  void complete(std::int32_t id, H2Stream& stream);
  void refuse_slow_bodies();
  void refuse(std::int32_t id, H2Stream& stream, unsigned status, std::string_view detail);
  void respond(std::int32_t id, H2Stream& stream, Response&& response);
  void drop_body(H2Stream& stream);
  [[nodiscard]] bool ended() const { return final_said || peer_ends; }

  const H2Options options;
  const detail::H2Library holder;
  nghttp2_session* const library;
  std::uint64_t now_ms;
  std::unordered_map<std::int32_t, H2Stream> streams;
  std::unordered_map<std::uint64_t, std::size_t> under_way;  // request to the bytes of its body
  std::size_t body_bytes = 0;
  std::size_t answer_bytes = 0;
  std::uint64_t requests = 0;
  detail::H2Budget budget;
  std::uint64_t ping_due_ms;
  std::uint64_t ping_sent_ms = 0;
  bool ping_out = false;
  bool established = false;
  bool draining = false;
  bool final_said = false;
  bool peer_ends = false;
  std::string violation;
  std::string reason;  // of the library, for what it refuses
  Bytes out;
};

H2Session::Impl::Impl(H2Options the_options, std::uint64_t time_ms)
    : options(std::move(the_options)),
      holder(detail::make_h2_library(*this)),
      library(holder.get()),
      now_ms(time_ms),
      budget(time_ms),
      ping_due_ms(time_ms + in_ms(limits::kH2PingInterval)) {
  const std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits::kH2StreamsMax},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::kHttpHeaderBytesMax}};
  nghttp2_submit_settings(library, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
}

int H2Session::Impl::charge(std::uint64_t cost) {
  return budget.charge(cost, now_ms) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int H2Session::Impl::on_begin_frame(const nghttp2_frame_hd& head) {
  const bool request = head.type == NGHTTP2_HEADERS;
  const bool last = (head.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  const bool body = head.type == NGHTTP2_DATA && (head.length > 0 || last);
  return request || body ? 0 : charge(1);
}

int H2Session::Impl::on_begin_headers(const nghttp2_frame& frame) {
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  ++requests;
  H2Stream& stream = streams[frame.hd.stream_id];
  stream.deadline_ms = now_ms + in_ms(limits::kHttpBodyDeadline);
  return 0;
}

int H2Session::Impl::on_header(const nghttp2_frame& frame, std::string_view name,
                               std::string_view value) {
  const auto found = streams.find(frame.hd.stream_id);
  // Trailers carry nothing that is used here.
  if (found == streams.end() || found->second.phase != H2Stream::Phase::kHead) return 0;
  found->second.head.add(found->second.request, name, value);
  return 0;
}

int H2Session::Impl::on_frame(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) established = true;
      return 0;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) return 0;
      ping_out = false;
      ping_due_ms = now_ms + in_ms(limits::kH2PingInterval);
      if (draining && !final_said) {
        final_said = true;
        nghttp2_submit_goaway(library, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(library), NGHTTP2_NO_ERROR,
                              nullptr, 0);
      }
      return 0;
    case NGHTTP2_GOAWAY:
      peer_ends = true;
      return 0;
    case NGHTTP2_RST_STREAM:
      if (const auto found = streams.find(frame.hd.stream_id); found != streams.end()) {
        found->second.taken_back = true;
        budget.earn_request();
      }
      return 0;
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
      break;
    default:
      return 0;
  }
  const auto found = streams.find(frame.hd.stream_id);
  if (found == streams.end()) return 0;
  const bool last = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (found->second.phase == H2Stream::Phase::kHead) {
    head_complete(frame.hd.stream_id, found->second, !last);
  }
  if (last && found->second.phase == H2Stream::Phase::kBody) {
    complete(frame.hd.stream_id, found->second);
  }
  return 0;
}

void H2Session::Impl::head_complete(std::int32_t id, H2Stream& stream, bool more_follows) {
  stream.phase = H2Stream::Phase::kBody;
  if (!stream.head.finish(stream.request)) {
    return refuse(id, stream, stream.head.refusal_status(), stream.head.refusal());
  }
  if (under_way.size() >= limits::kH2RequestsMax) {
    return refuse(id, stream, 503, "too many requests are handled at a time");
  }
  if (options.body_bytes_max) stream.body_bytes_max = options.body_bytes_max(stream.request);
  if (stream.head.content_length().value_or(0) > stream.body_bytes_max) {
    return refuse(id, stream, 413,
                  "body: expected at most " + std::to_string(stream.body_bytes_max) + " bytes");
  }
  if (stream.head.expects_continue() && more_follows) detail::submit_go_on(library, id);
}

void H2Session::Impl::refuse_slow_bodies() {
  std::vector<std::int32_t> slow;
  std::size_t awaited = 0;
  constexpr std::uint64_t kLeftMs = in_ms(limits::kHttpBodyDeadline - limits::kH2BodySlow);
  for (const auto& [id, stream] : streams) {
    if (stream.phase != H2Stream::Phase::kBody) continue;
    ++awaited;
    if (stream.deadline_ms <= now_ms + kLeftMs) slow.push_back(id);
  }
  if (awaited <= limits::kH2BodiesAwaitedMax) return;
  for (const std::int32_t id : slow) {
    refuse(id, streams.at(id), 503, "its place was needed: the body came too slowly");
  }
}

int H2Session::Impl::on_data(std::int32_t id, BytesView bytes) {
  const auto found = streams.find(id);
  if (found == streams.end() || found->second.phase != H2Stream::Phase::kBody) return 0;
  H2Stream& stream = found->second;
  if (bytes.size() > stream.body_bytes_max - stream.request.body.size()) {
    refuse(id, stream, 413,
           "body: expected at most " + std::to_string(stream.body_bytes_max) + " bytes");
  } else if (bytes.size() > limits::kH2BodyBytesMax - body_bytes) {
    refuse(id, stream, 503, "too many bodies are read at a time");
  } else {
    append(stream.request.body, bytes);
    body_bytes += bytes.size();
  }
  return 0;
}

void H2Session::Impl::complete(std::int32_t id, H2Stream& stream) {
  stream.phase = H2Stream::Phase::kHandling;
  const auto number = static_cast<std::uint64_t>(id);
  under_way.emplace(number, stream.request.body.size());
  // May answer at once.
  options.handle(std::move(stream.request), number);
}

void H2Session::Impl::drop_body(H2Stream& stream) {
  if (stream.phase == H2Stream::Phase::kBody) body_bytes -= stream.request.body.size();
}

void H2Session::Impl::refuse(std::int32_t id, H2Stream& stream, unsigned status,
                             std::string_view detail) {
  drop_body(stream);
  respond(id, stream,
          options.error_response ? options.error_response(status, detail, &stream.request)
                                 : Response::text(status, "text/plain", std::string(detail)));
  stream.request = {};
}

void H2Session::Impl::respond(std::int32_t id, H2Stream& stream, Response&& response) {
  stream.phase = H2Stream::Phase::kAnswering;
  stream.deadline_ms = now_ms + in_ms(limits::kHttpWriteDeadline);
  if (response.body_view().size() > limits::kH2AnswerBytesMax - answer_bytes) {
    response = Response::text(503, "text/plain", "too many answers wait to be taken\n");
    if (response.body_view().size() > limits::kH2AnswerBytesMax - answer_bytes) response.body = {};
  }
  const std::string_view date = options.date ? options.date() : std::string_view();
  auto fields = detail::H2Fields::of(response, date);
  if (!fields) {
    response = Response::text(500, "text/plain", "the answer has a field that cannot be sent\n");
    fields = detail::H2Fields::of(response, date);
  }
  stream.response = std::move(response);
  const std::size_t size = stream.response.body_view().size();
  answer_bytes += size;
  const bool body =
      size > 0 && !stream.head.is_head() && detail::H2Fields::has_body(stream.response.status);
  detail::submit_answer(library, id, *fields, body);
}

std::size_t H2Session::Impl::read_body(std::int32_t id, std::span<std::uint8_t> into, bool& last) {
  const auto found = streams.find(id);
  if (found == streams.end()) throw std::logic_error("an answer is read of no stream");
  H2Stream& stream = found->second;
  const BytesView rest = stream.response.body_view().subspan(stream.sent);
  const std::size_t taken = std::min(into.size(), rest.size());
  std::copy_n(rest.begin(), taken, into.begin());
  stream.sent += taken;
  last = taken == rest.size();
  return taken;
}

// An answer that came before all of its request: the rest of that is not wanted.
int H2Session::Impl::on_sent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_GOAWAY && frame.goaway.error_code != NGHTTP2_NO_ERROR) {
    violation = "HTTP/2: " + std::string(nghttp2_http2_strerror(frame.goaway.error_code)) +
                (reason.empty() ? "" : ": " + reason);
  }
  const bool answer = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
  if (frame.hd.type == NGHTTP2_DATA) budget.earn_bytes(frame.hd.length);
  if (!answer || (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  budget.earn_request();
  if (nghttp2_session_get_stream_remote_close(library, frame.hd.stream_id) == 0) {
    nghttp2_submit_rst_stream(library, NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_NO_ERROR);
  }
  return 0;
}

int H2Session::Impl::on_close(std::int32_t id, std::uint32_t error_code) {
  const auto found = streams.find(id);
  bool taken_back = false;
  if (found != streams.end()) {
    taken_back = found->second.taken_back;
    drop_body(found->second);
    answer_bytes -= found->second.response.body_view().size();
    streams.erase(found);
  }
  // What this side resets, the peer has broken.
  return error_code == NGHTTP2_NO_ERROR || taken_back ? 0 : charge(limits::kH2ControlPerReset);
}

H2Session::H2Session(H2Options options, std::uint64_t now_ms)
    : impl_(std::make_unique<Impl>(std::move(options), now_ms)) {}

H2Session::~H2Session() = default;

Result<void> H2Session::receive(BytesView bytes, std::uint64_t now_ms) {
  Impl& impl = *impl_;
  impl.now_ms = now_ms;
  const ssize_t used = nghttp2_session_mem_recv(impl.library, bytes.data(), bytes.size());
  const std::size_t waiting = nghttp2_session_get_outbound_queue_size(impl.library);
  if (used == NGHTTP2_ERR_FLOODED || waiting > limits::kH2FramesWaitingMax) impl.budget.exceed();
  if (impl.budget.exceeded()) {
    nghttp2_session_terminate_session(impl.library, NGHTTP2_ENHANCE_YOUR_CALM);
    return fail(ErrorCode::kOverloaded,
                "HTTP/2: a flood of frames that ask for nothing, or of broken requests");
  }
  if (used < 0) {
    return fail(ErrorCode::kMalformed, "HTTP/2: " + std::string(nghttp2_strerror(int(used))) +
                                           (impl.reason.empty() ? "" : ": " + impl.reason));
  }
  return {};
}

Result<void> H2Session::tick(std::uint64_t now_ms) {
  Impl& impl = *impl_;
  impl.now_ms = now_ms;
  if (impl.ping_out && now_ms - impl.ping_sent_ms >= in_ms(limits::kH2PingDeadline)) {
    return fail(ErrorCode::kTimeout, "HTTP/2: no answer to a PING within " +
                                         std::to_string(limits::kH2PingDeadline.count()) + " s");
  }
  if (!impl.ping_out && now_ms >= impl.ping_due_ms) {
    impl.ping_out = true;
    impl.ping_sent_ms = now_ms;
    nghttp2_submit_ping(impl.library, NGHTTP2_FLAG_NONE, nullptr);
  }
  impl.refuse_slow_bodies();
  for (auto& [id, stream] : impl.streams) {
    if (stream.phase == H2Stream::Phase::kHandling || now_ms < stream.deadline_ms) continue;
    if (stream.phase == H2Stream::Phase::kBody) {
      impl.refuse(id, stream, 408, "the request did not arrive in time");
    } else if (stream.phase == H2Stream::Phase::kAnswering) {
      nghttp2_submit_rst_stream(impl.library, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    }
  }
  return {};
}

BytesView H2Session::to_send() {
  Impl& impl = *impl_;
  impl.out.clear();
  while (impl.out.size() < limits::kH2WriteBytes) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(impl.library, &bytes);
    if (size <= 0) break;
    append(impl.out, BytesView(bytes, static_cast<std::size_t>(size)));
  }
  return impl.out;
}

void H2Session::answer(std::uint64_t id, Response&& response, std::uint64_t now_ms) {
  Impl& impl = *impl_;
  impl.now_ms = now_ms;
  const auto held = impl.under_way.find(id);
  if (held == impl.under_way.end()) return;
  impl.body_bytes -= held->second;
  impl.under_way.erase(held);
  const auto number = static_cast<std::int32_t>(id);
  const auto found = impl.streams.find(number);
  if (found != impl.streams.end() && found->second.phase == H2Stream::Phase::kHandling) {
    impl.respond(number, found->second, std::move(response));
  }
}

void H2Session::shut_down() {
  Impl& impl = *impl_;
  if (std::exchange(impl.draining, true)) return;
  nghttp2_submit_shutdown_notice(impl.library);
  if (impl.ping_out) return;
  impl.ping_out = true;
  impl.ping_sent_ms = impl.now_ms;
  nghttp2_submit_ping(impl.library, NGHTTP2_FLAG_NONE, nullptr);
}

bool H2Session::established() const {
  return impl_->established;
}

bool H2Session::finished() const {
  const Impl& impl = *impl_;
  if (nghttp2_session_want_write(impl.library) != 0) return false;
  return nghttp2_session_want_read(impl.library) == 0 || (impl.ended() && impl.streams.empty());
}

const std::string& H2Session::violation() const {
  return impl_->violation;
}

std::uint64_t H2Session::requests() const {
  return impl_->requests;
}

std::size_t H2Session::bytes_held() const {
  return impl_->body_bytes + impl_->answer_bytes;
}

std::size_t H2Session::handled() const {
  return impl_->under_way.size();
}

}  // namespace witan::http
