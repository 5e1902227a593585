// What the client makes of the ways in which an answer can be framed, cut off or too large.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "node/http/client.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::http;

namespace {

// Gives the first connection these bytes, `piece` at a time, once it has asked, and closes.
class ScriptedServer {
 public:
  ScriptedServer(std::string answer, std::size_t piece) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, answer = std::move(answer), piece] { serve(answer, piece); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    thread_.join();
    ::close(listener_);
  }

  std::string url;

 private:
  void serve(const std::string& answer, std::size_t piece) const {
    const int peer = ::accept(listener_, nullptr, nullptr);
    std::string asked;
    char chunk[512];
    while (asked.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(peer, chunk, sizeof(chunk), 0);
      if (got <= 0) break;
      asked.append(chunk, static_cast<std::size_t>(got));
    }
    for (std::size_t at = 0; at < answer.size(); at += piece) {
      const std::string part = answer.substr(at, piece);
      if (::send(peer, part.data(), part.size(), MSG_NOSIGNAL) < 0) break;
    }
    ::close(peer);
  }

  int listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  std::thread thread_;
};

constexpr std::size_t kBodyMax = 1'000;

// "status body", or the error's name.
std::string outcome(const std::string& answer, std::size_t piece) {
  const ScriptedServer server(answer, piece);
  ClientOptions options;
  options.body_bytes_max = kBodyMax;
  const auto got = Client::make(server.url, options).value()->get("/");
  if (!got) return std::string(to_string(got.error().code));
  return std::to_string(got->status) + " " + std::string(as_text(got->body));
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";

}  // namespace

TEST_CASE("http client: an answer's body ends where its framing says, however it arrives") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20}) {
    CHECK(outcome(kOk + "Content-Length: 5\r\n\r\nhello", piece) == "200 hello");
    CHECK(outcome(kOk + "Content-Length: 5\r\n\r\nhelloHTTP", piece) == "200 hello");
    CHECK(outcome(kOk + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n\r\n",
                  piece) == "200 hello");
    CHECK(outcome(kOk + "\r\nhello", piece) == "200 hello");
    CHECK(outcome("HTTP/1.1 204 No Content\r\n\r\n", piece) == "204 ");
    CHECK(outcome("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + kOk +
                      "Content-Length: 5\r\n\r\nhello",
                  piece) == "200 hello");
  }
  // Cut anywhere between the last chunk's bytes.
  for (int i = 0; i < 50; ++i) {
    CHECK(outcome(kOk + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1) == "200 ");
  }
}

TEST_CASE("http client: an answer that is cut off, too large or not HTTP is refused") {
  for (const std::size_t piece : {std::size_t{97}, std::size_t{1} << 20}) {
    const std::string full(kBodyMax, 'x');
    CHECK(outcome(kOk + "\r\n" + full, piece) == "200 " + full);
    CHECK(outcome(kOk + "\r\n" + full + "x", piece) == "too-large");
    CHECK(outcome(kOk + "Content-Length: 1001\r\n\r\n" + full + "x", piece) == "too-large");
    CHECK(outcome(kOk + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + full + "x\r\n0\r\n\r\n",
                  piece) == "too-large");
    CHECK(outcome(kOk + "A: " + std::string(70'000, 'a') + "\r\n\r\n", piece) == "too-large");
    CHECK(outcome(kOk + "Content-Length: 6\r\n\r\nhello", piece) == "unavailable");
    CHECK(outcome(kOk + "Transfer-Encoding: chunked\r\n\r\n6\r\nhello", piece) == "unavailable");
    CHECK(outcome(kOk + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(300'000, 'a'),
                  piece) == "too-large");
    CHECK(outcome("HTTP/1.1 200 O", piece) == "unavailable");
    CHECK(outcome("", piece) == "unavailable");
    CHECK(outcome("hello\r\n\r\n", piece) == "malformed");
    CHECK(outcome(kOk + "Content-Length: x\r\n\r\n", piece) == "malformed");
  }
}
