// Every path of docs/http.md on a running node, with the status codes and headers promised there.
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "ledger/encoding.h"
#include "ledger/format/cose.h"
#include "ledger/format/problem_details.h"
#include "ledger/format/receipt.h"
#include "tests/support/catch.h"
#include "tests/support/log_observer.h"
#include "tests/support/raw_socket.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

http::ClientResponse get(const TestNode& node, const std::string& target, Headers headers = {}) {
  auto response = node.client()->get(target, std::move(headers));
  if (!response) throw std::runtime_error(target + ": " + response.error().message);
  return std::move(*response);
}

http::ClientResponse post(const TestNode& node, BytesView body, const std::string& type,
                          Headers headers = {}) {
  auto response = node.client()->post("/entries", body, type, std::move(headers));
  if (!response) throw std::runtime_error(response.error().message);
  return std::move(*response);
}

std::string title_of(const http::ClientResponse& response) {
  if (response.header("content-type") != "application/concise-problem-details+cbor") return "";
  const auto problem = decode_problem(response.body);
  return problem ? problem->title : "";
}

std::string json_problem_of(const http::ClientResponse& response) {
  if (response.header("content-type") != "application/problem+json") return "";
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  if (!json.is_object() || json.value("status", 0U) != response.status) return "";
  return json.value("title", "") + ": " + json.value("detail", "");
}

void check_immutable(const TestNode& node, const std::string& target) {
  INFO(target);
  const auto response = get(node, target);
  CHECK(response.status == 200);
  CHECK_FALSE(response.body.empty());
  CHECK(response.header("cache-control") == "public, max-age=31536000, immutable");
  const auto etag = response.header("etag");
  REQUIRE(etag);
  const auto unchanged = get(node, target, {{"If-None-Match", std::string(*etag)}});
  CHECK(unchanged.status == 304);
  CHECK(unchanged.body.empty());
}

TEST_CASE("smoke: what never changes has tags and a year of caching") {
  TestNode node;
  node.start();
  const Bytes statement = node.issuer().statement("one");
  REQUIRE(node.post(statement).status == 201);
  const std::string id = id_of(statement);
  for (const std::string& target :
       {"/entries/" + id, "/entries/" + id + "/statement", "/entries/" + id + ".tlog-proof",
        std::string("/tile/0/000.p/3"), std::string("/tile/entries/000.p/3"),
        std::string("/tile/statements/000.p/2")}) {
    check_immutable(node, target);
  }
  CHECK(get(node, "/tile/0/000.p/3").body.size() == 96);
  CHECK(get(node, "/tile/entries/000.p/3").body.size() == 3 * 34);
  for (const char* target : {"/tile/0/000", "/tile/0/000.p/4", "/tile/1/000.p/1",
                             "/tile/entries/000", "/tile/statements/001.p/1"}) {
    INFO(target);
    const auto missing = get(node, target);
    CHECK(missing.status == 404);
    CHECK_THAT(json_problem_of(missing), ContainsSubstring("Not Found"));
  }
  CHECK(get(node, "/tile/0/0").status == 400);
  CHECK(get(node, "/tile/0/000.p/0").status == 400);
}

TEST_CASE("smoke: checkpoint, keys, proofs and status of a running node") {
  TestNode node;
  node.start();
  LogObserver observer(node.paths());
  const Bytes statement = node.issuer().statement("one");
  REQUIRE(node.post(statement).status == 201);
  const std::string id = id_of(statement);

  CHECK(get(node, "/checkpoint").header("content-type") == "text/plain; charset=utf-8");
  CHECK(get(node, "/checkpoint").header("cache-control") == "no-cache");
  const auto seen = observer.look(*node.client());
  REQUIRE(seen);
  CHECK(seen->size.value == 3);

  const auto keys = get(node, "/.well-known/scitt-keys");
  CHECK(keys.status == 200);
  CHECK(keys.header("content-type") == "application/cbor");
  const std::string kid = base64url_encode(cose_key_thumbprint(observer.receipt_key()));
  CHECK(get(node, "/.well-known/scitt-keys/" + kid).status == 200);
  const auto no_key = get(node, "/.well-known/scitt-keys/AAAA");
  CHECK(no_key.status == 404);
  CHECK(title_of(no_key) == "No such key");

  const auto inclusion = nlohmann::json::parse(get(node, "/proof/inclusion?id=" + id).body);
  CHECK(inclusion.at("index") == 2);
  const auto receipt =
      get(node, "/proof/inclusion?index=2&size=3", {{"Accept", "application/cose"}});
  REQUIRE(receipt.status == 200);
  const auto parsed = Receipt::parse(receipt.body);
  REQUIRE(parsed);
  CHECK(verify_inclusion_receipt(*parsed, hash_from_hex(id).value(), observer.receipt_key()));
  const auto consistency =
      get(node, "/proof/consistency?from=2&to=3", {{"Accept", "application/cose"}});
  CHECK(consistency.status == 200);
  CHECK(Receipt::parse(consistency.body));
  CHECK(get(node, "/proof/consistency?from=2").status == 200);
  CHECK(get(node, "/proof/consistency?from=4").status == 400);
  CHECK(get(node, "/proof/consistency").status == 400);
  CHECK(get(node, "/proof/inclusion").status == 400);
  CHECK(get(node, "/proof/inclusion?index=2&id=" + id).status == 400);
  CHECK(get(node, "/proof/inclusion?index=99").status != 200);
  CHECK(get(node, "/proof/inclusion?index=0&size=99").status == 404);
  CHECK(get(node, "/proof/inclusion?index=0&index=1").status == 400);

  const auto status = nlohmann::json::parse(get(node, "/status").body);
  CHECK(status.at("origin") == TestNode::kOrigin);
  CHECK(status.at("published_size") == 3);
  CHECK(status.at("signing") == true);
  CHECK(status.at("problem") == "");
  CHECK(text_of(get(node, "/healthz")) == "ok\n");
  const std::string metrics = text_of(get(node, "/metrics"));
  CHECK_THAT(metrics, ContainsSubstring("witan_log_published_size 3"));
  CHECK_THAT(metrics, ContainsSubstring("witan_statements_total{result=\"registered\"} 1"));
}

TEST_CASE("smoke: registration answers as SCRAPI says") {
  TestNode node;
  node.start();
  const Bytes statement = node.issuer().statement("async");
  const auto async = post(node, statement, "application/cose", {{"Prefer", "respond-async"}});
  CHECK((async.status == 202 || async.status == 201));
  CHECK(async.header("location") == "/entries/" + id_of(statement));
  if (async.status == 202) CHECK(async.body.empty());
  REQUIRE(eventually([&] { return get(node, "/entries/" + id_of(statement)).status == 200; }));

  const auto first = post(node, node.issuer().statement("twice"), "application/cose");
  const auto second = post(node, node.issuer().statement("twice"),
                           "application/scitt-statement+cose; charset=binary",
                           {{"Accept", "application/scitt-receipt+cose"}});
  CHECK(first.status == 201);
  CHECK(second.status == 201);
  CHECK(second.body == first.body);
  CHECK(second.header("content-type") == "application/scitt-receipt+cose");

  CHECK(title_of(post(node, as_bytes("rubbish"), "application/cose")) == "Malformed request");
  CHECK(post(node, as_bytes("rubbish"), "application/cose").status == 400);
  const auto typed = post(node, statement, "text/plain");
  CHECK(typed.status == 415);
  CHECK(title_of(typed) == "Unsupported Media Type");
  const Issuer stranger("https://stranger.test");
  const auto refused = post(node, stranger.statement("x"), "application/cose");
  CHECK(refused.status == 400);
  CHECK(title_of(refused) == "Rejected");
  Bytes forged = node.issuer().statement("forged");
  forged.back() ^= 1;
  CHECK(title_of(post(node, forged, "application/cose")) == "Rejected");

  for (const std::string& id :
       {std::string("xyz"), std::string(64, 'A'), std::string(63, 'a'), std::string()}) {
    INFO(id);
    const auto bad = get(node, "/entries/" + id);
    CHECK(bad.status == 400);
    CHECK(title_of(bad) == "Invalid locator");
  }
  const auto missing = get(node, "/entries/" + std::string(64, 'a'));
  CHECK(missing.status == 404);
  CHECK(title_of(missing) == "Not Found");
}

TEST_CASE("smoke: wrong methods, paths and bodies over the limit") {
  TestNode node;
  node.start();
  const auto get_entries = get(node, "/entries");
  CHECK(get_entries.status == 405);
  CHECK(get_entries.header("allow") == "POST");
  CHECK(title_of(get_entries) == "Method Not Allowed");
  CHECK_THAT(json_problem_of(get(node, "/nothing")), ContainsSubstring("/nothing"));

  RawSocket socket(node.address());
  socket.send("DELETE /checkpoint HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string deleted = socket.read_response();
  CHECK_THAT(deleted, ContainsSubstring("HTTP/1.1 405"));
  CHECK_THAT(deleted, ContainsSubstring("Allow: GET, HEAD"));
  socket.send("HEAD /checkpoint HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK_THAT(socket.read_response(false), ContainsSubstring("HTTP/1.1 200"));

  // Above what the policy lets in, with and without room for unprotected headers.
  StatementRequest large;
  large.subject = "large";
  large.content_type = "text/plain";
  large.payload = Bytes((1U << 20) + 10, 'x');
  const auto too_large = post(node, node.issuer().sign(large), "application/cose");
  CHECK(too_large.status == 413);
  CHECK(title_of(too_large) == "Content Too Large");
  RawSocket announced(node.address());
  announced.send(
      "POST /entries HTTP/1.1\r\nHost: a\r\nContent-Type: application/cose\r\n"
      "Content-Length: 99999999\r\n\r\n");
  CHECK_THAT(announced.read_response(), ContainsSubstring("HTTP/1.1 413"));
  large.payload = Bytes((1U << 20) - 1'000, 'x');
  CHECK(post(node, node.issuer().sign(large), "application/cose").status == 201);
}

TEST_CASE("smoke: a client above its rate gets 429 and is told when to come back") {
  TestNode node;
  node.edit_config([](NodeConfig& config) {
    config.rate_per_s = 1;
    config.burst = 3;
  });
  node.start();
  http::ClientResponse last;
  for (int i = 0; i < 10 && last.status != 429; ++i) {
    last = node.post(node.issuer().statement("number " + std::to_string(i)));
    CHECK((last.status == 201 || last.status == 429));
  }
  REQUIRE(last.status == 429);
  CHECK(title_of(last) == "Too Many Requests");
  REQUIRE(last.header("retry-after"));
  CHECK(decimal_decode(*last.header("retry-after")).value_or(0) >= 1);
  CHECK(node.get("/checkpoint").status == 200);
  REQUIRE(eventually([&] { return node.post(node.issuer().statement("patient")).status == 201; }));
}

}  // namespace
}  // namespace witan::test
