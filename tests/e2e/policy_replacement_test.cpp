// A registered policy is replaced by registering another one under an admin key of the first.
#include <string>
#include <vector>

#include "config/registration_policy.h"
#include "ledger/crypto/private_key.h"
#include "ledger/format/problem_details.h"
#include "ledger/ports/clock.h"
#include "ledger/registration/policy.h"
#include "tests/support/catch.h"
#include "tests/support/load.h"
#include "tests/support/log_observer.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

std::string problem_of(const http::ClientResponse& response) {
  const auto problem = decode_problem(response.body);
  return problem ? problem->title + ": " + problem->detail : text_of(response);
}

PrivateKey operator_key(const TestNode& node) {
  auto key = PrivateKey::from_pem(read_text(node.paths().operator_key()));
  if (!key) throw std::runtime_error(key.error().message);
  return std::move(*key);
}

// The node's first policy with one issuer instead of those that it has.
std::string policy_for(const TestNode& node, const Issuer& issuer) {
  auto policy = parse_registration_policy(read_text(node.paths().policy()), "policy.toml");
  if (!policy) throw std::runtime_error(policy.error().message);
  policy->issuers.clear();
  IssuerRule rule;
  rule.name = issuer.uri();
  rule.keys.push_back(issuer.key().public_key().pem());
  policy->issuers.push_back(std::move(rule));
  return encode(*policy);
}

Bytes policy_statement(const std::string& policy, const PrivateKey& key,
                       const std::string& subject = TestNode::kOrigin) {
  StatementRequest request;
  request.issuer = "https://" + std::string(TestNode::kOrigin);
  request.subject = subject;
  request.content_type = std::string(kPolicyContentType);
  request.issued_at_s = static_cast<std::int64_t>(system_clock().unix_ms() / 1000);
  request.payload = to_bytes(as_bytes(policy));
  auto statement = make_statement(request, key);
  if (!statement) throw std::runtime_error(statement.error().message);
  return std::move(*statement);
}

TEST_CASE("policy replacement: the operator's new policy counts at once and after a restart") {
  TestNode node;
  node.start();
  const Issuer next("https://next.test");
  const Bytes before = node.issuer().statement("before");
  CHECK(node.post(before).status == 201);
  CHECK(node.post(next.statement("too early")).status == 400);

  const auto replaced = node.post(policy_statement(policy_for(node, next), operator_key(node)));
  INFO(problem_of(replaced));
  REQUIRE(replaced.status == 201);

  for (int run = 0; run < 2; ++run) {
    INFO("restarts: " << run);
    const std::string text = "run " + std::to_string(run);
    const auto refused = node.post(node.issuer().statement(text));
    CHECK(refused.status == 400);
    CHECK_THAT(problem_of(refused), ContainsSubstring("Rejected"));
    CHECK_THAT(problem_of(refused), ContainsSubstring("issuer.name"));
    CHECK(node.post(next.statement(text)).status == 201);
    // What is in the log already keeps its receipt under any policy.
    CHECK(node.post(before).status == 201);
    if (run == 0) node.kill_hard();
    if (run == 0) node.start();
  }
  LogObserver observer(node.paths());
  CHECK(observer.audit(*node.client()));
  CHECK(node.audit() == "");
}

TEST_CASE("policy replacement: no other key, subject or content may do it") {
  TestNode node;
  node.start();
  const Issuer next("https://next.test");
  const std::string policy = policy_for(node, next);

  const auto stranger = node.post(policy_statement(policy, next.key()));
  CHECK(stranger.status == 400);
  CHECK_THAT(problem_of(stranger), ContainsSubstring("admin.keys"));
  const auto issuer = node.post(policy_statement(policy, node.issuer().key()));
  CHECK(issuer.status == 400);
  const auto elsewhere = node.post(policy_statement(policy, operator_key(node), "other.test/log"));
  CHECK(elsewhere.status == 400);
  CHECK_THAT(problem_of(elsewhere), ContainsSubstring("other.test/log"));
  const auto broken = node.post(policy_statement("version = 2\n", operator_key(node)));
  CHECK(broken.status == 400);

  CHECK(node.post(node.issuer().statement("still welcome")).status == 201);
  CHECK(node.post(next.statement("still a stranger")).status == 400);
}

TEST_CASE("policy replacement under load: what is pooled behind it is checked again") {
  TestNode node;
  node.start();
  const Issuer next("https://next.test");
  Load load(node.url(), node.issuer(), "load", kSanitized ? 2 : 8);
  REQUIRE(load.wait_for(20));
  const auto replaced = node.post(policy_statement(policy_for(node, next), operator_key(node)));
  REQUIRE(replaced.status == 201);
  load.stop();

  // Nobody was left without an answer, and every refusal says why.
  for (const std::string& surprise : load.surprises()) {
    CHECK(surprise.substr(0, 3) == "400");
    CHECK_THAT(surprise, ContainsSubstring("issuer.name"));
  }
  // What was acknowledged is there, and nothing else but the two first entries and the policy.
  LogObserver observer(node.paths());
  const auto ids = observer.audit(*node.client());
  REQUIRE(ids);
  for (const auto& [id, receipt] : load.acknowledged()) CHECK(ids->count(id) == 1);
  CHECK(ids->size() == load.acknowledged().size() + 3);
  CHECK(node.audit() == "");
}

}  // namespace
}  // namespace witan::test
