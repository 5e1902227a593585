// The witness over real HTTP: every status of the specification, bodies byte for byte.
#include "node/witness/witness_api.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/witness_limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "node/http/client.h"
#include "node/http/server.h"
#include "tests/node/witness/witness_fixture.h"

namespace witan::test {
namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";

class WitnessApiFixture : public WitnessFixture {
 public:
  explicit WitnessApiFixture(WitnessServiceOptions options = {}, WitnessConfig witness_config = {})
      : WitnessFixture(options), config(std::move(witness_config)) {
    serve();
  }
  ~WitnessApiFixture() { server.reset(); }

  void serve() {
    api = std::make_unique<WitnessApi>(*service, config, *metrics, clock);
    http::ServerOptions server_options;
    server_options.body_bytes_max = WitnessApi::body_bytes_max;
    server_options.error_response = WitnessApi::server_error;
    auto started =
        http::Server::start(server_options, [this](http::Request&& request, http::Respond respond) {
          api->handle(std::move(request), std::move(respond));
        });
    if (!started) FAIL(started.error().message);
    server = std::move(*started);
    api->show_server([this] { return server->counters(); }, "http://" + server->address());
  }

  [[nodiscard]] std::unique_ptr<http::Client> client() const {
    return http::Client::make("http://" + server->address()).value();
  }
  [[nodiscard]] http::ClientResponse get(
      const std::string& target,
      std::vector<std::pair<std::string, std::string>> headers = {}) const {
    return client()->get(target, std::move(headers)).value();
  }
  [[nodiscard]] http::ClientResponse post(const std::string& body,
                                          const std::string& target = "/add-checkpoint") const {
    return client()->post(target, as_bytes(body), "text/plain").value();
  }
  [[nodiscard]] http::ClientResponse post(std::size_t old_size, std::size_t size) const {
    return post(world.request(old_size, size).encode());
  }
  [[nodiscard]] std::string checkpoint_path() const {
    return "/" + origin_hash(world.origin) + "/checkpoint";
  }

  WitnessConfig config;
  std::unique_ptr<WitnessApi> api;
  std::unique_ptr<http::Server> server;
};

std::string body_of(const http::ClientResponse& response) {
  return std::string(as_text(response.body));
}

TEST_CASE("witness api: a good checkpoint is answered with the witness's line alone") {
  WitnessApiFixture fixture;
  const auto answer = fixture.post(0, 5);
  REQUIRE(answer.status == 200);
  CHECK(answer.header("content-type") == kPlain);
  const auto lines = parse_signature_lines(body_of(answer));
  REQUIRE(lines);
  REQUIRE(lines->size() == 1);
  CHECK(encode_signature_lines(*lines) == body_of(answer));
  const Note cosigned{fixture.world.text(5), *lines};
  const auto checked = verify_note(cosigned, fixture.cosigner.vkey());
  REQUIRE(checked);
  CHECK(checked->timestamp == fixture.clock.unix_ms() / 1000);
}

TEST_CASE("witness api: a conflict is answered with the size and nothing else") {
  WitnessApiFixture fixture;
  CHECK(body_of(fixture.post(3, 5)) == "0\n");
  REQUIRE(fixture.post(0, 5).status == 200);
  for (const std::size_t old_size : {0U, 3U, 7U}) {
    const auto answer = fixture.post(old_size, 9);
    CHECK(answer.status == 409);
    CHECK(answer.header("content-type") == "text/x.tlog.size");
    CHECK(body_of(answer) == "5\n");
  }
}

TEST_CASE("witness api: every refusal has its status and says why in a line") {
  WitnessApiFixture fixture;
  REQUIRE(fixture.post(0, 5).status == 200);
  const auto expect = [&](unsigned status, const std::string& body, const std::string& word) {
    const auto answer = fixture.post(body);
    INFO(body_of(answer));
    CHECK(answer.status == status);
    CHECK(answer.header("content-type") == kPlain);
    CHECK_THAT(body_of(answer), ContainsSubstring(word));
    CHECK(std::count(answer.body.begin(), answer.body.end(), '\n') == 1);
  };
  expect(400, "", "line");
  expect(400, "old 05\n\nx\n", "old");
  AddCheckpointRequest shrinking = fixture.world.request(5, 7);
  shrinking.old_size = 9;
  expect(400, shrinking.encode(), "9");
  AddCheckpointRequest many = fixture.world.request(5, 9);
  many.proof.resize(64);
  expect(400, many.encode(), "63");
  CosignWorld stranger;
  stranger.origin = "log.example/stranger";
  expect(404, stranger.request(0, 5).encode(), "not know");
  CosignWorld forger;
  expect(403, forger.request(5, 9).encode(), "");
  AddCheckpointRequest bad_proof = fixture.world.request(5, 9);
  bad_proof.proof.pop_back();
  expect(422, bad_proof.encode(), "");
  AddCheckpointRequest other_root = fixture.world.request(5, 5);
  CosignWorld other;
  other.tree = ReferenceTree(70, 3);
  const std::string text = other.text(5);
  other_root.note = Note{text, {sign_as_log(fixture.world.key, text)}}.encode();
  expect(422, other_root.encode(), "");
  fixture.add_log({}, true);
  expect(404, fixture.world.request(5, 9).encode(), "disabled");
  fixture.add_log(1);
  CHECK(fixture.post(5, 6).status == 200);
  const auto over = fixture.post(6, 9);
  CHECK(over.status == 429);
  CHECK(over.header("retry-after") == "86399");
  fixture.add_log();
  fixture.cosigner.set_fails(true);
  const auto away = fixture.post(6, 9);
  CHECK(away.status == 503);
  CHECK(away.header("retry-after") == "1");
  CHECK(fixture.get("/healthz").status == 503);
}

TEST_CASE("witness api: paths and methods that are not there say what is") {
  WitnessApiFixture fixture;
  for (const char* path : {"/add-checkpoint", "/sign-subtree"}) {
    const auto got = fixture.get(path);
    CHECK(got.status == 405);
    CHECK(got.header("allow") == "POST");
  }
  // A body is refused before it is read where none is taken.
  CHECK(fixture.post("x", "/").status == 413);
  for (const std::string& path : {std::string("/"), std::string("/healthz"),
                                  fixture.checkpoint_path(), std::string("/witness.v0.json")}) {
    const auto posted = fixture.post("", path);
    CHECK(posted.status == 405);
    CHECK(posted.header("allow") == "GET, HEAD");
  }
  for (const char* path : {"/nothing", "/x/checkpoint", "/add-checkpoint/"}) {
    CHECK(fixture.get(path).status == 404);
  }
  const auto subtree = fixture.post("subtree 0 1\n", "/sign-subtree");
  CHECK(subtree.status == 501);
  CHECK_THAT(body_of(subtree), ContainsSubstring("no key that can sign subtrees"));
  CHECK(fixture.post(std::string(limits::kAddCheckpointBytesMax + 1, 'x')).status == 413);
}

TEST_CASE("witness api: the monitoring prefix serves what was cosigned, with the log's line") {
  WitnessApiFixture fixture;
  const std::string path = fixture.checkpoint_path();
  CHECK(fixture.get(path).status == 404);
  const std::string lines = body_of(fixture.post(0, 5));
  const auto got = fixture.get(path);
  REQUIRE(got.status == 200);
  CHECK(got.header("content-type") == kPlain);
  CHECK(got.header("cache-control") == "public, max-age=10");
  CHECK(body_of(got) == fixture.world.note(fixture.world.text(5)) + lines);
  const std::string etag(got.header("etag").value());
  const auto same = fixture.get(path, {{"If-None-Match", etag}});
  CHECK(same.status == 304);
  CHECK(same.body.empty());
  CHECK(same.header("etag") == etag);
  REQUIRE(fixture.post(5, 9).status == 200);
  const auto newer = fixture.get(path, {{"If-None-Match", etag}});
  CHECK(newer.status == 200);
  CHECK_THAT(body_of(newer), ContainsSubstring("log.example/1\n9\n"));
  // Neither other spellings of the hash nor disabling change what is served.
  std::string upper = path;
  std::transform(upper.begin() + 1, upper.begin() + 65, upper.begin() + 1, ::toupper);
  CHECK(fixture.get(upper).status == 404);
  fixture.add_log({}, true);
  CHECK(fixture.get(path).status == 200);
}

TEST_CASE("witness api: it describes itself to programs and people") {
  WitnessApiFixture fixture;
  REQUIRE(fixture.post(0, 5).status == 200);
  CHECK(fixture.post(0, 5).status == 409);
  const auto v0 = nlohmann::json::parse(body_of(fixture.get("/witness.v0.json")));
  CHECK(v0["name"] == "witness.example/w");
  CHECK(v0["submission_url"] == "http://" + fixture.server->address() + "/");
  CHECK(v0["monitoring_url"] == v0["submission_url"]);
  CHECK(v0["software"]["name"] == "witan");
  CHECK(v0["verifier_keys"] == nlohmann::json::array({fixture.cosigner.vkey().text()}));
  const auto status = nlohmann::json::parse(body_of(fixture.get("/status")));
  CHECK(status["logs"] == 1);
  CHECK(status["checkpoints"]["cosigned"] == 1);
  CHECK(status["checkpoints"]["conflict"] == 1);
  CHECK(body_of(fixture.get("/healthz")) == "ok\n");
  const std::string metrics = body_of(fixture.get("/metrics"));
  CHECK_THAT(metrics, ContainsSubstring("witan_witness_checkpoints_total{result=\"cosigned\"} 1"));
  CHECK_THAT(metrics, ContainsSubstring("witan_witness_answer_seconds_count 2"));
  CHECK_THAT(metrics,
             ContainsSubstring("witan_witness_log_cosigned_total{origin=\"log.example/1\"} 1"));
  CHECK_THAT(metrics, ContainsSubstring("witan_witness_log_age_seconds{origin="));
  CHECK_THAT(metrics, ContainsSubstring("witan_http_requests_total"));
}

TEST_CASE("witness api: the page shows logs, and nothing from outside as markup") {
  WitnessApiFixture fixture;
  REQUIRE(fixture.post(0, 5).status == 200);
  const std::string evil = "<script>\"alert'&\x1b[2J\xe2\x80\xae";
  REQUIRE(fixture.store->change_log(evil, [&](const std::optional<KnownLog>&) {
    KnownLog log;
    log.keys = {fixture.world.key.vkey};
    log.disabled = true;
    return Result<KnownLog>(std::move(log));
  }));
  const auto page = fixture.get("/");
  REQUIRE(page.status == 200);
  CHECK(page.header("content-type") == "text/html; charset=utf-8");
  CHECK_THAT(std::string(page.header("content-security-policy").value_or("")),
             ContainsSubstring("default-src 'none'"));
  const std::string text = body_of(page);
  CHECK_THAT(text, ContainsSubstring("log.example/1"));
  CHECK_THAT(text, ContainsSubstring("&lt;script&gt;&quot;alert&#39;&amp;"));
  CHECK_THAT(text, ContainsSubstring("2 logs"));
  CHECK_THAT(text, ContainsSubstring("disabled"));
  CHECK(text.find("<script") == std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("\xe2\x80\xae") == std::string::npos);
}

TEST_CASE("witness api: a clock that was far ahead stays in cosignatures, and is warned of") {
  WitnessApiFixture fixture;
  constexpr std::uint64_t kAheadMs = 3'600'000;
  fixture.clock.now_ms += kAheadMs;
  REQUIRE(fixture.post(0, 5).status == 200);
  CHECK(body_of(fixture.get("/healthz")) == "ok\n");
  fixture.clock.now_ms -= kAheadMs;
  const auto answer = fixture.post(5, 6);
  REQUIRE(answer.status == 200);
  const auto lines = parse_signature_lines(body_of(answer));
  REQUIRE(lines);
  const auto checked = verify_note(Note{fixture.world.text(6), *lines}, fixture.cosigner.vkey());
  REQUIRE(checked);
  CHECK(checked->timestamp == (fixture.clock.unix_ms() + kAheadMs) / 1000);
  const auto health = fixture.get("/healthz");
  CHECK(health.status == 200);
  CHECK_THAT(body_of(health), ContainsSubstring("3600 s ahead of this machine's clock"));
  const auto status = nlohmann::json::parse(body_of(fixture.get("/status")));
  CHECK_THAT(status["warning"].get<std::string>(), ContainsSubstring("never goes back"));
  CHECK_THAT(body_of(fixture.get("/")), ContainsSubstring("never goes back"));
}

TEST_CASE("witness api: logs are found by a part of their name, a page at a time, at a rate") {
  WitnessApiFixture fixture;
  REQUIRE(fixture.post(0, 5).status == 200);
  CHECK(fixture.post(0, 5).status == 409);
  LogList list;
  for (std::size_t i = 0; i < 2 * limits::kWitnessPageRows; ++i) {
    ListedLog log;
    log.key = fixture.world.key.vkey;
    log.origin = "many.example/" + std::to_string(1'000 + i);
    list.logs.push_back(std::move(log));
  }
  REQUIRE(fixture.store->merge(list, "witness.example/w"));
  const std::string first = body_of(fixture.get("/"));
  CHECK_THAT(first, ContainsSubstring("401 logs"));
  CHECK_THAT(first, ContainsSubstring("conflict 1"));
  CHECK_THAT(first, ContainsSubstring("?q=&amp;from=200"));
  CHECK(first.find("many.example/1199") == std::string::npos);
  CHECK_THAT(body_of(fixture.get("/?from=200")), ContainsSubstring("many.example/1199"));
  const auto found = nlohmann::json::parse(body_of(fixture.get("/logs?q=example%2F13")));
  CHECK(found["found"] == 100);
  CHECK(found["rows"][7]["origin"] == "many.example/1307");
  const auto own = nlohmann::json::parse(body_of(fixture.get("/logs?q=log.example")));
  CHECK(own["rows"][0]["size"] == 5);
  CHECK(own["rows"][0]["cosigned"] == 1);
  CHECK(own["rows"][0]["refused"]["conflict"] == 1);
  CHECK(fixture.get("/?from=x").status == 400);
  CHECK(fixture.get("/?q=%zz").status == 400);
  CHECK(fixture.get("/?q=" + std::string(300, 'a')).status == 400);
  CHECK(fixture.get("/?from=18446744073709551615").status == 200);
  CHECK(body_of(fixture.get("/?q=%22%3E%3Cb%3E")).find("<b>") == std::string::npos);
  unsigned status = 200;
  for (int i = 0; i < 100 && status == 200; ++i) status = fixture.get("/").status;
  CHECK(status == 429);
  const auto over = fixture.get("/logs");
  CHECK_THAT(body_of(over), ContainsSubstring("page rate"));
  CHECK(over.header("retry-after"));
  CHECK(fixture.get("/healthz").status == 200);
  fixture.clock.now_ms += 60'000;
  CHECK(fixture.get("/").status == 200);
}

TEST_CASE("witness api: one client that sends too much is told to wait") {
  WitnessConfig config;
  config.rate_per_s = 1;
  config.burst = 2;
  WitnessApiFixture fixture({}, config);
  CHECK(fixture.post(0, 1).status == 200);
  CHECK(fixture.post(1, 2).status == 200);
  const auto over = fixture.post(2, 3);
  CHECK(over.status == 429);
  CHECK(over.header("retry-after") == "1");
  CHECK(fixture.counted("client-rate") == 1);
  CHECK(fixture.get("/").status == 200);
  fixture.clock.now_ms += 1'000;
  CHECK(fixture.post(2, 3).status == 200);
}

}  // namespace
}  // namespace witan::test
