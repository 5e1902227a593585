// What config/examples shows must be what the readers accept.
#include <filesystem>
#include <map>
#include <sstream>
#include <string>

#include "config/file.h"
#include "config/limits.h"
#include "config/node_config.h"
#include "config/registration_policy.h"
#include "config/trust_file.h"
#include "config/witness_config.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

std::string example(const char* name) {
  return (std::filesystem::path(WITAN_SOURCE_DIR) / "config/examples" / name).string();
}

TEST_CASE("examples: the registration policy is read") {
  const auto text = read_text_file(example("policy.toml"), limits::kConfigFileBytesMax);
  REQUIRE(text);
  const auto policy = parse_registration_policy(*text, "policy.toml");
  INFO((policy ? "" : policy.error().message));
  REQUIRE(policy);
  CHECK(policy->issuers.size() == 4);
}

TEST_CASE("examples: the trust file is read") {
  const auto trust = TrustFile::load(example("trust.toml"));
  INFO((trust ? "" : trust.error().message));
  REQUIRE(trust);
  CHECK(trust->origin == "log.example/demo");
}

TEST_CASE("examples: the node's configuration is read, and is what init writes") {
  const auto text = read_text_file(example("witan.toml"), limits::kConfigFileBytesMax);
  REQUIRE(text);
  const auto config = NodeConfig::parse(*text, "witan.toml");
  INFO((config ? "" : config.error().message));
  REQUIRE(config);
  CHECK(config->encode() == *text);
}

TEST_CASE("node configuration: faults name file, line and key") {
  const auto fault = [](const char* text) {
    const auto config = NodeConfig::parse(text, "witan.toml");
    REQUIRE_FALSE(config);
    return config.error().message;
  };
  CHECK_THAT(fault("issuer = \"x\"\n"), ContainsSubstring("origin"));
  CHECK_THAT(fault("origin = \"o\"\nissuer = \"x\"\nlisten = 5\n"),
             ContainsSubstring("witan.toml:3: listen"));
  CHECK_THAT(fault("origin = \"o\"\nissuer = \"x\"\nlistn = \"y\"\n"), ContainsSubstring("listn"));
  CHECK_THAT(fault("origin = \"o\"\nissuer = \"x\"\n[tls]\ncertificate = \"c\"\n"),
             ContainsSubstring("key"));
  CHECK_THAT(fault("origin = \"o\"\nissuer = \"x\"\n[[registration.token]]\nname = \"n\"\n"
                   "sha256 = \"short\"\n"),
             ContainsSubstring("64 lowercase hex"));
}

TEST_CASE("examples: the witness's configuration is read, and is what init writes") {
  const auto text = read_text_file(example("witness.toml"), limits::kConfigFileBytesMax);
  REQUIRE(text);
  const auto config = WitnessConfig::parse(*text, "witness.toml");
  INFO((config ? "" : config.error().message));
  REQUIRE(config);
  CHECK(config->encode() == *text);
}

TEST_CASE("examples: the witness for the public network is read") {
  const auto text = read_text_file(example("witness-public.toml"), limits::kConfigFileBytesMax);
  REQUIRE(text);
  const auto config = WitnessConfig::parse(*text, "witness-public.toml");
  INFO((config ? "" : config.error().message));
  REQUIRE(config);
  CHECK(config->url);
  CHECK(config->list_sources.size() == 1);
  // With what its comments offer in place of the proxy.
  std::string alone = *text;
  for (const char* line : {"# [tls]", "# certificate", "# key"}) {
    const auto at = alone.find(line);
    REQUIRE(at != std::string::npos);
    alone.erase(at, 2);
  }
  const auto with_tls = WitnessConfig::parse(alone, "witness-public.toml");
  REQUIRE(with_tls);
  CHECK(with_tls->tls_key == "tls-key.pem");
}

TEST_CASE("examples: the witness's unit runs what there is, and gives it little") {
  const auto text = read_text_file(example("witan-witness.service"), limits::kConfigFileBytesMax);
  REQUIRE(text);
  std::map<std::string, std::string> settings;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#' || line.front() == '[') continue;
    const auto equals = line.find('=');
    INFO(line);
    REQUIRE(equals != std::string::npos);
    settings[line.substr(0, equals)] += line.substr(equals + 1) + ";";
  }
  CHECK_THAT(settings["ExecStart"], ContainsSubstring("witan witness run --dir /var/lib/" +
                                                      std::string("witan-witness/")));
  CHECK(settings["StateDirectory"] == "witan-witness;");
  CHECK(settings["User"] == "witan-witness;");
  for (const char* name : {"NoNewPrivileges", "MemoryDenyWriteExecute", "PrivateDevices",
                           "PrivateTmp", "ProtectHome"}) {
    INFO(name);
    CHECK(settings[name] == "yes;");
  }
  CHECK(settings["RestrictNamespaces"] == "user net;");
  CHECK(settings["ProtectSystem"] == "strict;");
  CHECK(settings["CapabilityBoundingSet"] == ";");
  CHECK(settings["RestrictAddressFamilies"] == "AF_INET AF_INET6 AF_UNIX;");
}

TEST_CASE("witness configuration: what is written is read again") {
  WitnessConfig config;
  config.name = "witness.test/\"quoted\\";
  config.tls_certificate = "chain.pem";
  config.tls_key = "key.pem";
  config.rate_per_s = 0;
  const auto again = WitnessConfig::parse(config.encode(), "witness.toml");
  REQUIRE(again);
  CHECK(again->name == config.name);
  CHECK(again->tls_key == config.tls_key);
  CHECK(again->rate_per_s == 0);
  CHECK_FALSE(again->url);
}

TEST_CASE("witness configuration: faults name file, line and key") {
  const auto fault = [](const char* text) {
    const auto config = WitnessConfig::parse(text, "witness.toml");
    REQUIRE_FALSE(config);
    return config.error().message;
  };
  CHECK_THAT(fault("listen = \"x\"\n"), ContainsSubstring("name"));
  CHECK_THAT(fault("name = \"\"\n"), ContainsSubstring("witness.toml:1: name"));
  CHECK_THAT(fault("name = \"w\"\nurl = \"example.com\"\n"),
             ContainsSubstring("witness.toml:2: url"));
  CHECK_THAT(fault("name = \"w\"\nio_threads = 0\n"),
             ContainsSubstring("witness.toml:2: io_threads"));
  CHECK_THAT(fault("name = \"w\"\n[submission]\nrate = 1\n"),
             ContainsSubstring("witness.toml:3: submission.rate"));
  CHECK_THAT(fault("name = \"w\"\n[tls]\ncertificate = \"c\"\n"), ContainsSubstring("key"));
  CHECK_THAT(fault("name = \"w\"\nlisten = \"none\"\n"),
             ContainsSubstring("witness.toml:2: listen: \"none\" needs a [[bastion]]"));
  const auto bastion_fault = [&](const std::string& lines) {
    return fault(("name = \"w\"\n[[bastion]]\n" + lines).c_str());
  };
  CHECK_THAT(bastion_fault("url = \"http://a\"\n"), ContainsSubstring("witness.toml:3"));
  CHECK_THAT(bastion_fault("connect = \"a:1\"\n"), ContainsSubstring("url"));
  for (const char* connect : {"a/b", "", "a b"}) {
    CHECK_THAT(bastion_fault("url = \"https://a\"\nconnect = \"" + std::string(connect) + "\"\n"),
               ContainsSubstring("witness.toml:4: bastion"));
  }
  CHECK_THAT(bastion_fault("url = \"https://a\"\n[[bastion]]\nurl = \"https://a\"\n"),
             ContainsSubstring("is there twice"));
  std::string many;
  for (int i = 0; i < 17; ++i)
    many += "[[bastion]]\nurl = \"https://a" + std::to_string(i) + "\"\n";
  CHECK_THAT(fault(("name = \"w\"\n" + many).c_str()), ContainsSubstring("at most 16"));
}

TEST_CASE("witness configuration: bastions are written and read again") {
  WitnessConfig config;
  config.name = "w";
  config.listen = std::string(WitnessConfig::kNoListen);
  config.bastions.resize(2);
  config.bastions[0].url = "https://a.test";
  config.bastions[0].connect = "b.test:8443";
  config.bastions[0].ca = "ca.pem";
  config.bastions[0].rate_per_s = 0;
  config.bastions[1].url = "https://c.test:1/x";
  const auto again = WitnessConfig::parse(config.encode(), "witness.toml");
  INFO((again ? "" : again.error().message));
  REQUIRE(again);
  CHECK_FALSE(again->listens());
  REQUIRE(again->bastions.size() == 2);
  CHECK(again->bastions[0].connect == "b.test:8443");
  CHECK(again->bastions[0].ca == "ca.pem");
  CHECK(again->bastions[0].rate_per_s == 0);
  CHECK(again->bastions[1].url == "https://c.test:1/x");
  CHECK_FALSE(again->bastions[1].connect);
  CHECK(again->bastions[1].burst == BastionConfig().burst);
}

}  // namespace
}  // namespace witan
