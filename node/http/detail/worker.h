#pragma once
// One I/O thread of the server with its connections.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "node/http/detail/response_head.h"
#include "node/http/detail/session.h"
#include "node/http/server.h"

namespace witan::http::detail {

// What all workers of a server share.
struct Engine {
  ServerOptions options;
  Handler handler;
  std::unique_ptr<TlsServerContext> tls;
  std::atomic<std::size_t> body_bytes_in_flight{0};

  // Set when shutdown begins: whatever is answered from then on closes its connection.
  std::atomic<bool> draining{false};
  // Connections accepted and not gone yet.
  std::atomic<std::size_t> open{0};
  std::mutex mutex;
  std::condition_variable all_gone;

  void connection_gone();
  [[nodiscard]] Response error_response(unsigned status, std::string_view detail,
                                        const Request* request) const;
};

// The way back to a worker for answers made elsewhere; outlives the server when they do.
struct Port {
  std::mutex mutex;
  asio::io_context* context = nullptr;  // under mutex; null when the worker is gone
  std::thread::id thread;               // set before any request is handled
  // On the worker's thread: whose handler runs, and for which of its requests.
  Session* handling = nullptr;
  std::uint64_t handling_number = 0;
};

class Worker {
 public:
  Worker(Engine& owner, std::size_t connections_max);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  // From any thread.
  void adopt_later(Socket socket, std::string client);
  void drain_later();
  void close_all_later();
  // Ends all connections and the thread.
  void stop();

  // On the worker's thread.
  void to_idle(Session& session);
  void to_busy(Session& session);
  [[nodiscard]] bool draining() const { return engine.draining; }
  [[nodiscard]] std::unique_ptr<Exchange> take_exchange();
  void give_back(std::unique_ptr<Exchange> exchange);

  Engine& engine;
  asio::io_context context{1};
  const std::shared_ptr<Port> port = std::make_shared<Port>();
  DateText date;

  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> timeouts{0};
  std::atomic<std::uint64_t> bad_requests{0};

 private:
  void adopt(Socket socket, std::string client);
  void refuse(Socket socket);
  void ended(const std::shared_ptr<Session>& session);
  void sweep();
  void schedule_sweep();
  void close_all();

  const std::size_t connections_max_;
  const std::chrono::milliseconds sweep_interval_;
  asio::executor_work_guard<Executor> work_;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      timer_;
  bool stopping_ = false;
  // Idle ones in the order in which they became idle: the oldest first.
  std::list<std::shared_ptr<Session>> idle_;
  std::list<std::shared_ptr<Session>> busy_;
  std::vector<std::unique_ptr<Exchange>> spare_exchanges_;
  std::thread thread_;
};

// Counters have one writer: no locked instruction needed.
inline void count(std::atomic<std::uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace witan::http::detail
