#include <algorithm>
#include <chrono>
#include <future>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "node/http/detail/request_parser.h"
#include "node/log.h"
#include "tests/node/http/http_fixture.h"
#include "tests/support/wait.h"

using namespace witan;
using namespace witan::http;
using namespace witan::http::test;
using std::chrono::milliseconds;
using witan::test::RawSocket;

namespace {

std::string status_of(const std::string& answer) {
  return answer.size() < 12 ? "closed" : answer.substr(9, 3);
}

// Sends, and gives the answer's status; the server must close by itself afterwards.
std::string refused_with(const Server& server, const std::string& bytes) {
  RawSocket socket(server.address());
  socket.send(bytes);
  const std::string answer = socket.read_response();
  socket.shutdown_send();
  socket.read_to_end();
  return socket.closed() ? status_of(answer) : "open after " + status_of(answer);
}

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE("http hostile: malformed requests are refused with the right status") {
  const auto server = start();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\x16\x03\x01\x02\x01\x01\x01\r\n\r\n", "400"},
      {"GET\r\n\r\n", "400"},
      {"GET / HTTP/2.0\r\n\r\n", "505"},
      {"GET / HTTP/1.1\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
      {"GET x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", "417"},
      {"GET /" + std::string(5'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"},
      {"GET /" + std::string(40'000, 'a'), "414"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n", "431"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
       "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(16, 'f') +
           "\r\n",
       "413"},
  };
  for (const auto& [bytes, status] : cases) {
    CAPTURE(bytes.substr(0, 120));
    CHECK(refused_with(*server, bytes) == status);
  }
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 1'000; ++i) many += "a:\r\n";
  CHECK(refused_with(*server, many + "\r\n") == "431");
  CHECK(refused_with(*server, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") == "200");
}

TEST_CASE("http hostile: every prefix of a request, then the end, is survived") {
  const auto server = start();
  const std::string whole =
      "POST /x?y=z HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    RawSocket socket(server->address());
    socket.send(whole.substr(0, length));
    socket.shutdown_send();
    socket.read_to_end();
    REQUIRE(socket.closed());
  }
  RawSocket socket(server->address());
  socket.send("\r\n\r\n" + whole);
  CHECK_THAT(socket.read_response(), ContainsSubstring("abc"));
}

TEST_CASE("http hostile: a chunked request is parsed alike however it is cut") {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string body : {"0\r\n\r\n", "0;a=b\r\nTrailer: x\r\n\r\n",
                                 "3\r\nabc\r\n0\r\n\r\n", "3;a\r\nabc\r\n000\r\nT: x\r\n\r\n"}) {
    for (std::size_t piece = 1; piece <= body.size(); ++piece) {
      detail::RequestParser parser;
      auto status = detail::RequestParser::Status::kNeedMore;
      std::string unread;
      for (std::size_t at = 0; at < head.size() + body.size(); at += piece) {
        REQUIRE(status == detail::RequestParser::Status::kNeedMore);
        unread += (head + body).substr(at, piece);
        do {
          std::size_t used = 0;
          status = parser.feed(as_bytes(unread), used);
          unread.erase(0, used);
        } while (status == detail::RequestParser::Status::kHead);
      }
      CHECK(status == detail::RequestParser::Status::kDone);
      CHECK(unread.empty());
      CHECK(as_text(parser.request().body) == (body[0] == '3' ? "abc" : ""));
    }
  }
}

TEST_CASE("http hostile: bodies above the limit are refused before they are read") {
  const auto server = start();
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  CHECK(refused_with(*server, post + "Content-Length: 1001\r\n\r\n") == "413");
  CHECK(refused_with(*server, post + "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n") ==
        "413");
  CHECK(refused_with(*server, post + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n") == "413");
  CHECK(refused_with(*server, post + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" +
                                  std::string(1'000, 'x') + "\r\n1\r\n") == "413");
  CHECK(refused_with(*server, "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx") ==
        "413");
  // A client that sends all of it before it reads still gets the answer.
  RawSocket socket(server->address());
  socket.send(post + "Content-Length: 500000\r\n\r\n" + std::string(500'000, 'x'));
  CHECK(status_of(socket.read_response()) == "413");
  RawSocket fits(server->address());
  fits.send(post + "Content-Length: 1000\r\n\r\n" + std::string(1'000, 'x'));
  CHECK(status_of(fits.read_response()) == "200");
}

TEST_CASE("http hostile: all bodies together are bounded") {
  std::promise<Respond> asked;
  ServerOptions options = quick_options();
  options.body_bytes_in_flight_max = 1'500;
  const auto server = start(options, [&](Request&& request, Respond respond) {
    if (request.path == "/hold") return asked.set_value(std::move(respond));
    respond(Response::text(200, "text/plain", "x"));
  });
  const std::string rest =
      " HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(1'000, 'x');
  RawSocket holder(server->address());
  holder.send("POST /hold" + rest);
  const Respond respond = asked.get_future().get();
  RawSocket second(server->address());
  second.send("POST /" + rest);
  const std::string answer = second.read_response();
  CHECK(status_of(answer) == "503");
  CHECK_THAT(answer, ContainsSubstring("Retry-After: "));
  respond(Response::text(200, "text/plain", "x"));
  CHECK(status_of(holder.read_response()) == "200");
  // The bytes are given back when the answers have left, which the clients may see first.
  CHECK(witan::test::eventually([&] {
    RawSocket third(server->address());
    third.send("POST /" + rest);
    return status_of(third.read_response()) == "200";
  }));
}

TEST_CASE("http hostile: slow headers and bodies get 408, silent connections are closed") {
  ServerOptions options = quick_options();
  options.header_deadline = milliseconds(60);
  options.body_deadline = milliseconds(60);
  options.idle_deadline = milliseconds(60);
  const auto server = start(options);
  RawSocket silent(server->address());
  RawSocket half(server->address());
  half.send("GET / HTTP/1.1\r\nHo");
  RawSocket body(server->address());
  body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(silent.read_to_end().empty());
  CHECK(silent.closed());
  CHECK(status_of(half.read_to_end()) == "408");
  CHECK(half.closed());
  CHECK(status_of(body.read_to_end()) == "408");
  CHECK(body.closed());
  // A byte now and then does not put the end off.
  RawSocket drip(server->address());
  bool open = drip.send("GET / HTTP/1.1\r\n");
  for (int i = 0; open && i < 2'000; ++i) {
    open = drip.send("a") && !drip.read_until("408", milliseconds(5)).starts_with("HTTP/1.1 408");
  }
  CHECK_FALSE(open);
  CHECK(server->counters().timeouts >= 4);
}

TEST_CASE("http hostile: a client that does not read its answer is cut") {
  ServerOptions options = quick_options();
  options.write_deadline = milliseconds(50);
  const auto server = start(options, [&](Request&&, const Respond& respond) {
    Response response;
    response.body = std::make_shared<const Bytes>(10'000);
    respond(std::move(response));
  });
  RawSocket socket(server->address());
  std::string many;
  for (int i = 0; i < 4'000; ++i) many += kGet;
  socket.send(many);  // 40 MB of answers
  witan::test::RawSocket other(server->address());
  const auto until = std::chrono::steady_clock::now() + witan::test::RawSocket::kWait;
  while (server->counters().timeouts == 0 && std::chrono::steady_clock::now() < until) {
    other.send(kGet);
    other.read_response();
  }
  CHECK(server->counters().timeouts >= 1);
}

TEST_CASE("http hostile: past the limit the oldest idle connection goes, else 503") {
  std::vector<Respond> held;
  std::promise<void> both;
  ServerOptions options = quick_options();
  options.threads = 1;
  options.connections_max = 2;
  const auto server = start(options, [&](Request&& request, Respond respond) {
    if (request.path != "/hold") return echo(std::move(request), respond);
    held.push_back(std::move(respond));
    if (held.size() == 2) both.set_value();
  });
  RawSocket first(server->address());
  first.send(kGet);
  first.read_response();
  RawSocket second(server->address());
  second.send(kGet);
  second.read_response();
  RawSocket third(server->address());
  CHECK(first.read_to_end().empty());
  CHECK(first.closed());
  const std::string hold = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
  second.send(hold);
  third.send(hold);
  both.get_future().wait();
  RawSocket fourth(server->address());
  const std::string answer = fourth.read_to_end();
  CHECK(status_of(answer) == "503");
  CHECK(fourth.closed());
  for (const Respond& respond : held) respond(Response::text(200, "text/plain", "x"));
  CHECK(status_of(second.read_response()) == "200");
  CHECK(status_of(third.read_response()) == "200");
  CHECK(server->counters().connections_refused == 2);
}

TEST_CASE("http hostile: thousands of idle connections leave the others alone") {
  const auto server = start();
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  // Both ends are in this process.
  const std::size_t count = std::min<std::size_t>(5'000, files.rlim_cur / 2 - 500);
  std::vector<RawSocket> idle;
  idle.reserve(count);
  for (std::size_t i = 0; i < count; ++i) idle.emplace_back(server->address());
  RawSocket socket(server->address());
  for (int i = 0; i < 100; ++i) {
    socket.send(kGet);
    REQUIRE(status_of(socket.read_response()) == "200");
  }
  idle.front().send(kGet);
  CHECK(status_of(idle.front().read_response()) == "200");
  CHECK(server->counters().connections_open == count + 1);
}

TEST_CASE("http hostile: running out of files delays connections and kills nothing") {
  set_log_level(LogLevel::kOff);
  const auto server = start();
  RawSocket before(server->address());
  before.send(kGet);
  before.read_response();
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  RawSocket waiting(server->address());
  waiting.send(kGet);
  waiting.read_response();
  // The lowest free descriptor becomes the limit: this process can open nothing more.
  const int free_descriptor = ::dup(0);
  rlimit low = files;
  low.rlim_cur = static_cast<rlim_t>(free_descriptor) + 1;
  setrlimit(RLIMIT_NOFILE, &low);
  ::close(free_descriptor);
  RawSocket starved(server->address());  // takes the last one; the server finds none
  starved.send(kGet);
  before.send(kGet);
  CHECK(status_of(before.read_response()) == "200");
  setrlimit(RLIMIT_NOFILE, &files);
  CHECK(status_of(starved.read_response()) == "200");
  set_log_level(LogLevel::kInfo);
}
