#include "config/registration_policy.h"

#include <string>

#include "tests/support/catch.h"

using namespace witan;

namespace {

constexpr std::string_view kHead = "version = 1\n[admin]\nkeys = [\"key\"]\n";

std::string refusal(const std::string& text) {
  const auto policy = parse_registration_policy(text, "policy.toml");
  REQUIRE_FALSE(policy);
  return policy.error().message;
}
std::string with(std::string_view more) {
  return std::string(kHead) + std::string(more);
}

}  // namespace

TEST_CASE("registration policy file: absent keys have their defaults") {
  const auto policy = parse_registration_policy(kHead, "policy.toml");
  REQUIRE(policy);
  CHECK(policy->admin_keys == std::vector<std::string>{"key"});
  CHECK(policy->algorithms.size() == 7);
  CHECK(policy->max_statement_bytes == limits::kStatementBytesDefault);
  CHECK_FALSE(policy->hash_envelope_only);
  CHECK(policy->subjects == std::vector<std::string>{"*"});
  CHECK(policy->check_time == CheckTime::kNone);
  CHECK(policy->issuers.empty());
}

TEST_CASE("registration policy file: what encode writes is read back, odd characters too") {
  RegistrationPolicyConfig policy;
  policy.admin_keys = {"-----BEGIN PUBLIC KEY-----\nabc\\\"\r\n-----END PUBLIC KEY-----\n"};
  policy.algorithms = {"ES256"};
  policy.max_statement_bytes = 4'096;
  policy.hash_envelope_only = true;
  policy.subjects = {"pkg:*", "a\"b\\c\td\x7f"};
  policy.content_types = {"application/*"};
  policy.check_time = CheckTime::kIat;
  policy.issuers = {{"https://example.com", {"k1", "k2"}, {}, {"x*"}},
                    {"did:x509:*", {}, {"a\n\"\"\"b"}, {}}};
  const auto again = parse_registration_policy(encode(policy), "policy.toml");
  if (!again) FAIL(again.error().message);
  CHECK(*again == policy);
  CHECK(encode(*again) == encode(policy));
}

TEST_CASE("registration policy file: errors name file, line and key") {
  CHECK_THAT(refusal(""), ContainsSubstring("version"));
  CHECK_THAT(refusal("version = 2\n"), ContainsSubstring("policy.toml:1: version"));
  CHECK_THAT(refusal("version = 1\n"), ContainsSubstring("admin"));
  CHECK_THAT(refusal("version = 1\n[admin]\nkeys = []\n"), ContainsSubstring("admin.keys"));
  CHECK_THAT(refusal(with("[accept]\nsubjets = []\n")), ContainsSubstring("accept.subjets"));
  CHECK_THAT(refusal(with("[accept]\nsubjects = []\n")), ContainsSubstring("at least one"));
  CHECK_THAT(refusal(with("[accept]\nsubjects = [\"\"]\n")), ContainsSubstring("empty string"));
  CHECK_THAT(refusal(with("[accept]\ncheck_time = \"now\"\n")), ContainsSubstring("check_time"));
  CHECK_THAT(refusal(with("[accept]\nmax_statement_bytes = 0\n")),
             ContainsSubstring("max_statement_bytes"));
  CHECK_THAT(refusal(with("[accept]\nmax_statement_bytes = 99999999\n")),
             ContainsSubstring("max_statement_bytes"));
  CHECK_THAT(refusal(with("[accept]\nhash_envelope_only = 1\n")),
             ContainsSubstring("hash_envelope_only"));
  CHECK_THAT(refusal(with("[[issuer]]\nkeys = [\"k\"]\n")), ContainsSubstring("name"));
  CHECK_THAT(refusal(with("[[issuer]]\nname = \"\"\n")), ContainsSubstring("name"));
  CHECK_THAT(refusal(with("[[issuer]]\nname = \"a\"\nsubjects = []\n")),
             ContainsSubstring("subjects"));
  CHECK_THAT(refusal(with("[[issuer]]\nname = \"a\"\nkey = \"k\"\n")),
             ContainsSubstring("unknown key"));
  CHECK_THAT(refusal(with("other = 1\n")), ContainsSubstring("other"));
  CHECK_THAT(refusal("version = "), ContainsSubstring("policy.toml:1"));
}

TEST_CASE("registration policy pattern: stars stand for any run of characters") {
  CHECK(matches_pattern("*", ""));
  CHECK(matches_pattern("*", "anything"));
  CHECK(matches_pattern("", ""));
  CHECK_FALSE(matches_pattern("", "a"));
  CHECK(matches_pattern("a", "a"));
  CHECK_FALSE(matches_pattern("a", "A"));
  CHECK_FALSE(matches_pattern("a", "ab"));
  CHECK(matches_pattern("pkg:*@1", "pkg:deb@1"));
  CHECK_FALSE(matches_pattern("pkg:*@1", "pkg:deb@12"));
  CHECK(matches_pattern("*ab*ab", "xababab"));
  CHECK(matches_pattern("a**b", "ab"));
  CHECK_FALSE(matches_pattern("a.c", "abc"));
  CHECK_FALSE(matches_pattern(std::string(500, '*') + "b", std::string(5'000, 'a')));
}
