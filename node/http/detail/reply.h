#pragma once
// The way back from a handler to the connection that waits for its answer.

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "node/http/detail/session.h"
#include "node/http/detail/worker.h"
#include "node/http/message.h"

namespace witan::http::detail {

// What the copies of one Respond share. The last one to go without an answer answers 500. From any
// thread, also after the connection or the server has gone.
class Reply {
 public:
  Reply(std::shared_ptr<Port> port, std::weak_ptr<Session> session, std::uint64_t number)
      : port_(std::move(port)), session_(std::move(session)), number_(number) {}
  ~Reply();
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  // The first answer counts; another becomes a log line.
  void answer(Response&& response);

 private:
  // Whether this is called from within the handler that got the request.
  [[nodiscard]] bool inside_handler() const;

  const std::shared_ptr<Port> port_;
  const std::weak_ptr<Session> session_;
  const std::uint64_t number_;
  std::atomic<bool> answered_{false};
};

}  // namespace witan::http::detail
