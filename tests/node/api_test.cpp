#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "ledger/attestation/evidence.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/problem_details.h"
#include "ledger/ports/clock.h"
#include "node/api/node_api.h"
#include "node/metrics.h"
#include "tests/support/catch.h"
#include "tests/support/log_fixture.h"
#include "tests/support/wait.h"

namespace witan::test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

class StoppedClock final : public Clock {
 public:
  std::uint64_t now_ms = 1'000'000;
  std::uint64_t unix_ms() const override { return now_ms; }
  std::uint64_t steady_ms() const override { return now_ms; }
};

// The API on a log in memory, without a server.
class ApiFixture : public LogFixture {
 public:
  explicit ApiFixture(NodeConfig node_config = {}) : config(std::move(node_config)) {
    api.emplace(*log, config, *metrics, clock);
  }

  http::Response call(http::Method method, const std::string& target, Headers headers = {},
                      Bytes body = {}) {
    http::Request request;
    request.method = method;
    request.method_text = method == http::Method::kPost ? "POST" : "GET";
    const std::size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.client = "192.0.2.1";
    const auto shared = std::make_shared<Shared>();
    api->handle(std::move(request), [shared](http::Response response) {
      const std::lock_guard lock(shared->mutex);
      shared->response = std::move(response);
      shared->changed.notify_all();
    });
    std::unique_lock lock(shared->mutex);
    const bool answered =
        shared->changed.wait_for(lock, kPatience, [&] { return shared->response.has_value(); });
    if (!answered) throw std::runtime_error(target + " was not answered");
    return std::move(*shared->response);
  }
  http::Response get(const std::string& target, Headers headers = {}) {
    return call(http::Method::kGet, target, std::move(headers));
  }
  http::Response post(Bytes body, Headers headers = {}) {
    headers.emplace_back("content-type", "application/cose");
    return call(http::Method::kPost, "/entries", std::move(headers), std::move(body));
  }

  NodeConfig config;
  StoppedClock clock;
  std::optional<NodeApi> api;

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<http::Response> response;  // under mutex
  };
};

std::string header(const http::Response& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

std::string problem_of(const http::Response& response) {
  const auto problem = decode_problem(response.body_view());
  return problem ? problem->title + ": " + problem->detail : "";
}

NodeConfig with_wait(std::chrono::milliseconds wait) {
  NodeConfig config;
  config.wait = wait;
  return config;
}

TEST_CASE("api: what is not published within the wait is 202, then 204, then 200") {
  ApiFixture node(with_wait(std::chrono::milliseconds(20)));
  node.signer->hold();
  const Bytes statement = node.issuer.statement("slow");
  const std::string id = id_of(statement);
  const auto accepted = node.post(statement);
  CHECK(accepted.status == 202);
  CHECK(accepted.body_view().empty());
  CHECK(header(accepted, "Location") == "/entries/" + id);
  for (const char* suffix : {"", "/statement", ".tlog-proof"}) {
    const auto pending = node.get("/entries/" + id + suffix);
    CHECK(pending.status == 204);
    CHECK(header(pending, "Retry-After") == "1");
    CHECK(header(pending, "Cache-Control") == "no-store");
  }
  node.signer->release();
  CHECK(eventually([&] { return node.get("/entries/" + id).status == 200; }));
}

TEST_CASE("api: while the enclave is down, healthz and status say so") {
  ApiFixture node(with_wait(std::chrono::milliseconds(1)));
  CHECK(node.get("/healthz").status == 200);
  node.signer->break_with(Error{ErrorCode::kUnavailable, "the enclave is gone"});
  CHECK(node.post(node.issuer.statement("a")).status == 202);
  REQUIRE(eventually([&] { return node.get("/healthz").status == 503; }));
  CHECK(as_text(node.get("/healthz").body_view()) == "signing: the enclave is gone\n");
  const auto status = nlohmann::json::parse(as_text(node.get("/status").body_view()));
  CHECK(status.at("signing") == false);
  CHECK(status.at("decided_size") == 3);
  CHECK(status.at("published_size") == 2);
  node.signer->repair();
  CHECK(eventually([&] { return node.get("/healthz").status == 200; }));
}

TEST_CASE("api: a log that has stopped refuses statements and still answers readers") {
  ApiFixture node(with_wait(std::chrono::milliseconds(1)));
  node.signer->lie();
  (void)node.post(node.issuer.statement("a"));
  REQUIRE(eventually([&] { return node.get("/healthz").status == 503; }));
  const auto refused = node.post(node.issuer.statement("b"));
  CHECK(refused.status >= 400);
  CHECK_THAT(problem_of(refused), ContainsSubstring("the log has stopped"));
  CHECK(node.get("/checkpoint").status == 200);
}

TEST_CASE("api: the rate limit is per client and says when to come back") {
  NodeConfig config;
  config.rate_per_s = 2;
  config.burst = 2;
  ApiFixture node(config);
  CHECK(node.post(node.issuer.statement("1")).status == 201);
  CHECK(node.post(node.issuer.statement("2")).status == 201);
  const auto refused = node.post(node.issuer.statement("3"));
  CHECK(refused.status == 429);
  CHECK(header(refused, "Retry-After") == "1");
  CHECK(node.get("/checkpoint").status == 200);
  node.clock.now_ms += 1'000;
  CHECK(node.post(node.issuer.statement("3")).status == 201);
}

TEST_CASE("api: with tokens, only their bearers may register") {
  NodeConfig config;
  config.tokens = {{"a", hex_encode(sha256(as_bytes("first")))},
                   {"b", hex_encode(sha256(as_bytes("second")))}};
  ApiFixture node(config);
  const Bytes statement = node.issuer.statement("a");
  CHECK(node.post(statement).status == 401);
  CHECK(node.post(statement, {{"authorization", "Bearer "}}).status == 401);
  CHECK(node.post(statement, {{"authorization", "Bearer third"}}).status == 401);
  CHECK(node.post(statement, {{"authorization", "Bearer first"}}).status == 201);
  CHECK(node.post(statement, {{"authorization", "Bearer second"}}).status == 201);
  CHECK(node.get("/entries/" + id_of(statement)).status == 200);
}

TEST_CASE("api: evidence is made for the nonce, in bounds and at a bounded rate") {
  ApiFixture node;
  const SignerState& identity = node.log->identity();
  const auto key =
      VerifierKey::make(identity.origin, NoteAlgorithm::kEd25519, identity.note_key).value();
  const std::string nonce = "00ff" + std::string(124, 'a');
  const auto response = node.get("/attestation?nonce=" + nonce);
  REQUIRE(response.status == 200);
  CHECK(header(response, "Content-Type") == "application/cbor");
  CHECK(header(response, "Cache-Control") == "no-store");
  const auto evidence = verify_evidence(response.body_view(), hex_decode(nonce).value(), key);
  REQUIRE(evidence);
  CHECK(evidence->last->size.value == 2);
  CHECK(verify_evidence(node.get("/attestation").body_view(), {}, key));
  for (const std::string& wrong :
       std::vector<std::string>{"x", "0", "FF", "00ff ", std::string(130, 'a')}) {
    INFO(wrong);
    CHECK(node.get("/attestation?nonce=" + wrong).status == 400);
  }
  CHECK(node.get("/attestation?nonce=00&nonce=11").status == 400);
  const auto posted = node.call(http::Method::kPost, "/attestation");
  CHECK(posted.status == 405);
  CHECK(header(posted, "Allow") == "GET, HEAD");
  node.signer->break_with(Error{ErrorCode::kUnavailable, "the enclave is gone"});
  CHECK(node.get("/attestation").status == 503);
  std::size_t limited = 0;
  for (std::size_t i = 0; i < 2 * static_cast<std::size_t>(limits::kAttestationsBurst); ++i) {
    const auto again = node.get("/attestation");
    if (again.status != 429) continue;
    ++limited;
    CHECK(header(again, "Retry-After") == "1");
  }
  CHECK(limited >= static_cast<std::size_t>(limits::kAttestationsBurst));
}

TEST_CASE("api: a body may be what the policy lets in, on the one path that takes one") {
  ApiFixture node;
  http::Request request;
  request.method = http::Method::kPost;
  request.path = "/entries";
  CHECK(node.api->body_bytes_max(request) >= limits::kStatementBytesDefault);
  CHECK(node.api->body_bytes_max(request) < 2 * limits::kStatementBytesDefault);
  request.path = "/checkpoint";
  CHECK(node.api->body_bytes_max(request) == 0);
  request.method = http::Method::kGet;
  request.path = "/entries";
  CHECK(node.api->body_bytes_max(request) == 0);
}

TEST_CASE("api: the server's own errors are in the format of the path") {
  http::Request request;
  request.path = "/entries";
  const auto cbor = NodeApi::server_error(413, "too much", &request);
  CHECK(header(cbor, "Content-Type") == "application/concise-problem-details+cbor");
  CHECK(problem_of(cbor) == "Content Too Large: too much");
  const auto json = NodeApi::server_error(503, "crowded", nullptr);
  CHECK(header(json, "Content-Type") == "application/problem+json");
  CHECK(header(json, "Retry-After") == "1");
}

}  // namespace
}  // namespace witan::test
