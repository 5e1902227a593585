#include "config/node_config.h"

#include <string>

#include "tests/support/catch.h"

namespace witan {
namespace {

constexpr const char* kStart = "origin = \"o\"\nissuer = \"x\"\n[witnesses]\n";

TEST_CASE("node configuration: witnesses are read, and written as they are read") {
  const auto plain = NodeConfig::parse(std::string(kStart) + "policy = \"w.policy\"\n", "w.toml");
  REQUIRE(plain);
  REQUIRE(plain->witnesses);
  CHECK(plain->witnesses->policy == "w.policy");
  CHECK(plain->witnesses->deadline == std::chrono::milliseconds(5'000));
  CHECK(plain->witnesses->beyond_quorum == std::chrono::milliseconds(100));
  CHECK_FALSE(plain->witnesses->publish_unwitnessed_after);

  const std::string all =
      "policy = \"w.policy\"\nca = \"ca.pem\"\ndeadline_ms = 700\nbeyond_quorum_ms = 0\n"
      "head_interval_ms = 60000\n"
      "without_quorum = \"publish-unwitnessed\"\nunwitnessed_after_ms = 9000\n";
  for (const std::string& lines : {std::string("policy = \"w.policy\"\n"), all}) {
    const auto config = NodeConfig::parse(kStart + lines, "w.toml");
    REQUIRE(config);
    const auto again = NodeConfig::parse(config->encode(), "w.toml");
    REQUIRE(again);
    CHECK(again->encode() == config->encode());
    CHECK(again->witnesses->ca == config->witnesses->ca);
    CHECK(again->witnesses->deadline == config->witnesses->deadline);
    CHECK(again->witnesses->head_interval == config->witnesses->head_interval);
    CHECK(again->witnesses->publish_unwitnessed_after ==
          config->witnesses->publish_unwitnessed_after);
  }
}

TEST_CASE("node configuration: faults of [witnesses] name file, line and key") {
  const auto fault = [](const std::string& lines) {
    const auto config = NodeConfig::parse(kStart + lines, "w.toml");
    REQUIRE_FALSE(config);
    return config.error().message;
  };
  CHECK_THAT(fault(""), ContainsSubstring("policy"));
  CHECK_THAT(fault("policy = \"\"\n"), ContainsSubstring("w.toml:4: witnesses.policy"));
  CHECK_THAT(fault("policy = \"p\"\ndeadline_ms = 1\n"), ContainsSubstring("w.toml:5"));
  CHECK_THAT(fault("policy = \"p\"\nwithout_quorum = \"panic\"\n"),
             ContainsSubstring("expected \"hold\" or \"publish-unwitnessed\", found \"panic\""));
  CHECK_THAT(fault("policy = \"p\"\nwithout_quorum = \"publish-unwitnessed\"\n"),
             ContainsSubstring("unwitnessed_after_ms"));
  CHECK_THAT(fault("policy = \"p\"\nunwitnessed_after_ms = 5000\n"),
             ContainsSubstring("means nothing"));
  CHECK_THAT(fault("policy = \"p\"\nquorum = 2\n"), ContainsSubstring("w.toml:5"));
}

TEST_CASE("node configuration: the folder of the node's witness") {
  const std::string start = "origin = \"o\"\nissuer = \"x\"\n";
  const auto none = NodeConfig::parse(start, "w.toml");
  REQUIRE(none);
  CHECK_FALSE(none->witness_dir);
  CHECK_FALSE(NodeConfig::parse(none->encode(), "w.toml")->witness_dir);
  const auto config = NodeConfig::parse(start + "[witness]\ndir = \"../w\"\n", "w.toml");
  REQUIRE(config);
  CHECK(config->witness_dir == "../w");
  CHECK(NodeConfig::parse(config->encode(), "w.toml")->witness_dir == "../w");
  const auto fault = [&start](const std::string& lines) {
    return NodeConfig::parse(start + "[witness]\n" + lines, "w.toml").error().message;
  };
  CHECK_THAT(fault(""), ContainsSubstring("dir"));
  CHECK_THAT(fault("dir = \"\"\n"), ContainsSubstring("w.toml:4: witness.dir"));
  CHECK_THAT(fault("dir = \"w\"\nname = \"w\"\n"), ContainsSubstring("w.toml:5"));
}

}  // namespace
}  // namespace witan
