#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "node/log.h"
#include "tests/node/http/http_fixture.h"

using namespace witan;
using namespace witan::http;
using namespace witan::http::test;
using std::chrono::milliseconds;
using witan::test::RawSocket;

namespace {

struct QuietLog {
  QuietLog() { set_log_level(LogLevel::kOff); }
  ~QuietLog() { set_log_level(LogLevel::kInfo); }
};

}  // namespace

TEST_CASE("http server: a request is answered and the connection is kept") {
  const auto server = start();
  RawSocket socket(server->address());
  for (int i = 0; i < 3; ++i) {
    socket.send("GET /a%20b?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answer = socket.read_response();
    CHECK_THAT(answer,
               ContainsSubstring("http/1.1 200 ok") || ContainsSubstring("HTTP/1.1 200 OK"));
    CHECK_THAT(answer, ContainsSubstring("GET /a%20b x=1 "));
    CHECK_THAT(answer, ContainsSubstring("Date: "));
    CHECK_THAT(answer, !ContainsSubstring("Server:"));
    CHECK_THAT(answer, !ContainsSubstring("Connection:"));
  }
  CHECK(server->counters().requests == 3);
  CHECK(server->counters().connections_accepted == 1);
}

TEST_CASE("http server: pipelined requests are answered in order, late answers too") {
  std::vector<std::thread> threads;
  const auto server = start(quick_options(), [&](Request&& request, Respond respond) {
    auto answer = [path = request.path, respond = std::move(respond)] {
      respond(Response::text(200, "text/plain", path));
    };
    if (request.path == "/late") {
      threads.emplace_back(answer);
    } else {
      answer();
    }
  });
  RawSocket socket(server->address());
  std::string all;
  for (int i = 0; i < 100; ++i) {
    all += "GET " + (i % 10 == 0 ? std::string("/late") : "/" + std::to_string(i)) +
           " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  socket.send(all);
  for (int i = 0; i < 100; ++i) {
    const std::string expected = i % 10 == 0 ? std::string("/late") : "/" + std::to_string(i);
    const std::string answer = socket.read_response();
    REQUIRE(answer.substr(answer.size() - expected.size()) == expected);
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("http server: HEAD has the header of GET and no body") {
  const auto server = start();
  RawSocket socket(server->address());
  socket.send("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK_THAT(socket.read_response(false), ContainsSubstring("Content-Length: 11\r\n"));
  CHECK_THAT(socket.read_response(), ContainsSubstring("GET /x"));
}

TEST_CASE("http server: HTTP/1.0 closes unless asked to keep") {
  const auto server = start();
  RawSocket once(server->address());
  once.send("GET / HTTP/1.0\r\n\r\n");
  CHECK_THAT(once.read_to_end(), ContainsSubstring("Connection: close"));
  CHECK(once.closed());
  RawSocket kept(server->address());
  for (int i = 0; i < 2; ++i) {
    kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK_THAT(kept.read_response(), ContainsSubstring("Connection: keep-alive"));
  }
  RawSocket close(server->address());
  close.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK_THAT(close.read_to_end(), ContainsSubstring("Connection: close"));
  CHECK(close.closed());
}

TEST_CASE("http server: bodies come by length, by chunks, and after 100-continue") {
  const auto server = start();
  RawSocket socket(server->address());
  socket.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
  CHECK_THAT(socket.read_response(), ContainsSubstring("POST /  hello"));
  socket.send(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n");
  CHECK_THAT(socket.read_response(), ContainsSubstring("POST /  abcdefg"));
  socket.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(socket.read_response(false) == "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("ok");
  CHECK_THAT(socket.read_response(), ContainsSubstring("POST /  ok"));
  // Byte by byte.
  for (const char c : std::string("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz")) {
    socket.send(std::string(1, c));
  }
  CHECK_THAT(socket.read_response(), ContainsSubstring("POST /  xyz"));
}

TEST_CASE("http server: other methods and the absolute form reach the handler") {
  const auto server = start();
  RawSocket socket(server->address());
  socket.send("DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK_THAT(socket.read_response(), ContainsSubstring("DELETE /x"));
  socket.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK_THAT(socket.read_response(), ContainsSubstring("OPTIONS *"));
  socket.send("GET http://a.example/y?z=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK_THAT(socket.read_response(), ContainsSubstring("GET /y z=1"));
}

TEST_CASE("http server: a shared body of many megabytes arrives whole") {
  auto shared = std::make_shared<Bytes>(8u << 20);
  for (std::size_t i = 0; i < shared->size(); ++i) (*shared)[i] = static_cast<std::uint8_t>(i * 7);
  const std::shared_ptr<const Bytes> body = shared;
  const auto server = start(quick_options(), [&](Request&&, const Respond& respond) {
    Response response;
    response.body = body;
    respond(std::move(response));
  });
  RawSocket socket(server->address());
  socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string answer = socket.read_response();
  REQUIRE(answer.size() > body->size());
  CHECK(answer.substr(answer.size() - body->size()) == as_text(*body));
}

TEST_CASE("http server: a handler that throws, forgets or answers badly gives 500") {
  const QuietLog quiet;
  const auto server = start(quick_options(), [&](Request&& request, const Respond& respond) {
    if (request.path == "/throw") throw std::runtime_error("boom");
    if (request.path == "/int") throw 7;
    if (request.path == "/forget") return;
    if (request.path == "/later") {
      std::thread([copy = respond]() mutable { copy = nullptr; }).detach();
      return;
    }
    if (request.path == "/split") {
      respond(Response::text(200, "text/plain", "x").with("X", "a\r\nSet-Cookie: b"));
      return;
    }
    if (request.path == "/status") return respond(Response::text(100, "text/plain", "x"));
    respond(Response::text(200, "text/plain", "fine"));
    respond(Response::text(200, "text/plain", "twice"));
  });
  RawSocket socket(server->address());
  for (const char* path : {"/throw", "/int", "/forget", "/later", "/split", "/status"}) {
    CAPTURE(path);
    socket.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answer = socket.read_response();
    CHECK_THAT(answer, ContainsSubstring("HTTP/1.1 500 "));
    CHECK_THAT(answer, !ContainsSubstring("Set-Cookie"));
  }
  socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK_THAT(socket.read_response(), ContainsSubstring("fine"));
}

TEST_CASE("http server: an answer after the client or the server has gone does no harm") {
  const QuietLog quiet;
  Respond kept;
  std::promise<void> first;
  auto server = start(quick_options(), [&](Request&&, Respond respond) {
    kept = std::move(respond);
    first.set_value();
  });
  {
    RawSocket socket(server->address());
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    first.get_future().wait();
  }
  kept(Response::text(200, "text/plain", "x"));
  first = {};
  RawSocket socket(server->address());
  socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  first.get_future().wait();
  server.reset();
  kept(Response::text(200, "text/plain", "x"));
  kept = nullptr;
  CHECK(socket.read_to_end().empty());
  CHECK(socket.closed());
}

TEST_CASE("http server: shutdown lets the open request finish and ends idle connections") {
  std::promise<Respond> asked;
  auto server = start(quick_options(), [&](Request&& request, Respond respond) {
    if (request.path == "/slow") return asked.set_value(std::move(respond));
    respond(Response::text(200, "text/plain", "x"));
  });
  RawSocket idle(server->address());
  idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  idle.read_response();
  RawSocket busy(server->address());
  busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  Respond respond = asked.get_future().get();
  auto done = std::async(std::launch::async, [&] { server->shutdown(milliseconds(10'000)); });
  CHECK(idle.read_to_end().empty());
  CHECK(idle.closed());
  CHECK_THROWS(RawSocket(server->address()));
  CHECK(done.wait_for(milliseconds(0)) == std::future_status::timeout);
  respond(Response::text(200, "text/plain", "finished"));
  const std::string answer = busy.read_until("finished");
  CHECK_THAT(answer, ContainsSubstring("Connection: close"));
  busy.shutdown_send();
  done.get();
  CHECK(server->counters().connections_open == 0);
}

TEST_CASE("http server: shutdown cuts what does not finish in time") {
  const QuietLog quiet;
  std::promise<Respond> asked;
  auto server = start(quick_options(),
                      [&](Request&&, Respond respond) { asked.set_value(std::move(respond)); });
  RawSocket busy(server->address());
  busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  Respond respond = asked.get_future().get();
  server->shutdown(milliseconds(20));
  CHECK(busy.read_to_end().empty());
  CHECK(busy.closed());
}

TEST_CASE("http server: addresses that cannot be listened on are named") {
  const auto server = start();
  ServerOptions options = quick_options();
  options.listen = server->address();
  const auto taken = Server::start(options, echo);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == ErrorCode::kIo);
  CHECK_THAT(taken.error().message, ContainsSubstring(server->address()));
  for (const char* bad : {"127.0.0.1", "localhost:80", "[::1:80", "127.0.0.1:70000"}) {
    CAPTURE(bad);
    options.listen = bad;
    const auto refused = Server::start(options, echo);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kUsage);
    CHECK_THAT(refused.error().message, ContainsSubstring(bad));
  }
}
