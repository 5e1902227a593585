#pragma once
// An HTTP/2 session with a client in memory, and time that the test moves.

#include <deque>
#include <string>
#include <utility>

#include "config/limits.h"
#include "node/http/h2_session.h"
#include "tests/support/catch.h"
#include "tests/support/h2_client.h"

namespace witan::test {

class H2Fixture {
 public:
  static constexpr std::size_t kBodyMax = 100'000;

  explicit H2Fixture(std::uint32_t window = 65'535) : client(window), session(options(), now_ms) {}

  // Carries bytes until neither side has more.
  Result<void> exchange() {
    while (true) {
      const Bytes asked = client.to_send();
      if (!asked.empty()) WITAN_TRY(session.receive(asked, now_ms));
      if (!carry_answers() && asked.empty()) return {};
    }
  }
  // Whether the session had something to say.
  bool carry_answers() {
    bool any = false;
    for (BytesView said = session.to_send(); !said.empty(); said = session.to_send()) {
      CHECK(client.receive(said));
      any = true;
    }
    return any;
  }
  Result<void> pass(std::chrono::milliseconds time) {
    now_ms += static_cast<std::uint64_t>(time.count());
    return session.tick(now_ms);
  }
  // Answers the request that waits for longest.
  http::Request answer_next(http::Response response) {
    REQUIRE_FALSE(waiting.empty());
    auto [request, id] = std::move(waiting.front());
    waiting.pop_front();
    session.answer(id, std::move(response), now_ms);
    return std::move(request);
  }

  std::uint64_t now_ms = 1'000'000;
  bool at_once = false;  // answers within the handler
  H2Client client;
  std::deque<std::pair<http::Request, std::uint64_t>> waiting;
  http::H2Session session;

 private:
  http::H2Options options() {
    http::H2Options out;
    out.handle = [this](http::Request&& request, std::uint64_t id) {
      if (at_once) {
        return session.answer(id, http::Response::text(200, "text/plain", "now"), now_ms);
      }
      waiting.emplace_back(std::move(request), id);
    };
    out.body_bytes_max = [](const http::Request& request) {
      return request.method == http::Method::kPost ? kBodyMax : 0;
    };
    out.error_response = [](unsigned status, std::string_view detail, const http::Request*) {
      return http::Response::text(status, "text/plain", std::string(detail));
    };
    return out;
  }
};

}  // namespace witan::test
