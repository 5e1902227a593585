#pragma once
// One connection: reads requests, has them handled, writes answers. Lives on its worker's thread.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "node/http/detail/request_parser.h"
#include "node/http/detail/transport.h"
#include "node/http/message.h"

namespace witan::http::detail {

class Session;
class Worker;

using SteadyTime = std::chrono::steady_clock::time_point;

// The status of a response that stands for "dropped without an answer": sent as a 500 in the
// server's own format.
inline constexpr unsigned kDroppedStatus = 0;

// What a connection needs only while a request is on it; idle connections have none.
struct Exchange {
  RequestParser parser;
  Bytes buffer;  // unread bytes are those in [begin, end)
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string head;  // of the response
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  enum class Phase { kHandshake, kIdle, kRequest, kHandling, kWriting, kLingering };

  Session(Worker& worker, std::unique_ptr<Transport> transport, std::string client);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The whole life of the connection. The caller keeps the session alive until it ends.
  Task<void> run();

  // All of these: on the worker's thread.
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] SteadyTime deadline() const { return deadline_; }
  // The deadline has passed: answers 408 where a request had begun, closes otherwise.
  void on_deadline();
  // Closes at once, whatever is going on.
  void close();
  // The answer to request `number`, from another turn of the worker than the handler's.
  void deliver(std::uint64_t number, Response&& response);
  // The same from within the handler.
  void deliver_inside_handler(Response&& response) { response_ = std::move(response); }

  // Where the worker has it in its lists.
  std::list<std::shared_ptr<Session>>::iterator place;

 private:
  enum class Step { kReady, kWait, kRefused, kGone };
  struct Waiter;

  Task<bool> serve_one();
  Task<bool> next_bytes();
  Task<void> send_continue();
  Task<bool> refuse();
  Task<bool> respond();
  Task<void> linger();
  Task<void> response_arrival();

  void enter(Phase phase, std::chrono::milliseconds allowance);
  Step advance();
  Step parse();
  bool accept_head();
  bool account_body();
  bool make_room();
  void set_refusal(unsigned status, std::string detail);
  void handle();
  [[nodiscard]] std::size_t unread() const;
  void release_body_bytes();

  Worker& worker_;
  const std::unique_ptr<Transport> transport_;
  const std::string client_;
  std::unique_ptr<Exchange> exchange_;
  Phase phase_ = Phase::kHandshake;
  SteadyTime deadline_ = SteadyTime::max();
  bool closed_ = false;
  bool timed_out_ = false;
  bool keep_alive_ = false;
  bool head_seen_ = false;
  bool continue_due_ = false;
  Method method_ = Method::kGet;
  bool http_1_0_ = false;
  unsigned served_in_a_row_ = 0;
  std::uint64_t request_number_ = 0;
  std::size_t body_bytes_held_ = 0;
  std::optional<Response> response_;
  std::unique_ptr<Waiter> waiter_;
  unsigned refusal_status_ = 0;
  std::string refusal_detail_;
};

}  // namespace witan::http::detail
