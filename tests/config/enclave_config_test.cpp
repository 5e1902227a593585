// [enclave] in both configurations.

#include "config/enclave_config.h"

#include <string>

#include "config/node_config.h"
#include "config/witness_config.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

const std::string kNode = "origin = \"o\"\nissuer = \"x\"\n[enclave]\n";
const std::string kWitness = "name = \"w\"\n[enclave]\n";

}  // namespace

TEST_CASE("enclave configuration: walls and user are read, and written as they are read") {
  const std::string lines = "require = [\"seccomp\", \"own-uid\"]\nuser = \"witan-signer\"\n";
  const auto node = NodeConfig::parse(kNode + lines, "witan.toml");
  REQUIRE(node);
  CHECK(node->enclave.require == std::vector<std::string>{"seccomp", "own-uid"});
  CHECK(node->enclave.user == "witan-signer");
  const auto again = NodeConfig::parse(node->encode(), "witan.toml");
  REQUIRE(again);
  CHECK(again->enclave.require == node->enclave.require);
  CHECK(again->enclave.user == node->enclave.user);
  const auto witness = WitnessConfig::parse(kWitness + lines, "witness.toml");
  REQUIRE(witness);
  CHECK(witness->enclave.require == node->enclave.require);
  CHECK(WitnessConfig::parse(witness->encode(), "witness.toml")->encode() == witness->encode());
  CHECK(NodeConfig::parse(kNode, "witan.toml")->enclave.require.empty());
}

TEST_CASE("enclave configuration: faults name file, line, key and the walls there are") {
  const auto fault = [](const std::string& lines) {
    const auto config = NodeConfig::parse(kNode + lines, "witan.toml");
    REQUIRE(!config);
    return config.error().message;
  };
  CHECK_THAT(fault("require = [\"moat\"]"), ContainsSubstring("witan.toml:4") &&
                                                ContainsSubstring("moat") &&
                                                ContainsSubstring("landlock"));
  CHECK_THAT(fault("require = [\"seccomp\", \"seccomp\"]"), ContainsSubstring("there twice"));
  CHECK_THAT(fault("require = \"seccomp\""), ContainsSubstring("require"));
  for (const char* user : {"", "a b", "a\\\"b", "a/b"}) {
    CHECK_THAT(fault("user = \"" + std::string(user) + "\""), ContainsSubstring("user"));
  }
  CHECK_THAT(fault("walls = []"), ContainsSubstring("walls"));
}

}  // namespace witan::test
