#include "node/http/detail/worker.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "node/log.h"

namespace witan::http::detail {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kSpareExchangesMax = 256;
constexpr std::size_t kSpareBufferBytesMax = 16u << 10;

// Deadlines are looked at this often: they are met within a quarter of the shortest one, and within
// a second.
milliseconds sweep_interval(const ServerOptions& options) {
  const milliseconds shortest = std::min({options.header_deadline, options.body_deadline,
                                          options.write_deadline, options.idle_deadline});
  return std::clamp(shortest / 4, milliseconds(5), milliseconds(1'000));
}

}  // namespace

void Engine::connection_gone() {
  if (open.fetch_sub(1) == 1) {
    const std::lock_guard lock(mutex);
    all_gone.notify_all();
  }
}

Response Engine::error_response(unsigned status, std::string_view detail,
                                const Request* request) const {
  if (options.error_response) {
    try {
      return options.error_response(status, detail, request);
    } catch (const std::exception& e) {
      log_error("the error response threw an exception", {{"what", e.what()}});
    }
  }
  return Response::text(status, "text/plain; charset=utf-8",
                        std::string(reason_phrase(status)) + ": " + std::string(detail) + "\n");
}

Worker::Worker(Engine& owner, std::size_t connections_max)
    : engine(owner),
      connections_max_(connections_max),
      sweep_interval_(sweep_interval(owner.options)),
      work_(asio::make_work_guard(context)),
      timer_(context) {
  port->context = &context;
}

Worker::~Worker() {
  stop();
}

void Worker::start() {
  thread_ = std::thread([this] {
    port->thread = std::this_thread::get_id();
    schedule_sweep();
    for (;;) {
      try {
        context.run();
        return;
      } catch (const std::exception& e) {
        log_error("an I/O thread caught an exception", {{"what", e.what()}});
      }
    }
  });
}

void Worker::adopt_later(Socket socket, std::string client) {
  asio::post(context, [this, socket = std::move(socket), client = std::move(client)]() mutable {
    adopt(std::move(socket), std::move(client));
  });
}

void Worker::adopt(Socket socket, std::string client) {
  count(accepted);
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (engine.draining) {
    engine.connection_gone();
    return;
  }
  // The place of a new connection is that of the one that has been silent for longest; without a
  // silent one there is no place.
  if (idle_.size() + busy_.size() >= connections_max_) {
    count(refused);
    if (idle_.empty()) return refuse(std::move(socket));
    idle_.front()->close();
  }
  auto transport =
      engine.tls ? engine.tls->wrap(std::move(socket)) : make_plain_transport(std::move(socket));
  auto session = std::make_shared<Session>(*this, std::move(transport), std::move(client));
  session->place = busy_.insert(busy_.end(), session);
  asio::co_spawn(
      context, [session] { return session->run(); },
      [this, session](const std::exception_ptr& thrown) {
        try {
          if (thrown) std::rethrow_exception(thrown);
        } catch (const std::exception& e) {
          log_error("a connection ended with an exception", {{"what", e.what()}});
        }
        ended(session);
      });
}

void Worker::refuse(Socket socket) {
  if (!engine.tls) {
    const Response response =
        engine.error_response(503, "too many connections", nullptr).with("Retry-After", "1");
    std::string out;
    if (append_head(out, response, {.keep_alive = false, .http_1_0 = false, .date = date.now()})) {
      out += as_text(response.body_view());
      error_code ignored;
      socket.write_some(asio::buffer(out), ignored);
      socket.shutdown(Socket::shutdown_send, ignored);
    }
  }
  engine.connection_gone();
}

void Worker::ended(const std::shared_ptr<Session>& session) {
  session->close();  // which also takes it out of idle_
  busy_.erase(session->place);
  engine.connection_gone();
}

void Worker::to_idle(Session& session) {
  idle_.splice(idle_.end(), busy_, session.place);
}

void Worker::to_busy(Session& session) {
  busy_.splice(busy_.end(), idle_, session.place);
}

std::unique_ptr<Exchange> Worker::take_exchange() {
  if (spare_exchanges_.empty()) return std::make_unique<Exchange>();
  auto out = std::move(spare_exchanges_.back());
  spare_exchanges_.pop_back();
  return out;
}

void Worker::give_back(std::unique_ptr<Exchange> exchange) {
  if (!exchange || spare_exchanges_.size() >= kSpareExchangesMax) return;
  exchange->begin = exchange->end = 0;
  if (exchange->buffer.capacity() > kSpareBufferBytesMax) exchange->buffer = {};
  if (exchange->head.capacity() > kSpareBufferBytesMax) exchange->head = {};
  exchange->parser.reset();
  spare_exchanges_.push_back(std::move(exchange));
}

void Worker::schedule_sweep() {
  timer_.expires_after(sweep_interval_);
  timer_.async_wait([this](error_code error) {
    if (error || stopping_) return;
    sweep();
    schedule_sweep();
  });
}

void Worker::sweep() {
  const SteadyTime now = std::chrono::steady_clock::now();
  // All idle ones have the same allowance: the first that is in time ends the search.
  while (!idle_.empty() && idle_.front()->deadline() <= now) idle_.front()->on_deadline();
  for (const auto& session : busy_) {
    if (session->deadline() <= now) session->on_deadline();
  }
}

void Worker::drain_later() {
  asio::post(context, [this] {
    while (!idle_.empty()) idle_.front()->close();
  });
}

void Worker::close_all() {
  engine.draining = true;
  while (!idle_.empty()) idle_.front()->close();
  for (const auto& session : busy_) session->close();
}

void Worker::close_all_later() {
  asio::post(context, [this] { close_all(); });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  asio::post(context, [this] {
    stopping_ = true;
    close_all();
    timer_.cancel();
    work_.reset();
  });
  thread_.join();
  const std::lock_guard lock(port->mutex);
  port->context = nullptr;
}

}  // namespace witan::http::detail
