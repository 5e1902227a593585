#include "simulations/bench/load.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "simulations/bench/stopwatch.h"

namespace witan::bench {
namespace {

namespace bhttp = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

Error system_error(const std::string& attempt) {
  return Error{ErrorCode::kIo, attempt + ": " + std::strerror(errno)};
}

// Takes of a response its status and the length of its body, and the body itself when asked.
class Answer final : public bhttp::basic_parser<false> {
 public:
  Answer() { eager(true); }

  unsigned status = 0;
  std::uint64_t body_bytes = 0;
  Bytes* keep = nullptr;

 private:
  void on_request_impl(bhttp::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override {
    status = static_cast<unsigned>(code);
  }
  void on_field_impl(bhttp::field, string_view, string_view, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override {
    body_bytes += body.size();
    if (keep != nullptr) append(*keep, as_bytes(std::string_view(body.data(), body.size())));
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& error) override {
    return on_body_impl(body, error);
  }
  void on_finish_impl(error_code&) override {}
};

// The file's requests in memory.
class Requests {
 public:
  Requests() = default;
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;
  ~Requests() {
    if (base_ != nullptr) munmap(base_, size_);
  }

  Result<void> open(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(system_error(path));
    struct stat info {};
    fstat(fd, &info);
    size_ = static_cast<std::size_t>(info.st_size);
    void* mapped = mmap(nullptr, size_, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED) return fail(system_error(path));
    base_ = mapped;
    const auto* bytes = static_cast<const char*>(mapped);
    for (std::size_t at = 0; at + 4 <= size_;) {
      std::uint32_t length = 0;
      std::copy_n(bytes + at, sizeof length, reinterpret_cast<char*>(&length));
      if (length > size_ - at - 4) return fail(ErrorCode::kMalformed, path + ": cut off");
      requests_.emplace_back(bytes + at + 4, length);
      at += 4 + length;
    }
    if (requests_.empty()) return fail(ErrorCode::kMalformed, path + ": no requests");
    return {};
  }

  [[nodiscard]] std::size_t size() const { return requests_.size(); }
  [[nodiscard]] std::string_view at(std::uint64_t number) const {
    return requests_[number % requests_.size()];
  }

 private:
  void* base_ = nullptr;
  std::size_t size_ = 0;
  std::vector<std::string_view> requests_;
};

struct Connection {
  int fd = -1;
  std::uint64_t request = 0;
  std::size_t sent = 0;
  Stopwatch since;
  std::optional<Answer> answer;
  std::string unparsed;  // the beginning of a header that came in parts
  std::optional<Sample> sample;
};

class Generator {
 public:
  explicit Generator(const LoadOptions& options) : options_(options) {}
  ~Generator() {
    for (const Connection& connection : connections_) {
      if (connection.fd >= 0) close(connection.fd);
    }
    if (epoll_ >= 0) close(epoll_);
  }
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  Result<LoadResult> run() {
    WITAN_TRY(requests_.open(options_.requests_file));
    WITAN_TRY(connect_all());
    latencies_us_.reserve(1u << 20);
    const double cpu_before = cpu_seconds();
    const Stopwatch whole;
    since_start_ = whole;
    for (Connection& connection : connections_) WITAN_TRY(begin(connection));
    while (busy_ > 0) WITAN_TRY(turn());
    result_.seconds = whole.seconds();
    result_.cpu_seconds = cpu_seconds() - cpu_before;
    summarise();
    return std::move(result_);
  }

 private:
  static double cpu_seconds() { return process_cpu_seconds(); }

  Result<void> connect_all() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) return fail(system_error("epoll_create1"));
    connections_.resize(options_.connections);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      Connection& connection = connections_[i];
      connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connection.fd < 0) return fail(system_error("socket"));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(options_.port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        return fail(system_error("connect to 127.0.0.1:" + std::to_string(options_.port)));
      }
      const int on = 1;
      setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      fcntl(connection.fd, F_SETFL, O_NONBLOCK);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u32 = static_cast<std::uint32_t>(i);
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) {
        return fail(system_error("epoll_ctl"));
      }
    }
    return {};
  }

  // Sends the next request, if there is one to be sent.
  Result<void> begin(Connection& connection) {
    const bool over =
        since_start_.seconds() * 1e3 >= static_cast<double>(options_.duration.count());
    if (over || (!options_.repeat && next_ >= requests_.size())) return {};
    ++busy_;
    connection.request = next_++;
    connection.sent = 0;
    connection.answer.emplace();
    connection.answer->body_limit(std::uint64_t{1} << 30);
    connection.sample.reset();
    if (options_.samples > 0 && result_.samples.size() < options_.samples &&
        connection.request % sample_step() == 0) {
      connection.sample.emplace();
      connection.sample->request = connection.request % requests_.size();
      connection.answer->keep = &connection.sample->body;
    }
    connection.since = Stopwatch();
    return send_rest(connection);
  }

  [[nodiscard]] std::uint64_t sample_step() const {
    return std::max<std::uint64_t>(requests_.size() / (std::uint64_t{2} * options_.samples), 1);
  }

  // Requests are far smaller than a socket's buffer, so this waits only if the server is very slow.
  Result<void> send_rest(Connection& connection) {
    const std::string_view request = requests_.at(connection.request);
    while (connection.sent < request.size()) {
      const ssize_t count = send(connection.fd, request.data() + connection.sent,
                                 request.size() - connection.sent, MSG_NOSIGNAL);
      if (count > 0) {
        connection.sent += static_cast<std::size_t>(count);
      } else if (errno != EAGAIN && errno != EINTR) {
        return fail(system_error("send"));
      }
    }
    return {};
  }

  Result<void> turn() {
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(epoll_, events.data(), events.size(), 30'000);
    if (count == 0) {
      return fail(ErrorCode::kTimeout,
                  std::to_string(busy_) + " requests were not answered within 30 s");
    }
    if (count < 0 && errno != EINTR) return fail(system_error("epoll_wait"));
    for (int i = 0; i < count; ++i) WITAN_TRY(receive(connections_[events[i].data.u32]));
    return {};
  }

  Result<void> receive(Connection& connection) {
    const ssize_t count = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    if (count < 0) return fail(system_error("recv"));
    if (count == 0 || !connection.answer) {
      return fail(ErrorCode::kUnavailable, "the server closed a connection");
    }
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(count));
    std::string joined;
    if (!connection.unparsed.empty()) {
      joined = std::exchange(connection.unparsed, {});
      joined += bytes;
      bytes = joined;
    }
    Answer& answer = *connection.answer;
    while (!bytes.empty() && !answer.is_done()) {
      error_code error;
      const std::size_t used = answer.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
      bytes.remove_prefix(used);
      if (error == bhttp::error::need_more) break;
      if (error) return fail(ErrorCode::kMalformed, "not an answer: " + error.message());
    }
    connection.unparsed.assign(bytes.data(), bytes.size());
    if (!answer.is_done()) return {};
    return finish(connection);
  }

  Result<void> finish(Connection& connection) {
    latencies_us_.push_back(static_cast<std::uint32_t>(connection.since.seconds() * 1e6));
    const Answer& answer = *connection.answer;
    ++result_.statuses[answer.status];
    result_.body_bytes += answer.body_bytes;
    if (connection.sample) {
      connection.sample->status = answer.status;
      result_.samples.push_back(std::move(*connection.sample));
    }
    const bool goes_on = answer.keep_alive();
    connection.answer.reset();
    --busy_;
    if (!goes_on) return fail(ErrorCode::kUnavailable, "the server ends a connection");
    return begin(connection);
  }

  void summarise() {
    if (latencies_us_.empty()) return;
    std::sort(latencies_us_.begin(), latencies_us_.end());
    const auto at = [this](double part) {
      const auto last = static_cast<double>(latencies_us_.size() - 1);
      return latencies_us_[static_cast<std::size_t>(last * part)] / 1e3;
    };
    result_.p50_ms = at(0.5);
    result_.p99_ms = at(0.99);
    result_.max_ms = at(1);
  }

  const LoadOptions& options_;
  Requests requests_;
  std::vector<Connection> connections_;
  std::array<char, 65'536> buffer_{};
  int epoll_ = -1;
  std::uint64_t next_ = 0;
  std::size_t busy_ = 0;
  Stopwatch since_start_;
  std::vector<std::uint32_t> latencies_us_;
  LoadResult result_;
};

}  // namespace

Result<LoadResult> generate_load(const LoadOptions& options) {
  const auto generator = std::make_unique<Generator>(options);
  return generator->run();
}

}  // namespace witan::bench
