// Clients that mean no good, and a disk that is full: the node says so, lives, and goes on.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "ledger/format/problem_details.h"
#include "tests/support/catch.h"
#include "tests/support/load.h"
#include "tests/support/log_observer.h"
#include "tests/support/raw_socket.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;

Bytes large_statement(const Issuer& issuer, const std::string& name, std::size_t size) {
  StatementRequest request;
  request.subject = name;
  request.content_type = "application/octet-stream";
  request.payload = Bytes(size, 'x');
  return issuer.sign(request);
}

double metric(const TestNode& node, const std::string& name) {
  const std::string text = text_of(node.get("/metrics"));
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

std::uint64_t status_number(const TestNode& node, const char* key) {
  const auto status = nlohmann::json::parse(node.get("/status").body, nullptr, false);
  return status.is_object() ? status.value(key, std::uint64_t{0}) : 0;
}

void check_alive(const TestNode& node, const std::string& name) {
  const auto response = node.post(node.issuer().statement(name));
  INFO(text_of(response));
  CHECK(response.status == 201);
  CHECK(node.get("/healthz").status == 200);
}

TEST_CASE("hostile clients: half requests and bodies over the limit harm nobody else") {
  TestNode node;
  node.start();
  const std::string head =
      "POST /entries HTTP/1.1\r\nHost: a\r\nContent-Type: application/cose\r\nContent-Length: ";
  std::vector<RawSocket> halves;
  for (int i = 0; i < 100; ++i) {
    RawSocket& socket = halves.emplace_back(node.address());
    switch (i % 4) {
      case 0:
        socket.send("POST /entr");
        break;
      case 1:
        socket.send(head + "1000\r\n\r\nonly this");
        break;
      case 2:
        socket.send(head + "99999999999\r\n\r\n");
        break;
      default:
        socket.send(std::string(100'000, '\xff'));
    }
    if (i % 8 < 4) socket.shutdown_send();
  }
  check_alive(node, "during");
  CHECK_THAT(halves[2].read_response(), ContainsSubstring(" 413 "));
  CHECK_THAT(halves[6].read_response(), ContainsSubstring(" 413 "));
  halves.clear();
  check_alive(node, "after");
  CHECK(node.stop() == 0);
}

TEST_CASE("hostile clients: slow ones are ended at their deadline while others register") {
  TestNode node;
  node.start();
  std::vector<RawSocket> slow;
  for (int i = 0; i < 50; ++i) {
    slow.emplace_back(node.address()).send("POST /entries HTTP/1.1\r\nHost: a\r\nX-Slow: ");
  }
  Load load(node.url(), node.issuer(), "load", 2);
  std::size_t ended = 0;
  const auto trickle = [&] {
    ended = 0;
    for (RawSocket& socket : slow) {
      socket.send("a");
      (void)socket.read_to_end(std::chrono::milliseconds(3));
      ended += socket.closed() ? 1 : 0;
    }
    return ended == slow.size();
  };
  CHECK(eventually(trickle, limits::kHttpHeaderDeadline + kPatience));
  CHECK(ended == slow.size());
  load.stop();
  CHECK(load.surprises().empty());
  CHECK(load.count() > 100);
  CHECK(metric(node, "witan_http_timeouts_total") >= 50);
}

TEST_CASE("hostile clients: 10,000 idle connections, and registration goes on") {
  const std::size_t wanted = kSanitized ? 1'000 : 10'000;
  struct rlimit limit {};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_max < wanted + 500) {
    std::cout << "idle connections: skipped, the hard limit of open files is " << limit.rlim_max
              << "\n";
    return;
  }
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  TestNode node;
  node.start();
  std::vector<RawSocket> idle;
  idle.reserve(wanted);
  for (std::size_t i = 0; i < wanted; ++i) {
    idle.emplace_back(node.address());
    if (i % 2 == 0) idle.back().send("GET /checkpoint HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  CHECK(eventually(
      [&] { return metric(node, "witan_http_connections_open") >= static_cast<double>(wanted); }));
  Load load(node.url(), node.issuer(), "load", 4);
  CHECK(load.wait_for(100));
  load.stop();
  CHECK(load.surprises().empty());
  std::cout << "registered " << load.count() << " statements beside " << wanted
            << " idle connections\n";
  check_alive(node, "with idle ones");
  // Those that asked have their answer waiting for them.
  CHECK_THAT(idle[wanted / 2].read_response(), ContainsSubstring("HTTP/1.1 200"));
  CHECK(node.stop() == 0);
}

TEST_CASE("hostile clients: 100 stalled readers under load do not grow the database") {
  constexpr std::size_t kStatementBytes = 16'000, kStatements = 100;
  TestNode node;
  node.start();
  const fs::path data = node.paths().data() / "data.mdb";
  for (std::size_t i = 0; i < kStatements; ++i) {
    const auto name = "large " + std::to_string(i);
    REQUIRE(node.post(large_statement(node.issuer(), name, kStatementBytes)).status == 201);
  }
  // Also what the same load grows it by with nobody in the way.
  const std::size_t amount = kSanitized ? 100 : 400;
  const auto growth = [&](const std::string& name) {
    const std::uint64_t before = fs::file_size(data);
    Load load(node.url(), node.issuer(), name, 4);
    CHECK(load.wait_for(amount));
    load.stop();
    CHECK(load.surprises().empty());
    return (fs::file_size(data) - before) / std::max<std::size_t>(load.count(), 1);
  };
  // The first bundle is full before anything is measured: packing it takes room once.
  do {
    (void)growth("first " + std::to_string(status_number(node, "published_size")));
  } while (status_number(node, "published_size") < 260);
  const std::uint64_t undisturbed = growth("undisturbed");
  const double asked_before = metric(node, "witan_http_requests_total");
  std::vector<RawSocket> stalled;
  for (int i = 0; i < 100; ++i) {
    RawSocket& socket = stalled.emplace_back(node.address());
    const int small = 4'096;
    setsockopt(socket.descriptor(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    socket.send("GET /tile/statements/000.p/100 HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  REQUIRE(
      eventually([&] { return metric(node, "witan_http_requests_total") >= asked_before + 100; }));
  const std::uint64_t disturbed = growth("disturbed");
  std::cout << "the database grew by " << undisturbed << " bytes a statement, with 100 stalled "
            << "readers by " << disturbed << "\n";
  CHECK(disturbed <= 2 * undisturbed + 4'096);
  const std::uint64_t statements = kStatements * kStatementBytes + 4 * amount * 300;
  CHECK(status_number(node, "store_bytes") <= 4 * statements + (1U << 20));
  CHECK(stalled.front().read_until("200 OK").find("200 OK") != std::string::npos);
}

// What both ways to fill a disk have in common. `fill` leaves no room for more, `free` gives it
// back.
template <typename Fill, typename Free>
void check_full_disk(TestNode& node, const Fill& fill, const Free& free) {
  LogObserver observer(node.paths());
  const Bytes before = node.issuer().statement("before");
  const auto registered = node.post(before);
  REQUIRE(registered.status == 201);
  fill();

  const Bytes large = large_statement(node.issuer(), "large", 500'000);
  const auto refused = node.post(large);
  INFO(text_of(refused));
  CHECK(refused.status == 503);
  CHECK(refused.header("retry-after"));
  http::ClientResponse health;
  REQUIRE(eventually([&] { return (health = node.get("/healthz")).status == 503; }));
  CHECK_THAT(text_of(health), ContainsSubstring("storing: "));
  CHECK_THAT(node.printed(), ContainsSubstring("cannot store"));
  CHECK(node.get("/entries/" + id_of(before)).body == registered.body);

  free();
  REQUIRE(eventually([&] { return node.get("/healthz").status == 200; }));
  CHECK(node.post(large).status == 201);
  node.kill_hard();
  node.start();
  const auto client = node.client();
  const auto ids = observer.audit(*client);
  REQUIRE(ids);
  CHECK(ids->count(id_of(before)) == 1);
  CHECK(ids->count(id_of(large)) == 1);
}

TEST_CASE("a full disk: a clear error, nothing lost, and registration goes on when there is room") {
  TestNode node;
  node.edit_config([](NodeConfig& config) { config.wait = std::chrono::milliseconds(200); });
  const fs::path dir = node.paths().dir, aside = node.folder().path() / "aside";
  fs::rename(dir, aside);
  fs::create_directory(dir);
  if (::mount("tmpfs", dir.c_str(), "tmpfs", 0, "size=8m,mode=0700") != 0) {
    std::cout << "full disk: skipped, cannot mount a small one: " << std::strerror(errno) << "\n";
    return;
  }
  struct Unmount {
    const fs::path& dir;
    ~Unmount() { ::umount2(dir.c_str(), MNT_DETACH); }
  } unmount{dir};
  fs::copy(aside, dir, fs::copy_options::recursive);
  for (const char* folder : {"data", "enclave"}) {
    fs::permissions(dir / folder, fs::perms::owner_all);
  }
  node.start();
  const fs::path filler = dir / "filler";
  check_full_disk(
      node,
      [&] {
        std::ofstream out(filler, std::ios::binary);
        const std::string block(4'096, 'f');
        while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
        }
      },
      [&] { fs::remove(filler); });
  node.kill_hard();
}

TEST_CASE("a file size limit: a clear error, nothing lost, and registration goes on without it") {
  TestNode node;
  node.edit_config([](NodeConfig& config) { config.wait = std::chrono::milliseconds(200); });
  node.start();
  struct rlimit unlimited {};
  REQUIRE(prlimit(node.pid(), RLIMIT_FSIZE, nullptr, &unlimited) == 0);
  check_full_disk(
      node,
      [&] {
        struct rlimit small = unlimited;
        small.rlim_cur = fs::file_size(node.paths().data() / "data.mdb");
        REQUIRE(prlimit(node.pid(), RLIMIT_FSIZE, &small, nullptr) == 0);
      },
      [&] { REQUIRE(prlimit(node.pid(), RLIMIT_FSIZE, &unlimited, nullptr) == 0); });
}

}  // namespace
}  // namespace witan::test
