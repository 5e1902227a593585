#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <sys/stat.h>
#include <thread>

#include "node/http/client.h"
#include "tests/node/http/http_fixture.h"
#include "tests/support/test_tls.h"

using namespace witan;
using namespace witan::http;
using namespace witan::http::test;
using std::chrono::milliseconds;
using witan::test::TestTls;

namespace {

std::unique_ptr<Client> client_of(const Server& server, ClientOptions options = {},
                                  const std::string& prefix = "") {
  return std::move(Client::make("http://" + server.address() + prefix, std::move(options)).value());
}

std::string body_of(const ClientResponse& response) {
  return std::string(as_text(response.body));
}

}  // namespace

TEST_CASE("http client: gets and posts over one kept connection, below the URL's prefix") {
  const auto server = start();
  const auto client = client_of(*server, {}, "/log/");
  for (int i = 0; i < 3; ++i) {
    const auto got = client->get("/a?x=1").value();
    CHECK(got.status == 200);
    CHECK(got.header("content-type") == "text/plain");
    CHECK(body_of(got) == "GET /log/a x=1 ");
    CHECK(body_of(client->post("/b", as_bytes("hello"), "text/plain").value()) ==
          "POST /log/b  hello");
  }
  CHECK(server->counters().connections_accepted == 1);
}

TEST_CASE("http client: a connection that the server closed meanwhile is opened again") {
  ServerOptions options = quick_options();
  options.idle_deadline = milliseconds(20);
  const auto server = start(options);
  const auto client = client_of(*server);
  for (int i = 0; i < 4; ++i) {
    if (i % 2 == 0) {
      REQUIRE(client->get("/").value().status == 200);
    } else {
      REQUIRE(client->post("/", as_bytes("x"), "text/plain").value().status == 200);
    }
    while (server->counters().connections_open > 0) std::this_thread::yield();
  }
  CHECK(server->counters().connections_accepted == 4);
}

TEST_CASE("http client: what it waits for ends when it is interrupted") {
  std::promise<Respond> asked;
  ServerOptions server_options = quick_options();
  const auto server = start(server_options, [&](Request&& request, const Respond& respond) {
    if (request.path == "/slow") return asked.set_value(respond);
    respond(Response::text(200, "text/plain", "quick"));
  });
  ClientOptions options;
  options.deadline = std::chrono::hours(1);
  const auto interrupt = std::make_shared<Interrupt>();
  options.interrupt = interrupt;
  const auto client = client_of(*server, options);
  REQUIRE(client->get("/quick"));
  auto answer = std::async(std::launch::async, [&] { return client->get("/slow"); });
  const Respond held = asked.get_future().get();
  interrupt->set();
  const auto refused = answer.get();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK_FALSE(client->get("/quick"));
  interrupt->clear();
  CHECK(client->get("/quick"));
  held(Response::text(200, "text/plain", "for nobody"));
}

TEST_CASE("http client: refusals and errors are told apart and name the URL") {
  const auto server = start(quick_options(), [](Request&& request, Respond respond) {
    if (request.path == "/never") {
      static Respond kept;
      kept = std::move(respond);
      return;
    }
    respond(Response::bytes(200, "text/plain", Bytes(5'000)));
  });
  ClientOptions options;
  options.deadline = milliseconds(50);
  const auto late = client_of(*server, options)->get("/never");
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::kTimeout);
  CHECK_THAT(late.error().message, ContainsSubstring(server->address() + "/never"));
  options.deadline = milliseconds(10'000);
  options.body_bytes_max = 4'999;
  const auto client = client_of(*server, options);
  CHECK(client->get("/").error().code == ErrorCode::kTooLarge);
  CHECK(client->post("/", Bytes(1'000), "text/plain").error().code == ErrorCode::kTooLarge);
  CHECK(client->post("/", Bytes(2'000), "text/plain").value().status == 413);
  CHECK(client->get("no-slash").error().code == ErrorCode::kUsage);
  CHECK(client->get("/a\r\nX: y").error().code == ErrorCode::kUsage);
  CHECK(client->get("/", {{"X", "a\r\nb"}}).error().code == ErrorCode::kUsage);
  CHECK(Client::make("gopher://a").error().code == ErrorCode::kUsage);
  CHECK(Client::make("http://127.0.0.1:1").value()->get("/").error().code ==
        ErrorCode::kUnavailable);
}

TEST_CASE("http client and server: TLS 1.3 with the certificate verified") {
  const TestTls tls;
  ServerOptions options = quick_options();
  options.tls = tls.files;
  const auto big = std::make_shared<const Bytes>(1u << 20, std::uint8_t{9});
  const auto server = start(options, [&](Request&& request, Respond respond) {
    if (request.path != "/big") {
      std::thread([respond = std::move(respond), request = std::move(request)]() mutable {
        echo(std::move(request), respond);
      }).detach();
      return;
    }
    Response response;
    response.body = big;
    respond(std::move(response));
  });
  const std::string port = server->address().substr(server->address().rfind(':'));
  ClientOptions trusting;
  trusting.ca_file = tls.files.certificate_chain_file;
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto client = std::move(Client::make("https://" + (host + port), trusting).value());
    for (int i = 0; i < 3; ++i) {
      const auto got = client->get("/x");
      if (!got) FAIL(got.error().message);
      CHECK(body_of(*got) == "GET /x  ");
      CHECK(client->get("/big").value().body == *big);
      CHECK(body_of(client->post("/y", Bytes(900, 'z'), "text/plain").value()) ==
            "POST /y  " + std::string(900, 'z'));
    }
  }
  CHECK(server->counters().connections_accepted == 2);
  const auto stranger = Client::make("https://localhost" + port).value()->get("/");
  REQUIRE_FALSE(stranger);
  CHECK(stranger.error().code == ErrorCode::kBadIdentity);
  CHECK_THAT(stranger.error().message, ContainsSubstring("https://localhost" + port));
  CHECK(client_of(*server)->get("/").error().code == ErrorCode::kUnavailable);

  const TestTls other("DNS:other.example");
  options.tls = other.files;
  const auto misnamed = start(options);
  trusting.ca_file = other.files.certificate_chain_file;
  const auto refused = Client::make("https://" + misnamed->address(), trusting).value()->get("/");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kBadIdentity);
}

TEST_CASE("http server: TLS files that cannot be used are named") {
  const TestTls tls;
  const TestTls other;
  const auto error_with = [](std::string certificate, std::string key) {
    ServerOptions options = quick_options();
    options.tls = TlsFiles{std::move(certificate), std::move(key)};
    const auto server = Server::start(options, echo);
    return server ? std::string("started") : server.error().message;
  };
  const std::string& certificate = tls.files.certificate_chain_file;
  const std::string& key = tls.files.private_key_file;
  CHECK_THAT(error_with(certificate + "x", key), ContainsSubstring(certificate + "x"));
  CHECK_THAT(error_with(certificate, key + "x"), ContainsSubstring(key + "x"));
  CHECK_THAT(error_with(key, key), ContainsSubstring(key));
  CHECK_THAT(error_with(certificate, other.files.private_key_file),
             ContainsSubstring(other.files.private_key_file));
  CHECK(error_with(certificate, key) == "started");
  ::chmod(key.c_str(), 0640);
  CHECK_THAT(error_with(certificate, key), ContainsSubstring(key));
}
