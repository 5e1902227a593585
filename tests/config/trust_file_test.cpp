#include "config/trust_file.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "config/file.h"
#include "config/limits.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

namespace fs = std::filesystem;

const std::string kKey = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n";
const std::string kCert = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const std::string kSecret = "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n";

Result<std::string> reader(const std::string& path, std::size_t /*max_bytes*/) {
  if (path == "key.pem") return kKey;
  if (path == "ca.pem") return kCert;
  if (path == "secret.pem") return kSecret;
  if (path == "log.policy") return std::string("quorum none\n");
  if (path == "text") return std::string("hello");
  return fail(ErrorCode::kNotFound, path + ": cannot open");
}

Result<TrustFile> parse(const std::string& text) {
  return TrustFile::parse(text, "trust.toml", reader);
}

std::string message(const std::string& text) {
  const auto trust = parse(text);
  INFO(text);
  REQUIRE_FALSE(trust);
  CHECK(trust.error().message.find("trust.toml") == 0);
  return trust.error().message;
}

TEST_CASE("trust file: everything in it is read and resolved") {
  const auto trust = parse(
      "[log]\norigin = 'log.example'\ntlog_policy_file = 'log.policy'\n"
      "receipt_keys = ['key.pem', '''\n" +
      kKey +
      "''', 'ca.pem']\nlowest_grade = 'tpm'\n"
      "[[issuer]]\nname = 'https://a.example'\nkeys = ['key.pem']\n"
      "[[issuer]]\nname = 'https://b.example/*'\nanchors = ['ca.pem', '''" +
      kCert + "''']\n");
  REQUIRE(trust);
  CHECK(trust->origin == "log.example");
  CHECK(trust->tlog_policy == "quorum none\n");
  CHECK(trust->tlog_policy_source == "log.policy");
  CHECK(trust->receipt_keys == std::vector<std::string>{kKey, kKey, kCert});
  CHECK(trust->lowest_grade == TrustGrade::kTpm);
  REQUIRE(trust->issuers.size() == 2);
  CHECK(trust->issuers[0].keys == std::vector<std::string>{kKey});
  CHECK(trust->issuers[1].anchors == std::vector<std::string>{kCert, kCert});
}

TEST_CASE("trust file: a policy inline, and nothing else") {
  const auto trust = parse("[log]\ntlog_policy = '''\nquorum none\n'''\n");
  REQUIRE(trust);
  CHECK(trust->tlog_policy == "quorum none\n");
  CHECK(trust->tlog_policy_source == "trust.toml: log.tlog_policy");
  CHECK_FALSE(trust->origin);
  CHECK_FALSE(trust->lowest_grade);
  CHECK(trust->issuers.empty());
}

TEST_CASE("trust file: mistakes are refused with file, line and key") {
  const std::string log = "[log]\nreceipt_keys = ['key.pem']\n";
  CHECK_THAT(message(""), ContainsSubstring("log: expected a table"));
  CHECK_THAT(message("log = 1"), ContainsSubstring("trust.toml:1: log: expected a table"));
  CHECK_THAT(message("[log]\n"), ContainsSubstring("expected receipt_keys"));
  CHECK_THAT(message("[log]\nreceipt_keys = []\n"), ContainsSubstring("expected receipt_keys"));
  CHECK_THAT(message(log + "[logs]\n"), ContainsSubstring("trust.toml:3: logs: unknown key"));
  CHECK_THAT(message(log + "grade = 'tee'\n"), ContainsSubstring(":3: log.grade: unknown key"));
  CHECK_THAT(message(log + "lowest_grade = 'best'\n"),
             ContainsSubstring(":3: log.lowest_grade: expected sim, process, tpm or tee"));
  CHECK_THAT(message(log + "origin = ''\n"), ContainsSubstring(":3: log.origin"));
  CHECK_THAT(message(log + "origin = \"a\\nb\"\n"), ContainsSubstring(":3: log.origin"));
  CHECK_THAT(message(log + "origin = 7\n"), ContainsSubstring("expected a string"));
  CHECK_THAT(message(log + "tlog_policy = ''\ntlog_policy_file = 'log.policy'\n"),
             ContainsSubstring("found both"));
  CHECK_THAT(message(log + "tlog_policy_file = 'gone'\n"),
             ContainsSubstring(":3: log.tlog_policy_file: gone: cannot open"));
  CHECK_THAT(message(log + "tlog_policy_file = ''\n"), ContainsSubstring("expected a path"));
  CHECK_THAT(message("[log]\nreceipt_keys = ['gone.pem']\n"),
             ContainsSubstring("trust.toml:2: log.receipt_keys: gone.pem: cannot open"));
  CHECK_THAT(message("[log]\nreceipt_keys = 'key.pem'\n"), ContainsSubstring("array of strings"));
  CHECK_THAT(message("[log]\nreceipt_keys = ['text']\n"), ContainsSubstring("BEGIN PUBLIC KEY"));
  CHECK_THAT(message("[log]\nreceipt_keys = [\"a\\u0000b\"]\n"), ContainsSubstring("a path"));
  CHECK_THAT(message("[log]\nreceipt_keys = ['secret.pem']\n"),
             ContainsSubstring("secret.pem: holds a private key"));
  CHECK_THAT(message("[log]\nreceipt_keys = ['''" + kSecret + "''']\n"),
             ContainsSubstring("inline PEM: holds a private key"));
  CHECK(parse(log + "tlog_policy_file = 'gone'\n").error().code == ErrorCode::kNotFound);
}

TEST_CASE("trust file: mistakes in issuers are refused") {
  const std::string start = "[log]\nreceipt_keys = ['key.pem']\n[[issuer]]\n";
  CHECK_THAT(message(start), ContainsSubstring("issuer.name: expected a string"));
  CHECK_THAT(message(start + "name = ''\n"), ContainsSubstring("issuer.name: expected a name"));
  CHECK_THAT(message(start + "name = 'a'\n"), ContainsSubstring("expected keys or anchors"));
  CHECK_THAT(message(start + "name = 'a*b'\nkeys = ['key.pem']\n"),
             ContainsSubstring(":4: issuer.name: expected '*' only as the last"));
  CHECK_FALSE(parse(start + "name = 'a**'\nkeys = ['key.pem']\n"));
  CHECK_THAT(message(start + "name = 'a'\nanchors = ['key.pem']\n"),
             ContainsSubstring(":5: issuer.anchors: key.pem: expected \"-----BEGIN CERTIFICATE"));
  CHECK_THAT(message(start + "name = 'a'\nkey = ['key.pem']\n"),
             ContainsSubstring(":5: issuer.key: unknown key"));
  CHECK_THAT(message(start + "name = 'a'\nkeys = ['key.pem']\n[[issuer]]\nname = 'a'\n"
                             "keys = ['key.pem']\n"),
             ContainsSubstring(":7: issuer[2].name: the issuer \"a\" again"));
  std::string many = start + "name = 'a'\nkeys = [";
  for (std::size_t i = 0; i <= limits::kTrustKeysMax; ++i) many += "'key.pem',";
  CHECK(parse(many + "]\n").error().code == ErrorCode::kTooLarge);
}

TEST_CASE("trust file: issuers match exactly, or by a prefix before '*', the longest first") {
  const std::string key = "keys = ['key.pem']\n";
  const auto trust = parse(
      "[log]\nreceipt_keys = ['key.pem']\n"
      "[[issuer]]\nname = 'https://x/*'\n" +
      key + "[[issuer]]\nname = 'https://x/team/*'\n" + key +
      "[[issuer]]\nname = 'https://x/team/ci'\n" + key);
  REQUIRE(trust);
  const auto found = [&trust](std::string_view issuer) -> std::string {
    const TrustFile::Issuer* entry = trust->find_issuer(issuer);
    return entry == nullptr ? "" : entry->name;
  };
  CHECK(found("https://x/team/ci") == "https://x/team/ci");
  CHECK(found("https://x/team/cd") == "https://x/team/*");
  CHECK(found("https://x/other") == "https://x/*");
  CHECK(found("https://x/") == "https://x/*");
  CHECK(found("https://x").empty());
  CHECK(found("HTTPS://x/").empty());
  CHECK(found("").empty());
  CHECK(trust->issuers[2].matches("https://x/team/ci"));
  CHECK_FALSE(trust->issuers[2].matches("https://x/team/ci2"));
}

TEST_CASE("trust file: paths are relative to the file") {
  std::string pattern = (fs::temp_directory_path() / "witan-trust-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  const std::string folder = pattern;
  fs::create_directory(folder + "/keys");
  REQUIRE(write_file_atomic(folder + "/keys/a.pem", kKey, 0644));
  REQUIRE(write_file_atomic(folder + "/t.toml",
                            "[log]\nreceipt_keys = ['keys/a.pem', '" + folder + "/keys/a.pem']\n",
                            0644));
  const auto trust = TrustFile::load(folder + "/t.toml");
  const auto gone = TrustFile::load(folder + "/none.toml");
  fs::remove_all(folder);
  REQUIRE(trust);
  CHECK(trust->receipt_keys == std::vector<std::string>{kKey, kKey});
  CHECK(gone.error().code == ErrorCode::kNotFound);
  CHECK_THAT(gone.error().message, ContainsSubstring("none.toml"));
}

TEST_CASE("trust file: grades are ordered and named") {
  CHECK(TrustGrade::kSim < TrustGrade::kProcess);
  CHECK(TrustGrade::kTpm < TrustGrade::kTee);
  CHECK(trust_grade_from_name("process") == TrustGrade::kProcess);
  CHECK_FALSE(trust_grade_from_name("Process"));
  CHECK(to_string(TrustGrade::kTee) == "tee");
}

}  // namespace
}  // namespace witan
