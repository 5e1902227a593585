#include "node/witness/bastion_tunnel.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "config/file.h"
#include "ledger/crypto/secret.h"
#include "node/http/detail/client_stream.h"
#include "node/http/detail/reverse_tls.h"
#include "node/http/rate_limiter.h"
#include "node/http/reverse_connection.h"
#include "node/http/url.h"
#include "node/log.h"

namespace witan {

namespace {

namespace asio = boost::asio;
using http::ReverseEnd;
using std::chrono::milliseconds;

struct WhereTo {
  std::string host;
  std::uint16_t port = 0;
};

Result<WhereTo> where_to(const BastionConfig& bastion) {
  WITAN_ASSIGN(const http::Url url, http::parse_url(bastion.url));
  if (!bastion.connect) return WhereTo{url.host, url.port};
  WITAN_ASSIGN(const http::Url other, http::parse_url("https://" + *bastion.connect));
  return WhereTo{other.host, other.port};
}

// What a bastion is counted with.
struct TunnelMetrics {
  TunnelMetrics(Metrics& the_metrics, const std::string& url)
      : metrics(the_metrics),
        bastion(url),
        connected(metrics.gauge("witan_witness_bastion_connected",
                                "Whether a bastion's connection is up", {{"bastion", url}})),
        attempts(metrics.counter("witan_witness_bastion_attempts_total",
                                 "Connections to a bastion that were begun", {{"bastion", url}})),
        requests(metrics.counter("witan_witness_bastion_requests_total",
                                 "Requests that came through a bastion", {{"bastion", url}})),
        over_rate(metrics.counter("witan_witness_bastion_over_rate_total",
                                  "Requests refused for the bastion's own limit",
                                  {{"bastion", url}})) {
    // Series that are there from the start show the first failure as an increase.
    for (int end = 0; end != static_cast<int>(ReverseEnd::kStopped); ++end) {
      (void)failures(static_cast<ReverseEnd>(end));
    }
  }

  [[nodiscard]] MetricCounter failures(ReverseEnd end) const {
    return metrics.counter("witan_witness_bastion_failures_total",
                           "Connections to a bastion that did not come up or broke, by reason",
                           {{"bastion", bastion}, {"reason", std::string(to_string(end))}});
  }
  void certificate(const std::string& whose, std::uint64_t end_s) const {
    metrics
        .gauge("witan_witness_bastion_certificate_not_after_seconds",
               "When a certificate of the newest connection ends",
               {{"bastion", bastion}, {"certificate", whose}})
        .set(static_cast<double>(end_s));
  }

  Metrics& metrics;
  const std::string bastion;
  const MetricGauge connected;
  const MetricCounter attempts, requests, over_rate;
};

class TunnelsImpl;

// One bastion. On the tunnels' thread, besides status().
class Tunnel {
 public:
  Tunnel(TunnelsImpl& all, BastionConfig bastion, WhereTo where,
         std::shared_ptr<http::detail::ReverseTls> tls);

  void connect();
  void shut_down();
  void close();
  [[nodiscard]] bool ended() const { return stopping_ && !connection_; }
  [[nodiscard]] BastionStatus status() const;

 private:
  void handle(http::Request&& request, http::Respond respond);
  void established();
  void ended(ReverseEnd end, const std::string& detail);
  void set_state(bool connected, const std::string& problem);

  TunnelsImpl& all_;
  const BastionConfig bastion_;
  const WhereTo where_;
  const std::shared_ptr<http::detail::ReverseTls> tls_;
  const TunnelMetrics metrics_;
  http::RateLimiter limiter_;
  BastionRetry retry_;
  asio::steady_timer timer_;
  std::shared_ptr<http::ReverseConnection> connection_;
  std::optional<std::uint64_t> up_since_ms_;
  bool stopping_ = false;
  mutable std::mutex mutex_;
  BastionStatus status_;  // under mutex_
};

class TunnelsImpl final : public BastionTunnels {
 public:
  TunnelsImpl(BastionTunnelsOptions the_options, Metrics& the_metrics, const Clock& the_clock,
              Random& the_random)
      : options(std::move(the_options)),
        metrics(the_metrics),
        clock(the_clock),
        random(the_random),
        work_(asio::make_work_guard(context)) {
    port->context = &context;
  }

  ~TunnelsImpl() override {
    {
      const std::lock_guard lock(port->mutex);
      port->context = nullptr;
    }
    context.stop();
    if (thread_.joinable()) thread_.join();
    if (options.state_file.empty()) return;
    std::error_code ignored;
    std::filesystem::remove(options.state_file, ignored);
  }

  Result<void> begin() {
    std::map<std::string, std::shared_ptr<http::detail::ReverseTls>> contexts;
    for (const BastionConfig& bastion : options.bastions) {
      WITAN_ASSIGN(WhereTo where, where_to(bastion));
      std::optional<std::string> ca;
      if (bastion.ca) ca = (options.folder / *bastion.ca).string();
      auto& tls = contexts[ca.value_or("")];
      if (!tls) {
        WITAN_ASSIGN(tls, http::detail::ReverseTls::make(options.key.pem, ca, kBastionAlpn));
      }
      tunnels.emplace_back(*this, bastion, std::move(where), tls);
    }
    wipe(options.key.pem);
    write_state();
    for (Tunnel& tunnel : tunnels) asio::post(context, [&tunnel] { tunnel.connect(); });
    thread_ = std::thread([this] { run(); });
    return {};
  }

  [[nodiscard]] std::vector<BastionStatus> status() const override {
    std::vector<BastionStatus> out;
    for (const Tunnel& tunnel : tunnels) out.push_back(tunnel.status());
    return out;
  }

  void shutdown(milliseconds deadline) override {
    asio::post(context, [this] {
      for (Tunnel& tunnel : tunnels) tunnel.shut_down();
      look_for_end();
    });
    std::unique_lock lock(mutex_);
    const bool done = all_ended_.wait_for(lock, deadline, [this] { return ended_; });
    lock.unlock();
    if (done) return;
    asio::post(context, [this] {
      for (Tunnel& tunnel : tunnels) tunnel.close();
    });
  }

  void look_for_end() {
    if (!std::all_of(tunnels.begin(), tunnels.end(), [](const Tunnel& t) { return t.ended(); })) {
      return;
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    all_ended_.notify_all();
  }

  // For those who ask while no port is open.
  void write_state() const {
    if (options.state_file.empty()) return;
    const auto written =
        write_file_atomic(options.state_file.string(), bastions_json(status()), 0644);
    if (!written)
      log_warning("bastions: cannot keep their state", {{"why", written.error().message}});
  }

  BastionTunnelsOptions options;
  Metrics& metrics;
  const Clock& clock;
  Random& random;
  const std::shared_ptr<http::ReversePort> port = std::make_shared<http::ReversePort>();
  asio::io_context context{1};
  std::list<Tunnel> tunnels;

 private:
  void run() {
    while (!context.stopped()) {
      try {
        context.run();
      } catch (const std::exception& e) {
        log_error("bastions: a step failed", {{"what", e.what()}});
      }
    }
  }

  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::mutex mutex_;
  std::condition_variable all_ended_;
  bool ended_ = false;  // under mutex_
  std::thread thread_;
};

Tunnel::Tunnel(TunnelsImpl& all, BastionConfig bastion, WhereTo where,
               std::shared_ptr<http::detail::ReverseTls> tls)
    : all_(all),
      bastion_(std::move(bastion)),
      where_(std::move(where)),
      tls_(std::move(tls)),
      metrics_(all.metrics, bastion_.url),
      limiter_(std::max(bastion_.rate_per_s, 1.0), bastion_.burst, 1),
      retry_(all.random, all.options.retry),
      timer_(all.context) {
  status_.url = bastion_.url;
  status_.public_url = bastion_public_url(bastion_.url, all.options.key.hash);
}

void Tunnel::connect() {
  if (stopping_) return;
  metrics_.attempts.add();
  {
    const std::lock_guard lock(mutex_);
    ++status_.attempts;
  }
  up_since_ms_.reset();
  http::ReverseOptions options;
  options.host = where_.host;
  options.port = where_.port;
  options.tls = tls_;
  options.port_back = all_.port;
  options.clock = &all_.clock;
  options.names = all_.options.names;
  options.handler = [this](http::Request&& request, http::Respond respond) {
    handle(std::move(request), std::move(respond));
  };
  options.body_bytes_max = all_.options.server.body_bytes_max;
  options.error_response = all_.options.server.error_response;
  options.certificates = [this](std::uint64_t own_s, std::uint64_t peer_s) {
    metrics_.certificate("own", own_s);
    metrics_.certificate("bastion", peer_s);
  };
  options.established = [this] { established(); };
  options.ended = [this](ReverseEnd end, const std::string& detail) { ended(end, detail); };
  connection_ = http::ReverseConnection::open(all_.context, std::move(options));
}

void Tunnel::handle(http::Request&& request, http::Respond respond) {
  metrics_.requests.add();
  {
    const std::lock_guard lock(mutex_);
    ++status_.requests;
  }
  if (bastion_.rate_per_s > 0) {
    const auto wait = limiter_.take("", all_.clock.steady_ms());
    if (wait.count() > 0) {
      metrics_.over_rate.add();
      return respond(all_.options.server
                         .error_response(429, "too many requests through this bastion", &request)
                         .with("Retry-After", std::to_string(wait.count())));
    }
  }
  request.client = bastion_client(bastion_.url, request);
  all_.options.handler(std::move(request), std::move(respond));
}

void Tunnel::established() {
  up_since_ms_ = all_.clock.steady_ms();
  metrics_.connected.set(1);
  set_state(true, "");
  log_info("bastion connected", {{"bastion", bastion_.url}, {"public_url", status().public_url}});
}

void Tunnel::ended(ReverseEnd end, const std::string& detail) {
  connection_.reset();
  metrics_.connected.set(0);
  if (stopping_) {
    set_state(false, "stopped");
    return all_.look_for_end();
  }
  metrics_.failures(end).add();
  std::optional<milliseconds> up;
  if (up_since_ms_) up = milliseconds(all_.clock.steady_ms() - *up_since_ms_);
  const milliseconds wait = retry_.wait_after(up);
  const std::string problem = std::string(to_string(end)) + ": " + detail;
  set_state(false, problem);
  log_warning(up ? "bastion connection ended" : "bastion not connected",
              {{"bastion", bastion_.url}, {"why", problem}, {"retry_ms", wait.count()}});
  timer_.expires_after(wait);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) connect();
  });
}

void Tunnel::shut_down() {
  stopping_ = true;
  timer_.cancel();
  // May end it at once, which lets go of it.
  const auto connection = connection_;
  if (connection) connection->shut_down();
}

void Tunnel::close() {
  const auto connection = connection_;
  if (connection) connection->close();
}

void Tunnel::set_state(bool connected, const std::string& problem) {
  {
    const std::lock_guard lock(mutex_);
    status_.connected = connected;
    status_.since_s = all_.clock.unix_ms() / 1000;
    status_.problem = problem;
  }
  all_.write_state();
}

BastionStatus Tunnel::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace

std::string bastion_client(const std::string& bastion_url, const http::Request& request) {
  std::string address;
  unsigned fields = 0;
  for (const auto& [name, value] : request.headers) {
    if (name != "x-forwarded-for") continue;
    ++fields;
    address = value;
  }
  if (fields != 1 || !http::detail::is_address(address)) return bastion_url;
  return bastion_url + " " + http::RateLimiter::key_of(address);
}

Result<std::unique_ptr<BastionTunnels>> BastionTunnels::start(BastionTunnelsOptions options,
                                                              Metrics& metrics, const Clock& clock,
                                                              Random& random) {
  auto tunnels = std::make_unique<TunnelsImpl>(std::move(options), metrics, clock, random);
  WITAN_TRY(tunnels->begin());
  return tunnels;
}

}  // namespace witan
