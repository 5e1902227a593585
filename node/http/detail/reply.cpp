#include "node/http/detail/reply.h"

#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include <boost/asio/post.hpp>

#include "node/log.h"

namespace witan::http::detail {

Reply::~Reply() {
  if (answered_) return;
  log_error("a request was dropped without an answer");
  try {
    Response dropped;
    dropped.status = kDroppedStatus;
    answer(std::move(dropped));
  } catch (const std::exception& e) {
    log_error("a request could not be answered", {{"what", e.what()}});
  }
}

bool Reply::inside_handler() const {
  if (std::this_thread::get_id() != port_->thread || port_->handling == nullptr) return false;
  const std::weak_ptr<Session> handling = port_->handling->weak_from_this();
  return !session_.owner_before(handling) && !handling.owner_before(session_) &&
         port_->handling_number == number_;
}

void Reply::answer(Response&& response) {
  if (answered_.exchange(true)) {
    log_error("a request was answered twice", {{"status", response.status}});
    return;
  }
  if (inside_handler()) {
    port_->handling->deliver_inside_handler(std::move(response));
    return;
  }
  const std::lock_guard lock(port_->mutex);
  if (port_->context == nullptr) return;
  asio::post(*port_->context,
             [session = session_, number = number_, held = std::move(response)]() mutable {
               if (const auto alive = session.lock()) alive->deliver(number, std::move(held));
             });
}

}  // namespace witan::http::detail
