#pragma once
// A server on a free port whose handler the test chooses, with short deadlines.

#include <memory>
#include <string>
#include <utility>

#include "node/http/server.h"
#include "tests/support/catch.h"
#include "tests/support/raw_socket.h"

namespace witan::http::test {

inline ServerOptions quick_options() {
  using std::chrono::milliseconds;
  ServerOptions options;
  options.header_deadline = milliseconds(10'000);
  options.body_deadline = milliseconds(10'000);
  options.write_deadline = milliseconds(10'000);
  options.idle_deadline = milliseconds(10'000);
  options.body_bytes_max = [](const Request& request) -> std::size_t {
    return request.path == "/none" ? 0 : 1'000;
  };
  return options;
}

// Says what it got: method, path, query, body.
inline void echo(Request&& request, const Respond& respond) {
  respond(Response::text(200, "text/plain",
                         request.method_text + " " + request.path + " " + request.query + " " +
                             std::string(as_text(request.body))));
}

inline std::unique_ptr<Server> start(ServerOptions options = quick_options(),
                                     Handler handler = echo) {
  auto server = Server::start(std::move(options), std::move(handler));
  if (!server) FAIL(server.error().message);
  return std::move(*server);
}

}  // namespace witan::http::test
