#include "node/http/reverse_connection.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "config/limits.h"
#include "node/http/detail/client_stream.h"
#include "node/http/detail/name_lookup.h"
#include "node/http/detail/response_head.h"
#include "node/http/detail/reverse_tls.h"
#include "node/http/detail/transport.h"
#include "node/http/h2_session.h"
#include "node/log.h"

namespace witan::http {

namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): this file is its public face

constexpr std::chrono::seconds kTick{1};
// How long a peer has to take our last words.
constexpr std::chrono::seconds kFarewell{2};
constexpr std::size_t kReverseReadBytes = 16u << 10;

class ReverseConnectionImpl;

// What the copies of one Respond share; see Reply.
class ReverseReply {
 public:
  ReverseReply(std::shared_ptr<ReversePort> port, std::weak_ptr<ReverseConnectionImpl> connection,
               std::uint64_t id)
      : port_(std::move(port)), connection_(std::move(connection)), id_(id) {}
  ~ReverseReply();
  ReverseReply(const ReverseReply&) = delete;
  ReverseReply& operator=(const ReverseReply&) = delete;

  void answer(Response&& response);

 private:
  const std::shared_ptr<ReversePort> port_;
  const std::weak_ptr<ReverseConnectionImpl> connection_;
  const std::uint64_t id_;
  std::atomic<bool> answered_{false};
};

class ReverseConnectionImpl final : public ReverseConnection,
                                    public std::enable_shared_from_this<ReverseConnectionImpl> {
 public:
  ReverseConnectionImpl(asio::io_context& context, ReverseOptions options)
      : options_(std::move(options)),
        stream_(context, options_.tls->context()),
        timer_(context),
        began_ms_(options_.clock->steady_ms()) {}

  void start() {
    schedule_tick();
    if (is_address(options_.host)) {
      // Later, since whoever opens this does not have it yet.
      asio::post(stream_.get_executor(), [self = shared_from_this()] {
        self->found(look_up_name(self->options_.host, self->options_.port));
      });
      return;
    }
    // Not Asio's resolver: its io_context ends no sooner than a look-up does, and it looks up one
    // name at a time, so that one bastion's would keep the others waiting.
    NameLookUp& names = options_.names != nullptr ? *options_.names : system_names();
    names.look_up_later(
        options_.host, options_.port,
        [port = options_.port_back, connection = weak_from_this()](const FoundAddresses& answer) {
          const std::lock_guard lock(port->mutex);
          if (port->context == nullptr) return;
          asio::post(*port->context, [connection, answer] {
            if (const auto alive = connection.lock()) alive->found(answer);
          });
        });
  }

  void shut_down() override {
    if (ended_) return;
    stopping_ = true;
    if (!session_) return end(ReverseEnd::kStopped, "");
    session_->shut_down();
    pump();
  }

  void close() override {
    end(ReverseEnd::kStopped, "");
    drop();
  }

  void deliver(std::uint64_t id, Response&& response) {
    if (ended_) return;
    session_->answer(id, std::move(response), now());
    pump();
  }

 private:
  [[nodiscard]] std::uint64_t now() const { return options_.clock->steady_ms(); }

  void found(const FoundAddresses& names) {
    if (ended_) return;
    if (names.error) return end(ReverseEnd::kName, names.error.message());
    std::vector<asio::ip::tcp::endpoint> endpoints;
    for (const SocketAddress& address : names.addresses) {
      asio::ip::tcp::endpoint& endpoint = endpoints.emplace_back();
      std::memcpy(endpoint.data(), &address.address, address.size);
      endpoint.resize(address.size);
    }
    asio::async_connect(stream_.next_layer(), endpoints,
                        [self = shared_from_this()](error_code error, const auto& /*endpoint*/) {
                          if (error) return self->end(ReverseEnd::kConnect, error.message());
                          self->handshake();
                        });
  }

  void handshake() {
    if (ended_) return;
    error_code ignored;
    stream_.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
    const auto end_s = options_.tls->prepare(stream_.native_handle(), options_.host,
                                             options_.clock->unix_ms() / 1000);
    if (!end_s) return end(ReverseEnd::kTls, end_s.error().message);
    own_end_s_ = *end_s;
    stream_.async_handshake(
        asio::ssl::stream_base::client, [self = shared_from_this()](error_code error) {
          if (error) {
            const std::string refusal = peer_refusal(self->stream_.native_handle());
            return self->end(ReverseEnd::kTls, refusal.empty()
                                                   ? error.message()
                                                   : "its certificate is not accepted: " + refusal);
          }
          self->serve();
        });
  }

  void serve() {
    if (ended_) return;
    SSL* ssl = stream_.native_handle();
    options_.certificates(own_end_s_, peer_certificate_end(ssl));
    const std::string alpn = selected_alpn(ssl);
    if (alpn != options_.tls->alpn()) {
      return end(ReverseEnd::kAlpn,
                 "it chose the protocol '" + alpn + "', expected '" + options_.tls->alpn() + "'");
    }
    H2Options options;
    options.handle = [this](Request&& request, std::uint64_t id) {
      handle(std::move(request), id);
    };
    options.body_bytes_max = options_.body_bytes_max;
    options.error_response = options_.error_response;
    options.date = [this] { return date_.now(); };
    session_.emplace(std::move(options), now());
    pump();
    read();
  }

  void read() {
    if (ended_) return;
    stream_.async_read_some(asio::buffer(incoming_),
                            [self = shared_from_this()](error_code error, std::size_t size) {
                              self->have_read(error, size);
                            });
  }

  void have_read(error_code error, std::size_t size) {
    if (ended_) return;
    if (error) return broken(error);
    const auto taken = session_->receive({incoming_.data(), size}, now());
    if (!taken) {
      const bool flood = taken.error().code == ErrorCode::kOverloaded;
      return end(flood ? ReverseEnd::kFlood : ReverseEnd::kProtocol, taken.error().message);
    }
    if (session_->established() && !established_) {
      established_ = true;
      options_.established();
    }
    pump();
    read();
  }

  void broken(error_code error) {
    if (stopping_) return end(ReverseEnd::kStopped, "");
    if (established_) return end(ReverseEnd::kClosed, error.message());
    end(ReverseEnd::kRefused,
        error.message() + " (does it know the hash of this witness's bastion key?)");
  }

  // Sends what is there, one write at a time.
  void pump() {
    if (ended_ || writing_) return;
    const BytesView bytes = session_->to_send();
    if (bytes.empty()) {
      if (!session_->violation().empty()) return end(ReverseEnd::kProtocol, session_->violation());
      if (session_->finished()) {
        end(stopping_ ? ReverseEnd::kStopped : ReverseEnd::kClosed, "the bastion said goodbye");
      }
      return;
    }
    writing_ = true;
    write_began_ms_ = now();
    asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()),
                      [self = shared_from_this()](error_code error, std::size_t /*size*/) {
                        self->writing_ = false;
                        if (self->ended_) return self->farewell();
                        if (error) return self->broken(error);
                        self->pump();
                      });
  }

  void schedule_tick() {
    timer_.expires_after(kTick);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (error || self->ended_) return;
      self->tick();
      if (!self->ended_) self->schedule_tick();
    });
  }

  void tick() {
    const auto since = [this](std::uint64_t then) {
      return std::chrono::milliseconds(now() - std::min(then, now()));
    };
    if (!established_ && since(began_ms_) >= limits::kBastionConnectDeadline) {
      return end(ReverseEnd::kTimeout, "no HTTP/2 connection in time");
    }
    if (!session_) return;
    if (writing_ && since(write_began_ms_) >= limits::kHttpWriteDeadline) {
      return end(ReverseEnd::kTimeout, "it takes nothing");
    }
    const auto alive = session_->tick(now());
    if (!alive) return end(ReverseEnd::kTimeout, alive.error().message);
    pump();
  }

  void handle(Request&& request, std::uint64_t id) {
    const auto reply = std::make_shared<ReverseReply>(options_.port_back, weak_from_this(), id);
    try {
      options_.handler(std::move(request),
                       [reply](Response response) { reply->answer(std::move(response)); });
    } catch (const std::exception& e) {
      log_error("a request failed", {{"what", e.what()}});
      reply->answer(options_.error_response(500, "the request could not be handled", nullptr));
    }
  }

  void end(ReverseEnd reason, const std::string& detail) {
    if (std::exchange(ended_, true)) return;
    const auto told = std::move(options_.ended);
    if (session_ && reason != ReverseEnd::kTimeout) {
      timer_.expires_after(kFarewell);
      timer_.async_wait([self = shared_from_this()](error_code error) {
        if (!error) self->drop();
      });
      if (!writing_) farewell();
    } else {
      drop();
    }
    told(reason, detail);
  }

  // The session's last words and the end of TLS, as far as they go without waiting long.
  void farewell() {
    const BytesView bytes = session_->to_send();
    if (!bytes.empty()) {
      return asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()),
                               [self = shared_from_this()](error_code error, std::size_t) {
                                 if (error) return self->drop();
                                 self->farewell();
                               });
    }
    stream_.async_shutdown([self = shared_from_this()](error_code) { self->drop(); });
  }

  void drop() {
    error_code ignored;
    timer_.cancel();
    stream_.next_layer().close(ignored);
  }

  ReverseOptions options_;
  asio::ssl::stream<Socket> stream_;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      timer_;
  const std::uint64_t began_ms_;
  std::optional<H2Session> session_;
  std::array<std::uint8_t, kReverseReadBytes> incoming_;
  DateText date_;
  std::uint64_t own_end_s_ = 0;
  std::uint64_t write_began_ms_ = 0;
  bool writing_ = false;
  bool established_ = false;
  bool stopping_ = false;
  bool ended_ = false;
};

ReverseReply::~ReverseReply() {
  if (answered_) return;
  log_error("a request was dropped without an answer");
  try {
    answer(Response::text(500, "text/plain", "the request could not be handled\n"));
  } catch (const std::exception& e) {
    log_error("a request could not be answered", {{"what", e.what()}});
  }
}

void ReverseReply::answer(Response&& response) {
  if (answered_.exchange(true)) {
    log_error("a request was answered twice", {{"status", response.status}});
    return;
  }
  const std::lock_guard lock(port_->mutex);
  if (port_->context == nullptr) return;
  asio::post(*port_->context,
             [connection = connection_, id = id_, held = std::move(response)]() mutable {
               if (const auto alive = connection.lock()) alive->deliver(id, std::move(held));
             });
}

}  // namespace

std::string_view to_string(ReverseEnd end) {
  switch (end) {
    case ReverseEnd::kName:
      return "name";
    case ReverseEnd::kConnect:
      return "connect";
    case ReverseEnd::kTls:
      return "tls";
    case ReverseEnd::kAlpn:
      return "alpn";
    case ReverseEnd::kRefused:
      return "refused";
    case ReverseEnd::kProtocol:
      return "protocol";
    case ReverseEnd::kFlood:
      return "flood";
    case ReverseEnd::kTimeout:
      return "timeout";
    case ReverseEnd::kClosed:
      return "closed";
    case ReverseEnd::kStopped:
      return "stopped";
  }
  return "unknown";
}

std::shared_ptr<ReverseConnection> ReverseConnection::open(asio::io_context& context,
                                                           ReverseOptions options) {
  auto connection = std::make_shared<ReverseConnectionImpl>(context, std::move(options));
  connection->start();
  return connection;
}

}  // namespace witan::http
