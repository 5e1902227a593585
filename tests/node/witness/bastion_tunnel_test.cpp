// Tunnels to bastions over real TLS, with a handler in the place of the witness.
#include "node/witness/bastion_tunnel.h"

#include <atomic>
#include <future>
#include <mutex>
#include <nghttp2/nghttp2.h>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include <boost/asio/error.hpp>

#include "config/file.h"
#include "ledger/ports/clock.h"
#include "ledger/ports/random.h"
#include "node/http/detail/name_lookup.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_bastion.h"
#include "tests/support/wait.h"

namespace witan::test {
namespace {

using std::chrono::milliseconds;

class TunnelFixture {
 public:
  explicit TunnelFixture(const std::vector<const TestBastion*>& bastions, double rate_per_s = 0,
                         const TestBastion* trusted = nullptr,
                         http::detail::NameLookUp* names = nullptr) {
    BastionTunnelsOptions options;
    options.names = names;
    if (names != nullptr) options.bastions.emplace_back().url = "https://bastion.example";
    for (const TestBastion* bastion : bastions) {
      BastionConfig& config = options.bastions.emplace_back();
      config.url = bastion->url();
      config.ca = (trusted == nullptr ? bastion : trusted)->ca_file();
      config.rate_per_s = rate_per_s;
      config.burst = 2;
    }
    options.state_file = dir.at("bastions.json");
    auto key = BastionKey::open_or_make(dir.at("bastion-key.pem"));
    REQUIRE(key);
    hash = key->hash;
    options.key = *key;
    options.retry = {milliseconds(2), milliseconds(20), std::chrono::hours(1)};
    options.server.body_bytes_max = [](const http::Request&) { return std::size_t{150'000}; };
    options.server.error_response = [](unsigned status, std::string_view detail,
                                       const http::Request*) {
      return http::Response::text(status, "text/plain", std::string(detail));
    };
    options.handler = [this](http::Request&& request, http::Respond respond) {
      if (request.path == "/held") {
        const std::lock_guard lock(mutex);
        held.push_back(std::move(respond));
        return;
      }
      if (request.path == "/throw") throw std::runtime_error("as asked");
      if (request.path == "/drop") return;
      if (request.path == "/client") {
        return respond(http::Response::text(200, "text/plain", request.client));
      }
      if (request.path != "/echo") return respond(http::Response::text(404, "text/plain", "none"));
      respond(http::Response::bytes(200, "text/plain", request.body));
    };
    auto started =
        BastionTunnels::start(std::move(options), metrics, system_clock(), system_random());
    if (!started) FAIL(started.error().message);
    tunnels = std::move(*started);
  }

  [[nodiscard]] BastionStatus status(std::size_t i = 0) const { return tunnels->status().at(i); }
  // Waits until a bastion's connection has failed for that reason.
  [[nodiscard]] bool fails(const std::string& reason) const {
    return eventually([&] { return status().problem.find(reason + ": ") == 0; });
  }
  [[nodiscard]] std::size_t held_now() {
    const std::lock_guard lock(mutex);
    return held.size();
  }

  TempDir dir;
  Metrics metrics;
  std::string hash;
  std::mutex mutex;
  std::vector<http::Respond> held;  // under mutex
  std::unique_ptr<BastionTunnels> tunnels;
};

TEST_CASE("bastion tunnel: what a bastion forwards is answered") {
  TestBastion bastion;
  TunnelFixture fixture({&bastion});
  REQUIRE(eventually([&] { return bastion.connected() && fixture.status().connected; }));
  CHECK(bastion.key_hash() == fixture.hash);
  CHECK(fixture.status().public_url == bastion.url() + "/" + fixture.hash + "/");
  CHECK(bastion.get("POST", "/echo", "hello").body == "hello");
  CHECK(bastion.get("GET", "/nowhere").status == 404);
  CHECK(bastion.get("POST", "/echo", std::string(150'001, 'x')).status == 413);
  CHECK(bastion.get("GET", "/throw").status == 500);
  CHECK(bastion.get("GET", "/drop").status == 500);
  std::vector<std::future<H2Answer>> answers;
  for (std::size_t i = 0; i < 50; ++i) {
    answers.push_back(bastion.ask("POST", "/echo", std::string(100'000 + i, 'x')));
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    REQUIRE(answers[i].wait_for(kPatience) == std::future_status::ready);
    CHECK(answers[i].get().body.size() == 100'000 + i);
  }
  CHECK(fixture.status().requests >= 54);
  const std::string text = fixture.metrics.text();
  CHECK_THAT(text, ContainsSubstring("witan_witness_bastion_connected{bastion=\"" + bastion.url() +
                                     "\"} 1"));
  CHECK_THAT(text, ContainsSubstring("certificate=\"own\""));
  CHECK_THAT(text, ContainsSubstring("reason=\"tls\"} 0"));
  const auto state = read_text_file(fixture.dir.at("bastions.json"), 10'000);
  REQUIRE(state);
  CHECK_THAT(*state, ContainsSubstring("\"connected\": true"));
  // 128 streams may stand open; what is answered later goes back too.
  auto late = bastion.ask("GET", "/held");
  REQUIRE(eventually([&] { return fixture.held_now() == 1; }));
  fixture.held.front()(http::Response::text(200, "text/plain", "late"));
  CHECK(late.get().body == "late");
}

TEST_CASE("bastion tunnel: it comes back after the bastion was away, cut off, or said goodbye") {
  TestBastion bastion;
  TunnelFixture fixture({&bastion});
  REQUIRE(eventually([&] { return bastion.connected(); }));
  auto broken = bastion.ask("GET", "/held");
  REQUIRE(eventually([&] { return fixture.held_now() == 1; }));
  bastion.cut();
  CHECK_THROWS(broken.get());
  REQUIRE(eventually([&] { return bastion.backends() == 2 && bastion.connected(); }));
  // The answer to what the first connection asked is for nobody now.
  fixture.held.front()(http::Response::text(200, "text/plain", "x"));
  CHECK(bastion.get("POST", "/echo", "again").body == "again");
  bastion.stop();
  CHECK(fixture.fails("connect"));
  CHECK_FALSE(fixture.status().connected);
  bastion.start();
  REQUIRE(eventually([&] { return bastion.backends() == 3 && bastion.connected(); }));
  CHECK(bastion.get("POST", "/echo", "there").body == "there");
  bastion.say_goodbye();
  REQUIRE(eventually([&] { return bastion.backends() == 4 && bastion.connected(); }));
  CHECK(fixture.status().attempts >= 4);
}

TEST_CASE("bastion tunnel: an unreachable bastion keeps nobody from another") {
  TestBastion away;
  away.stop();
  TestBastion there;
  TunnelFixture fixture({&away, &there});
  REQUIRE(eventually([&] { return there.connected() && fixture.status(1).connected; }));
  CHECK(there.get("POST", "/echo", "hello").body == "hello");
  CHECK(fixture.fails("connect"));
}

TEST_CASE("bastion tunnel: a name that is looked up for ever keeps nobody from another, or here") {
  std::promise<void> let_go;
  std::promise<void> asked;
  http::detail::NameLookUp names([&](const std::string&, std::uint16_t) {
    asked.set_value();
    let_go.get_future().wait();
    return http::detail::FoundAddresses{boost::asio::error::host_not_found, {}};
  });
  const TestBastion there;
  TunnelFixture fixture({&there}, 0, nullptr, &names);
  asked.get_future().wait();
  REQUIRE(eventually([&] { return there.connected() && fixture.status(1).connected; }));
  fixture.tunnels->shutdown(kPatience);
  fixture.tunnels.reset();
  CHECK(names.under_way() == 1);
  let_go.set_value();
  CHECK(eventually([&] { return names.under_way() == 0; }));
}

TEST_CASE("bastion tunnel: what is no bastion to be trusted is not served, and why is said") {
  const auto reason = [](TestBastionOptions options, const std::string& expected,
                         const TestBastion* trusted = nullptr) {
    const TestBastion bastion(std::move(options));
    const TunnelFixture fixture({&bastion}, 0, trusted);
    INFO(fixture.status().problem);
    CHECK(fixture.fails(expected));
    CHECK(eventually([&] { return fixture.status().attempts >= 3; }));
    CHECK_FALSE(fixture.status().connected);
  };
  TestBastionOptions options;
  options.alpn = "h2";  // which was not offered
  reason(options, "tls");
  options.alpn = "";
  reason(options, "alpn");
  options = {};
  options.names = "DNS:other.test";
  reason(options, "tls");
  options = {};
  options.tls_1_2 = true;
  reason(options, "tls");
  options = {};
  options.allows = [](const std::string&) { return false; };
  reason(options, "refused");
  const TestBastion other;
  reason({}, "tls", &other);
}

TEST_CASE("bastion tunnel: a hostile bastion is left, and tried again") {
  const auto reason = [](const Bytes& says, bool flood, const std::string& expected) {
    TestBastionOptions options;
    options.says = says;
    options.flood = flood;
    const TestBastion bastion(std::move(options));
    const TunnelFixture fixture({&bastion});
    CHECK(fixture.fails(expected));
    CHECK(eventually([&] { return bastion.backends() >= 2; }));
  };
  const std::string no_preface = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  reason(Bytes(no_preface.begin(), no_preface.end()), false, "protocol");
  Bytes bad = h2_preface();
  append(bad, h2_frame(NGHTTP2_DATA, 0, 0, Bytes(1)));
  reason(bad, false, "protocol");
  Bytes flood = h2_preface();
  for (std::size_t i = 0; i < limits::kH2ControlBurst + 10; ++i) {
    append(flood, h2_frame(NGHTTP2_PRIORITY, 0, 1, Bytes{0, 0, 0, 0, 1}));
  }
  reason(flood, false, "flood");
}

TEST_CASE("bastion tunnel: shutting down answers what is under way and leaves politely") {
  TestBastion bastion;
  TunnelFixture fixture({&bastion});
  REQUIRE(eventually([&] { return bastion.connected(); }));
  auto answer = bastion.ask("GET", "/held");
  REQUIRE(eventually([&] { return fixture.held_now() == 1; }));
  std::thread stopping([&] { fixture.tunnels->shutdown(kPatience); });
  REQUIRE(eventually([&] { return bastion.goaway() == 0; }));
  fixture.held.front()(http::Response::text(200, "text/plain", "last"));
  CHECK(answer.get().body == "last");
  stopping.join();
  CHECK(eventually([&] { return bastion.ended() == 1; }));
  CHECK(bastion.backends() == 1);
}

TEST_CASE(
    "bastion tunnel: it ends at once while requests are under way, and when never connected") {
  TestBastion bastion;
  TestBastion away;
  away.stop();
  TunnelFixture fixture({&bastion, &away});
  REQUIRE(eventually([&] { return bastion.connected(); }));
  auto answer = bastion.ask("GET", "/held");
  REQUIRE(eventually([&] { return fixture.held_now() == 1; }));
  fixture.tunnels->shutdown(milliseconds(1));
  fixture.tunnels.reset();
  CHECK_THROWS(answer.get());
  fixture.held.front()(http::Response::text(200, "text/plain", "for nobody"));
}

TEST_CASE("bastion tunnel: rates are counted for the address that the bastion names, as its word") {
  TestBastion bastion;
  TunnelFixture fixture({&bastion});
  REQUIRE(eventually([&] { return bastion.connected(); }));
  const auto client = [&](const H2Client::Fields& fields) {
    return bastion.get("GET", "/client", "", fields).body;
  };
  const std::string url = bastion.url();
  CHECK(client({{"x-forwarded-for", "192.0.2.7"}}) == url + " 192.0.2.7");
  CHECK(client({{"x-forwarded-for", "2001:db8:1:2:3::4"}}) ==
        client({{"x-forwarded-for", "2001:db8:1:2:9::9"}}));
  for (const auto& fields :
       {H2Client::Fields{}, H2Client::Fields{{"x-forwarded-for", "somebody"}},
        H2Client::Fields{{"x-forwarded-for", "192.0.2.7, 192.0.2.8"}},
        H2Client::Fields{{"x-forwarded-for", "192.0.2.7"}, {"x-forwarded-for", "192.0.2.8"}}}) {
    CHECK(client(fields) == url);
  }
}

TEST_CASE("bastion tunnel: a bastion has a limit of its own, whatever addresses it names") {
  TestBastion bastion;
  TunnelFixture fixture({&bastion}, 1);
  REQUIRE(eventually([&] { return bastion.connected(); }));
  unsigned refused = 0;
  for (int i = 0; i < 5; ++i) {
    const auto answer =
        bastion.get("GET", "/client", "", {{"x-forwarded-for", "192.0.2." + std::to_string(i)}});
    if (answer.status != 429) continue;
    ++refused;
    CHECK(answer.header("retry-after") == "1");
  }
  CHECK(refused >= 1);
  CHECK_THAT(fixture.metrics.text(), ContainsSubstring("witan_witness_bastion_over_rate_total"));
}

TEST_CASE("bastion key: made once with mode 0600, read again, refused when others can read it") {
  const TempDir dir;
  const auto made = BastionKey::open_or_make(dir.at("key.pem"));
  REQUIRE(made);
  CHECK(made->hash.size() == 64);
  struct stat facts {};
  REQUIRE(::stat(dir.at("key.pem").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0600U);
  CHECK(BastionKey::open_or_make(dir.at("key.pem"))->hash == made->hash);
  ::chmod(dir.at("key.pem").c_str(), 0644);
  CHECK(BastionKey::open_or_make(dir.at("key.pem")).error().code == ErrorCode::kIo);
  REQUIRE(create_secret_file(dir.at("other.pem"), "no key\n"));
  CHECK_FALSE(BastionKey::open_or_make(dir.at("other.pem")));
  CHECK(bastion_public_url("https://a.test/b/", "00") == "https://a.test/b/00/");
}

}  // namespace
}  // namespace witan::test
