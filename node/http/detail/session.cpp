#include "node/http/detail/session.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include "node/http/detail/reply.h"
#include "node/http/detail/worker.h"
#include "node/log.h"

namespace witan::http::detail {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBufferBytesFirst = 4u << 10;
constexpr std::size_t kBufferBytesMax = 64u << 10;
// Room that a read is worth making for.
constexpr std::size_t kReadBytesMin = 1u << 10;
// Above its deadline, a body gets the time that it needs at this rate; so does an answer.
constexpr std::size_t kBytesPerSecondMin = 64u << 10;
// Pipelined requests answered before other connections get their turn.
constexpr unsigned kServedInARowMax = 32;
// After an answer that ends the connection: how much and how long is read before it is closed. A
// close with unread input would reset it, and the peer could lose the answer.
constexpr std::size_t kLingerBytesMax = 1u << 20;
constexpr milliseconds kLingerDeadline{2'000};

milliseconds transfer_time(std::size_t bytes) {
  return milliseconds(bytes * 1'000 / kBytesPerSecondMin);
}

}  // namespace

// Where the coroutine waits for an answer that does not come from within the handler.
struct Session::Waiter {
  virtual ~Waiter() = default;
  virtual void resume() = 0;
};

Session::Session(Worker& worker, std::unique_ptr<Transport> transport, std::string client)
    : worker_(worker), transport_(std::move(transport)), client_(std::move(client)) {}

Session::~Session() {
  release_body_bytes();
}

Task<void> Session::run() {
  error_code error;
  enter(Phase::kHandshake, worker_.engine.options.header_deadline);
  co_await transport_->handshake(error);
  if (error || closed_) co_return;
  for (;;) {
    const bool more = co_await serve_one();
    if (!more) break;
  }
  if (exchange_) worker_.give_back(std::move(exchange_));
}

void Session::enter(Phase phase, milliseconds allowance) {
  phase_ = phase;
  deadline_ = allowance == milliseconds::max() ? SteadyTime::max()
                                               : std::chrono::steady_clock::now() + allowance;
}

// Serves the next request; false when the connection is to end.
Task<bool> Session::serve_one() {
  const ServerOptions& options = worker_.engine.options;
  error_code error;
  if (unread() == 0) {
    if (worker_.draining() || closed_) co_return false;
    if (exchange_) worker_.give_back(std::move(exchange_));
    const bool more = co_await next_bytes();
    if (!more) co_return false;
  } else if (++served_in_a_row_ >= kServedInARowMax) {
    served_in_a_row_ = 0;
    co_await asio::post(worker_.context, kUseAwaitable);
    if (closed_) co_return false;
  }
  enter(Phase::kRequest, options.header_deadline);
  exchange_->parser.reset();
  head_seen_ = false;
  http_1_0_ = false;
  method_ = Method::kGet;
  Step step = advance();
  while (step == Step::kWait) {
    co_await send_continue();
    co_await transport_->wait_readable(error);
    if (timed_out_) {
      set_refusal(408, head_seen_ ? "the body took too long" : "the header took too long");
      step = Step::kRefused;
    } else if (error || closed_) {
      co_return false;
    } else {
      step = advance();
    }
  }
  if (step == Step::kGone) co_return false;
  if (step == Step::kRefused) {
    co_return co_await refuse();
  }
  handle();
  if (!response_) {
    enter(Phase::kHandling, milliseconds::max());
    co_await response_arrival();
    if (closed_) co_return false;
  }
  co_return co_await respond();
}

// Waits as an idle connection, without any buffer, until the first bytes of a request are there;
// false when none will come.
Task<bool> Session::next_bytes() {
  enter(Phase::kIdle, worker_.engine.options.idle_deadline);
  worker_.to_idle(*this);
  served_in_a_row_ = 0;
  for (;;) {
    error_code error;
    co_await transport_->wait_readable(error);
    if (error || closed_) co_return false;
    exchange_ = worker_.take_exchange();
    make_room();
    exchange_->end = transport_->read_now(exchange_->buffer, error);
    if (exchange_->end > 0) break;
    worker_.give_back(std::move(exchange_));
    // With TLS what arrived may have been no data yet.
    if (error != asio::error::would_block) co_return false;
  }
  worker_.to_busy(*this);
  co_return true;
}

// Reads and parses as far as it goes without waiting.
Session::Step Session::advance() {
  Exchange& exchange = *exchange_;
  for (;;) {
    if (unread() > 0) {
      const Step step = parse();
      if (step != Step::kWait) return step;
    }
    if (!make_room()) {
      set_refusal(400, "a line is too long");
      return Step::kRefused;
    }
    error_code error;
    const std::size_t got = transport_->read_now(
        std::span(exchange.buffer).subspan(exchange.end, exchange.buffer.size() - exchange.end),
        error);
    exchange.end += got;
    if (got > 0) continue;
    if (error == asio::error::would_block || error == asio::error::try_again) return Step::kWait;
    return Step::kGone;
  }
}

// Parses what was read; kWait when more is needed.
Session::Step Session::parse() {
  Exchange& exchange = *exchange_;
  for (;;) {
    std::size_t consumed = 0;
    const BytesView bytes(exchange.buffer.data() + exchange.begin, unread());
    const RequestParser::Status status = exchange.parser.feed(bytes, consumed);
    exchange.begin += consumed;
    if (status == RequestParser::Status::kError) {
      set_refusal(exchange.parser.error_status(), exchange.parser.error_detail());
      return Step::kRefused;
    }
    if (status == RequestParser::Status::kHead) {
      if (!accept_head()) return Step::kRefused;
      // With nothing behind the header the parser is asked once more: there may be no body.
      if (exchange.parser.has_body() && unread() == 0) return Step::kWait;
      continue;
    }
    if (head_seen_ && !account_body()) return Step::kRefused;
    continue_due_ = continue_due_ && status == RequestParser::Status::kNeedMore && consumed == 0;
    return status == RequestParser::Status::kDone ? Step::kReady : Step::kWait;
  }
}

// Decides whether the body, if any, may come; false with a refusal set.
bool Session::accept_head() {
  RequestParser& parser = exchange_->parser;
  Request& request = parser.request();
  head_seen_ = true;
  method_ = request.method;
  http_1_0_ = parser.is_http_1_0();
  keep_alive_ = parser.keep_alive();
  request.client = client_;
  if (!parser.has_body()) return true;
  const ServerOptions& options = worker_.engine.options;
  const std::size_t bytes_max = options.body_bytes_max ? options.body_bytes_max(request) : 0;
  const std::uint64_t length = parser.content_length().value_or(0);
  if (length > bytes_max) {
    set_refusal(413, "body: found " + std::to_string(length) + " bytes, expected at most " +
                         std::to_string(bytes_max));
    return false;
  }
  parser.set_body_bytes_max(bytes_max);
  continue_due_ = parser.expects_continue() && unread() == 0;
  const std::size_t expected = length > 0 ? static_cast<std::size_t>(length) : bytes_max;
  enter(Phase::kRequest, options.body_deadline + transfer_time(expected));
  return true;
}

// Counts what the body holds by now against what all bodies may hold together.
bool Session::account_body() {
  const std::size_t holds = exchange_->parser.request().body.size();
  if (holds == body_bytes_held_) return true;
  const std::size_t more = holds - body_bytes_held_;
  body_bytes_held_ = holds;
  const std::size_t before = worker_.engine.body_bytes_in_flight.fetch_add(more);
  if (before + more <= worker_.engine.options.body_bytes_in_flight_max) return true;
  set_refusal(503, "too many bytes of requests are being worked on");
  return false;
}

void Session::release_body_bytes() {
  if (body_bytes_held_ > 0) worker_.engine.body_bytes_in_flight.fetch_sub(body_bytes_held_);
  body_bytes_held_ = 0;
}

std::size_t Session::unread() const {
  return exchange_ ? exchange_->end - exchange_->begin : 0;
}

// Makes space behind the unread bytes; false when there is none left.
bool Session::make_room() {
  Exchange& exchange = *exchange_;
  if (exchange.begin == exchange.end) exchange.begin = exchange.end = 0;
  if (exchange.buffer.empty()) exchange.buffer.resize(kBufferBytesFirst);
  if (exchange.buffer.size() - exchange.end >= kReadBytesMin) return true;
  if (exchange.begin > 0) {
    std::copy(exchange.buffer.begin() + static_cast<std::ptrdiff_t>(exchange.begin),
              exchange.buffer.begin() + static_cast<std::ptrdiff_t>(exchange.end),
              exchange.buffer.begin());
    exchange.end -= exchange.begin;
    exchange.begin = 0;
  }
  if (exchange.buffer.size() - exchange.end < kReadBytesMin &&
      exchange.buffer.size() < kBufferBytesMax) {
    exchange.buffer.resize(exchange.buffer.size() * 4);
  }
  return exchange.end < exchange.buffer.size();
}

void Session::set_refusal(unsigned status, std::string detail) {
  if (status >= 400 && status < 500) count(worker_.bad_requests);
  refusal_status_ = status;
  refusal_detail_ = std::move(detail);
}

void Session::handle() {
  count(worker_.requests);
  ++request_number_;
  response_.reset();
  Port& port = *worker_.port;
  auto reply = std::make_shared<Reply>(worker_.port, weak_from_this(), request_number_);
  port.handling = this;
  port.handling_number = request_number_;
  try {
    Respond respond = [reply = std::move(reply)](Response response) {
      reply->answer(std::move(response));
    };
    worker_.engine.handler(std::move(exchange_->parser.request()), std::move(respond));
  } catch (const std::exception& e) {
    log_error("a request handler threw an exception", {{"what", e.what()}});
    response_ = worker_.engine.error_response(500, "internal error", nullptr);
  } catch (...) {
    log_error("a request handler threw an exception", {{"what", "not a std::exception"}});
    response_ = worker_.engine.error_response(500, "internal error", nullptr);
  }
  port.handling = nullptr;
}

Task<void> Session::response_arrival() {
  return asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(
      [this](auto handler) {
        struct Holder final : Waiter {
          explicit Holder(decltype(handler)&& h) : held(std::move(h)) {}
          void resume() override {
            auto taken = std::move(held);
            taken();
          }
          decltype(handler) held;
        };
        waiter_ = std::make_unique<Holder>(std::move(handler));
      },
      kUseAwaitable);
}

void Session::deliver(std::uint64_t number, Response&& response) {
  if (closed_ || phase_ != Phase::kHandling || number != request_number_ || !waiter_) return;
  response_ = std::move(response);
  const auto waiter = std::move(waiter_);
  waiter->resume();
}

Task<void> Session::send_continue() {
  if (!std::exchange(continue_due_, false)) co_return;
  error_code error;  // the next read fails, too
  co_await transport_->write(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"), {}, error);
}

// Answers a request that the handler never sees, and ends the connection.
Task<bool> Session::refuse() {
  const Request* request = head_seen_ ? &exchange_->parser.request() : nullptr;
  method_ = exchange_->parser.request().method;
  response_ = worker_.engine.error_response(refusal_status_, refusal_detail_, request);
  if (refusal_status_ == 503) response_->with("Retry-After", "1");
  keep_alive_ = false;
  timed_out_ = false;
  co_return co_await respond();
}

// Sends response_; true when the connection goes on.
Task<bool> Session::respond() {
  Worker& worker = worker_;
  std::string& head = exchange_->head;
  if (response_->status == kDroppedStatus) {
    response_ = worker.engine.error_response(500, "internal error", nullptr);
  }
  keep_alive_ = keep_alive_ && !worker.draining() && !asks_to_close(*response_);
  HeadOptions options{.keep_alive = keep_alive_, .http_1_0 = http_1_0_, .date = worker.date.now()};
  head.clear();
  if (response_->status < 200 || response_->status > 999 ||
      !append_head(head, *response_, options)) {
    log_error("a handler's response has a bad status or header field",
              {{"status", response_->status}});
    response_ = worker.engine.error_response(500, "internal error", nullptr);
    head.clear();
    if (!append_head(head, *response_, options)) co_return false;
  }
  BytesView body = has_body(response_->status, method_) ? response_->body_view() : BytesView();
  BytesView rest(as_bytes(head));
  error_code error;
  const std::size_t sent = transport_->write_now(rest, body, error);
  if (sent < rest.size() + body.size()) {
    if (error && error != asio::error::would_block) co_return false;
    enter(Phase::kWriting, worker.engine.options.write_deadline + transfer_time(body.size()));
    const std::size_t of_head = std::min(sent, rest.size());
    co_await transport_->write(rest.subspan(of_head), body.subspan(sent - of_head), error);
    if (error || closed_) co_return false;
  }
  response_.reset();
  release_body_bytes();
  if (keep_alive_) co_return true;
  co_await linger();
  co_return false;
}

Task<void> Session::linger() {
  error_code error;
  enter(Phase::kLingering, std::min(kLingerDeadline, worker_.engine.options.header_deadline));
  co_await transport_->finish_sending(error);
  std::array<std::uint8_t, 4'096> dropped;
  std::size_t total = 0;
  while (!error && !closed_ && total < kLingerBytesMax) {
    const std::size_t got = transport_->read_now(dropped, error);
    total += got;
    if (error == asio::error::would_block) {
      co_await transport_->wait_readable(error);
    }
  }
}

void Session::on_deadline() {
  count(worker_.timeouts);
  deadline_ = SteadyTime::max();
  if (phase_ == Phase::kRequest) {
    timed_out_ = true;
    transport_->cancel();
  } else {
    close();
  }
}

void Session::close() {
  if (closed_) return;
  closed_ = true;
  if (phase_ == Phase::kIdle) {
    worker_.to_busy(*this);
    phase_ = Phase::kLingering;
  }
  transport_->close();
  if (waiter_) {
    // Later: the caller may be going through the list that the end of run() changes.
    asio::post(worker_.context, [self = shared_from_this()] {
      if (const auto waiter = std::move(self->waiter_)) waiter->resume();
    });
  }
}

}  // namespace witan::http::detail
