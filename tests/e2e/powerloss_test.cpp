// The power fails: every write that no sync had reached is gone, or any part of it. Nothing that
// was acknowledged may be lost, and nothing signed may be contradicted. And the test must be able
// to fail: with any one kind of sync left out, it has to find something.
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <poll.h>
#include <random>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/load.h"
#include "tests/support/log_observer.h"
#include "tests/support/power_cut.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

constexpr unsigned kPowerCuts = 40;
constexpr unsigned kRoundsToFail = 12;
constexpr unsigned kPowerClients = 4;

bool skipped() {
  if (!kSanitized) return false;
  std::cout << "power loss: skipped, a sanitizer's runtime wants to be loaded first\n";
  return true;
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::size_t newline = text.rfind('\n');
  return newline == std::string::npos ? text : text.substr(newline + 1);
}

class PoweredNode {
 public:
  PoweredNode() : power_(node_.paths().dir, journal_.path()), observer_(node_.paths()) {}

  // Load, power cut, restart, audit. What is wrong afterwards; empty when nothing is. Every other
  // round is cut right after the enclave has sealed its state, under a load that has no other
  // batch on its way meanwhile; the others at any moment.
  std::string round(unsigned number, std::mt19937& random, const std::string& left_out,
                    bool keep_some) {
    const bool at_seal = number % 2 == 0;
    node_.start(power_.environment(left_out, at_seal ? 4 + random() % 20 : 0));
    Load load(node_.url(), node_.issuer(), "power/" + std::to_string(number),
              at_seal ? 1 : kPowerClients);
    if (at_seal) {
      if (!eventually([this] { return !node_.running(); })) return "the enclave did not end it";
    } else {
      load.wait_for(20 + random() % 100);
      ::poll(nullptr, 0, static_cast<int>(random() % 10));
      // What somebody saw of the log is not to be taken back either.
      if (const auto seen = observer_.look(*node_.client()); !seen) return seen.error().message;
    }
    node_.kill_hard(true);
    load.stop();
    std::optional<unsigned> seed;
    if (keep_some) seed = static_cast<unsigned>(random());
    lost_ += power_.cut(seed);
    acknowledged_ += load.count();
    return audit(load);
  }

  [[nodiscard]] std::size_t lost() const { return lost_; }
  [[nodiscard]] std::size_t acknowledged() const { return acknowledged_; }

 private:
  std::string audit(const Load& load) {
    try {
      node_.start();
    } catch (const std::exception& error) {
      return error.what();
    }
    const auto client = node_.client();
    const auto ids = observer_.audit(*client);
    if (!ids) return ids.error().message;
    for (const auto& [id, before] : load.acknowledged()) {
      if (ids->count(id) == 0) return id + " was acknowledged and is lost";
      const auto now = observer_.receipt(*client, id);
      if (!now) return id + ": " + now.error().message;
      if (*now != before) return id + ": its receipt is another one now";
    }
    std::string wrong = node_.audit();
    node_.kill_hard();
    return wrong;
  }

  TestNode node_;
  TempDir journal_;
  PowerCut power_;
  LogObserver observer_;
  std::size_t lost_ = 0, acknowledged_ = 0;
};

TEST_CASE("power loss under load loses nothing acknowledged and contradicts nothing signed") {
  if (skipped()) return;
  std::mt19937 random(1);
  PoweredNode node;
  for (unsigned round = 0; round < kPowerCuts; ++round) {
    INFO("round " << round);
    const std::string wrong = node.round(round, random, "", round % 4 >= 2);
    if (!wrong.empty()) FAIL(wrong);
  }
  std::cout << "power cut " << kPowerCuts << " times: " << node.lost() << " changes not synced, "
            << node.acknowledged() << " statements acknowledged, none lost\n";
  CHECK(node.lost() > 0);
  CHECK(node.acknowledged() >= 10 * kPowerCuts);
}

TEST_CASE("power loss is noticed when any one kind of sync is left out") {
  if (skipped()) return;
  for (const std::string left_out : {"store-data", "store-meta", "enclave"}) {
    INFO("left out: " << left_out);
    std::mt19937 random(2);
    std::string wrong;
    unsigned rounds = 0;
    std::optional<PoweredNode> node(std::in_place);
    for (; rounds < kRoundsToFail && wrong.empty(); ++rounds) {
      wrong = node->round(rounds, random, left_out, false);
    }
    CHECK_FALSE(wrong.empty());
    std::cout << "without the sync of " << left_out << ", after " << rounds
              << " power cuts: " << last_line(wrong) << "\n";
  }
}

TEST_CASE("power loss right after init leaves a whole node") {
  if (skipped()) return;
  TempDir world, journal;
  PowerCut power(world.path(), journal.path());
  const std::string dir = world.at("log");
  auto child = Child::start({witan_program().string(), "init", "--dir", dir, "--origin",
                             TestNode::kOrigin, "--listen", "127.0.0.1:0"},
                            journal.at("init.log"), power.environment());
  REQUIRE(child);
  REQUIRE(child->wait() == 0);
  power.cut();
  CHECK(std::filesystem::exists(NodePaths{dir}.config()));
  CHECK(std::filesystem::exists(NodePaths{dir}.enclave() / "machine.key"));
  auto node =
      Child::start({witan_program().string(), "node", "--dir", dir}, journal.at("node.log"));
  REQUIRE(node);
  INFO(read_text(journal.at("node.log")));
  CHECK(eventually([&] {
    return std::filesystem::exists(std::filesystem::path(dir) / "address") || !node->running();
  }));
  CHECK(node->running());
}

}  // namespace
}  // namespace witan::test
