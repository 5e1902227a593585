#include "node/http/server.h"

#include <algorithm>
#include <array>
#include <future>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include "node/http/detail/worker.h"
#include "node/http/url.h"
#include "node/log.h"

namespace witan::http {

namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): this file is its public face
using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr int kBacklog = 4'096;
// Files that the rest of the process needs besides connections.
constexpr std::size_t kOtherFiles = 256;
constexpr milliseconds kAcceptPause{50};

// Connections that this process may hold, after raising its soft limit to the hard one.
std::size_t connections_allowed(std::size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur == RLIM_INFINITY) return wanted;
  const auto files = static_cast<std::size_t>(limit.rlim_cur);
  const std::size_t allowed = files > 2 * kOtherFiles ? files - kOtherFiles : files / 2;
  if (allowed < wanted) {
    log_warning("fewer connections than configured: the limit on open files is low",
                {{"connections", allowed}, {"configured", wanted}, {"files", files}});
  }
  return std::min(allowed, wanted);
}

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" +
         std::to_string(endpoint.port());
}

std::string client_of(const tcp::endpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, Handler handler) {
    engine_.options = std::move(options);
    engine_.handler = std::move(handler);
    const unsigned threads = std::max(engine_.options.threads, 1u);
    const std::size_t connections =
        std::max<std::size_t>(connections_allowed(engine_.options.connections_max), 1);
    const std::size_t each = (connections + threads - 1) / threads;
    for (unsigned i = 0; i < threads; ++i) {
      workers_.push_back(std::make_unique<Worker>(engine_, each));
    }
    acceptor_.emplace(workers_.front()->context);
    accept_timer_.emplace(workers_.front()->context);
  }

  ~ServerImpl() override {
    stop_accepting();
    for (const auto& worker : workers_) worker->close_all_later();
    for (const auto& worker : workers_) worker->stop();
    // The first worker's context goes last, with the acceptor before it.
    acceptor_.reset();
    accept_timer_.reset();
  }

  Result<void> listen() {
    if (engine_.options.tls) {
      WITAN_ASSIGN(engine_.tls, make_tls_server_context(*engine_.options.tls));
    }
    WITAN_ASSIGN(const ListenAddress wanted, parse_listen(engine_.options.listen));
    error_code error;
    const asio::ip::address address = asio::ip::make_address(wanted.host, error);
    if (error) {
      return fail(ErrorCode::kUsage, "listen address \"" + engine_.options.listen + "\": \"" +
                                         wanted.host + "\" is not an IPv4 or IPv6 address");
    }
    const tcp::endpoint endpoint(address, wanted.port);
    const auto refuse = [&](std::string_view what) {
      return fail(ErrorCode::kIo, "cannot listen on " + engine_.options.listen + ": " +
                                      std::string(what) + ": " + error.message());
    };
    acceptor_->open(endpoint.protocol(), error);
    if (error) return refuse("socket");
    acceptor_->set_option(Acceptor::reuse_address(true), error);
    acceptor_->bind(endpoint, error);
    if (error) return refuse("bind");
    acceptor_->listen(kBacklog, error);
    if (error) return refuse("listen");
    address_ = text_of(acceptor_->local_endpoint(error));
    if (error) return refuse("bound address");
    return {};
  }

  void run() {
    running_ = true;
    for (const auto& worker : workers_) worker->start();
    asio::co_spawn(
        workers_.front()->context, [this] { return accept_all(); },
        [](const std::exception_ptr& thrown) {
          try {
            if (thrown) std::rethrow_exception(thrown);
          } catch (const std::exception& e) {
            log_error("the server stopped accepting", {{"what", e.what()}});
          }
        });
  }

  [[nodiscard]] std::string address() const override { return address_; }

  [[nodiscard]] ServerCounters counters() const override {
    ServerCounters out;
    out.connections_open = engine_.open;
    for (const auto& worker : workers_) {
      out.connections_accepted += worker->accepted;
      out.connections_refused += worker->refused;
      out.requests += worker->requests;
      out.timeouts += worker->timeouts;
      out.bad_requests += worker->bad_requests;
    }
    return out;
  }

  void shutdown(milliseconds deadline) override {
    engine_.draining = true;
    stop_accepting();
    for (const auto& worker : workers_) worker->drain_later();
    std::unique_lock lock(engine_.mutex);
    const auto gone = [this] { return engine_.open == 0; };
    if (engine_.all_gone.wait_for(lock, deadline, gone)) return;
    lock.unlock();
    log_warning("connections were cut at shutdown", {{"connections", engine_.open.load()}});
    for (const auto& worker : workers_) worker->close_all_later();
  }

 private:
  Task<void> accept_all() {
    for (std::size_t next = 0;; next = (next + 1) % workers_.size()) {
      Worker& worker = *workers_[next];
      error_code error;
      tcp::endpoint peer;
      Socket socket(worker.context);
      co_await acceptor_->async_accept(socket, peer, asio::redirect_error(kUseAwaitable, error));
      if (stopping_ || !acceptor_->is_open()) co_return;
      if (!error) {
        engine_.open.fetch_add(1);
        worker.adopt_later(std::move(socket), client_of(peer));
        continue;
      }
      if (error == asio::error::connection_aborted || error == asio::error::interrupted) continue;
      // Out of files or memory: the waiting connections stay in the kernel's queue meanwhile.
      log_warning("accept failed", {{"reason", error.message()}});
      accept_timer_->expires_after(kAcceptPause);
      co_await accept_timer_->async_wait(asio::redirect_error(kUseAwaitable, error));
    }
  }

  // Returns when no connection can come any more.
  void stop_accepting() {
    const std::lock_guard lock(stop_mutex_);
    if (stopping_.exchange(true) || !running_) return;
    std::promise<void> closed;
    asio::post(workers_.front()->context, [&] {
      error_code ignored;
      acceptor_->close(ignored);
      accept_timer_->cancel();
      closed.set_value();
    });
    closed.get_future().wait();
  }

  Engine engine_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<Acceptor> acceptor_;  // used on the first worker's thread
  std::optional<asio::basic_waitable_timer<std::chrono::steady_clock,
                                           asio::wait_traits<std::chrono::steady_clock>, Executor>>
      accept_timer_;
  std::string address_;
  std::atomic<bool> stopping_{false};
  std::mutex stop_mutex_;
  bool running_ = false;  // before any other thread knows of the server
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  auto server = std::make_unique<ServerImpl>(std::move(options), std::move(handler));
  WITAN_TRY(server->listen());
  server->run();
  return server;
}

}  // namespace witan::http
