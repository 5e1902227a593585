// The server's side of HTTP/2 against a real client in memory.
#include <string>
#include <vector>

#include "tests/node/http/h2_fixture.h"

namespace witan::test {
namespace {

TEST_CASE("h2 session: a request comes as one of HTTP/1.1 would, and its answer goes back") {
  H2Fixture h2;
  REQUIRE(h2.exchange());
  CHECK(h2.session.established());
  CHECK(h2.client.streams_max() == limits::kH2StreamsMax);
  const auto id = h2.client.ask("POST", "/add-checkpoint?a=1&b", "body",
                                {{"x-forwarded-for", "192.0.2.7"}, {"content-length", "4"}});
  REQUIRE(h2.exchange());
  CHECK(h2.session.handled() == 1);
  const http::Request request = h2.answer_next(http::Response::text(200, "text/plain", "hello")
                                                   .with("ETag", "\"x\"")
                                                   .with("Connection", "close"));
  CHECK(request.method == http::Method::kPost);
  CHECK(request.path == "/add-checkpoint");
  CHECK(request.query == "a=1&b");
  CHECK(as_text(request.body) == "body");
  CHECK(request.header("x-forwarded-for") == "192.0.2.7");
  CHECK(request.header("host") == "bastion.test");
  REQUIRE(h2.exchange());
  const H2Answer& answer = h2.client.answer(id);
  CHECK(answer.closed);
  CHECK(answer.error_code == 0);
  CHECK(answer.status == 200);
  CHECK(answer.body == "hello");
  CHECK(answer.header("etag") == "\"x\"");
  CHECK(answer.header("content-length") == "5");
  CHECK(answer.header("connection").empty());
  CHECK(h2.session.handled() == 0);
  CHECK(h2.session.bytes_held() == 0);
  CHECK(h2.session.requests() == 1);
}

TEST_CASE("h2 session: answers without a body end with their header") {
  H2Fixture h2;
  const auto head = h2.client.ask("HEAD", "/");
  const auto unchanged = h2.client.ask("GET", "/x");
  REQUIRE(h2.exchange());
  CHECK(h2.answer_next(http::Response::text(200, "text/plain", "12345")).method ==
        http::Method::kHead);
  h2.answer_next(http::Response::text(304, "text/plain", "none of it"));
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(head).body.empty());
  CHECK(h2.client.answer(head).header("content-length") == "5");
  CHECK(h2.client.answer(unchanged).status == 304);
  CHECK(h2.client.answer(unchanged).body.empty());
  CHECK(h2.client.answer(unchanged).closed);
}

TEST_CASE("h2 session: many streams at once, answered in another order, with big bodies") {
  H2Fixture h2;
  std::vector<std::int32_t> ids;
  constexpr std::size_t kStreams = 40;
  for (std::size_t i = 0; i < kStreams; ++i) {
    ids.push_back(h2.client.ask("POST", "/" + std::to_string(i),
                                std::string(90'000 + i, static_cast<char>('a' + i % 26))));
  }
  REQUIRE(h2.exchange());
  REQUIRE(h2.waiting.size() == kStreams);
  CHECK(h2.session.bytes_held() >= kStreams * 90'000);
  while (!h2.waiting.empty()) {
    const auto [request, id] = std::move(h2.waiting.back());
    h2.waiting.pop_back();
    h2.session.answer(id, http::Response::bytes(200, "text/plain", request.body), h2.now_ms);
  }
  REQUIRE(h2.exchange());
  for (std::size_t i = 0; i < kStreams; ++i) {
    const H2Answer& answer = h2.client.answer(ids[i]);
    CHECK(answer.closed);
    CHECK(answer.body == std::string(90'000 + i, static_cast<char>('a' + i % 26)));
  }
  CHECK(h2.session.bytes_held() == 0);
}

TEST_CASE("h2 session: a body over its bound is refused before or while it is read") {
  H2Fixture h2;
  const auto said = h2.client.ask("POST", "/", "x", {{"content-length", "100001"}}, false);
  const auto found = h2.client.ask("POST", "/", std::string(H2Fixture::kBodyMax + 1, 'x'));
  const auto none = h2.client.ask("GET", "/", "x");
  REQUIRE(h2.exchange());
  for (const auto id : {said, found, none}) {
    CHECK(h2.client.answer(id).status == 413);
    CHECK(h2.client.answer(id).closed);
    CHECK(h2.client.answer(id).error_code == 0);
  }
  CHECK(h2.waiting.empty());
  CHECK(h2.session.bytes_held() == 0);
  h2.at_once = true;
  const auto next = h2.client.ask("POST", "/", std::string(H2Fixture::kBodyMax, 'x'));
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(next).body == "now");
}

TEST_CASE("h2 session: a client that waits for 100 gets it; other expectations are refused") {
  H2Fixture h2;
  const auto id = h2.client.ask("POST", "/", "", {{"expect", "100-continue"}}, false);
  const auto odd = h2.client.ask("POST", "/", "", {{"expect", "wonders"}}, false);
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(id).interim == 100);
  CHECK(h2.client.answer(odd).status == 417);
  h2.client.more(id, "late", true);
  REQUIRE(h2.exchange());
  CHECK(as_text(h2.answer_next(http::Response::text(200, "text/plain", "")).body) == "late");
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(id).status == 200);
}

TEST_CASE("h2 session: what a request's header may not be is said") {
  H2Fixture h2;
  const auto status = [&](const std::string& method, const std::string& path,
                          const H2Client::Fields& fields = {}) {
    const auto id = h2.client.ask(method, path, "", fields);
    REQUIRE(h2.exchange());
    return h2.client.answer(id).status;
  };
  CHECK(status("GET", "/#fragment") == 400);
  CHECK(status("GET", "/" + std::string(limits::kHttpTargetBytesMax, 'a')) == 414);
  CHECK(status("GET", "/", {{"x", std::string(limits::kHttpHeaderBytesMax, 'a')}}) == 431);
  CHECK(status("GET", "/", H2Client::Fields(limits::kH2HeadersMax, {"a", "b"})) == 431);
  CHECK(h2.waiting.empty());
  CHECK(h2.session.bytes_held() == 0);
}

TEST_CASE("h2 session: an answer that cannot be sent as it is becomes a 500") {
  H2Fixture h2;
  const auto id = h2.client.ask("GET", "/");
  REQUIRE(h2.exchange());
  h2.answer_next(http::Response::text(200, "text/plain", "x").with("a", "b\r\nc: d"));
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(id).status == 500);
  CHECK(h2.client.answer(id).header("c").empty());
}

TEST_CASE("h2 session: a peer is asked whether it lives, and is given up when it is mute") {
  H2Fixture h2;
  REQUIRE(h2.exchange());
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(h2.pass(limits::kH2PingInterval));
    REQUIRE(h2.exchange());
    CHECK(h2.client.pings() == static_cast<std::size_t>(i));
    REQUIRE(h2.pass(limits::kH2PingDeadline));
  }
  REQUIRE(h2.pass(limits::kH2PingInterval));
  h2.carry_answers();
  REQUIRE(h2.pass(limits::kH2PingDeadline - std::chrono::milliseconds(1)));
  const auto dead = h2.pass(std::chrono::milliseconds(1));
  REQUIRE_FALSE(dead);
  CHECK(dead.error().code == ErrorCode::kTimeout);
}

TEST_CASE("h2 session: a request that does not arrive is answered with 408") {
  H2Fixture h2;
  const auto id = h2.client.ask("POST", "/", "half", {}, false);
  REQUIRE(h2.exchange());
  REQUIRE(h2.pass(limits::kHttpBodyDeadline - std::chrono::milliseconds(1)));
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(id).status == 0);
  REQUIRE(h2.pass(std::chrono::milliseconds(1)));
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(id).status == 408);
  CHECK(h2.client.answer(id).closed);
  CHECK(h2.session.bytes_held() == 0);
}

TEST_CASE("h2 session: an answer that is not taken is given up") {
  H2Fixture h2(0);
  const auto id = h2.client.ask("GET", "/");
  REQUIRE(h2.exchange());
  h2.answer_next(http::Response::text(200, "text/plain", std::string(50'000, 'x')));
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(id).status == 200);
  CHECK(h2.client.answer(id).body.empty());
  CHECK(h2.session.bytes_held() == 50'000);
  REQUIRE(h2.pass(limits::kHttpWriteDeadline));
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(id).closed);
  CHECK(h2.client.answer(id).error_code != 0);
  CHECK(h2.session.bytes_held() == 0);
}

TEST_CASE("h2 session: shutting down answers what is under way and takes nothing new") {
  H2Fixture h2;
  const auto id = h2.client.ask("GET", "/");
  REQUIRE(h2.exchange());
  h2.session.shut_down();
  CHECK_FALSE(h2.session.finished());
  REQUIRE(h2.exchange());
  CHECK(h2.client.goaway() == 0);
  CHECK_FALSE(h2.session.finished());
  const auto late = h2.client.ask("GET", "/late");
  (void)h2.exchange();
  CHECK(h2.client.answer(late).status == 0);
  CHECK(h2.waiting.size() == 1);
  h2.answer_next(http::Response::text(200, "text/plain", "done"));
  (void)h2.exchange();
  CHECK(h2.client.answer(id).body == "done");
  CHECK(h2.session.finished());
}

TEST_CASE("h2 session: when the peer says goodbye, what is under way is answered first") {
  H2Fixture h2;
  const auto id = h2.client.ask("GET", "/");
  REQUIRE(h2.exchange());
  h2.client.say_goodbye();
  REQUIRE(h2.exchange());
  CHECK_FALSE(h2.session.finished());
  h2.answer_next(http::Response::text(200, "text/plain", "bye"));
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(id).body == "bye");
  CHECK(h2.session.finished());
}

TEST_CASE("h2 session: an answer for a stream that has gone goes nowhere") {
  H2Fixture h2;
  const auto id = h2.client.ask("POST", "/", "body");
  REQUIRE(h2.exchange());
  h2.client.reset(id);
  REQUIRE(h2.exchange());
  CHECK(h2.session.handled() == 1);
  CHECK(h2.session.bytes_held() == 4);
  h2.answer_next(http::Response::text(200, "text/plain", "x"));
  h2.session.answer(static_cast<std::uint64_t>(id), http::Response(), h2.now_ms);
  h2.session.answer(999, http::Response(), h2.now_ms);
  CHECK(h2.session.handled() == 0);
  CHECK(h2.session.bytes_held() == 0);
  REQUIRE(h2.exchange());
}

}  // namespace
}  // namespace witan::test
