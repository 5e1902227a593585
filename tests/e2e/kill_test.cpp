// The node is killed at any moment; what it has acknowledged is in the log for ever.
#include <chrono>
#include <iostream>
#include <map>
#include <poll.h>
#include <random>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/load.h"
#include "tests/support/log_observer.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

constexpr unsigned kRounds = kSanitized ? 8 : 50;
constexpr unsigned kClients = 4;

// Every receipt is there, is the very one that was given before, and verifies.
void check_acknowledged(const LogObserver& observer, http::Client& client,
                        const std::map<std::string, Bytes>& acknowledged) {
  for (const auto& [id, before] : acknowledged) {
    const auto now = observer.receipt(client, id);
    if (!now) FAIL(id << ": " << now.error().message);
    if (*now != before) FAIL(id << ": another receipt than was given with 201");
  }
}

TEST_CASE("kill -9 of the node at random moments under load loses nothing acknowledged") {
  TestNode node;
  LogObserver observer(node.paths());
  std::mt19937 random(20'261'123);
  std::map<std::string, Bytes> all;
  node.start();
  for (unsigned round = 0; round < kRounds; ++round) {
    INFO("round " << round);
    Load load(node.url(), node.issuer(), "kill/" + std::to_string(round), kClients);
    // Some rounds end before the first answer, some in the middle of a long burst.
    load.wait_for(random() % 4 == 0 ? 0 : random() % 200);
    ::poll(nullptr, 0, static_cast<int>(random() % 20));
    node.kill_hard(random() % 2 == 0);
    load.stop();
    for (const std::string& surprise : load.surprises()) FAIL_CHECK(surprise);

    node.start();
    const auto client = node.client();
    const auto seen = observer.look(*client);
    if (!seen) FAIL(seen.error().message);
    check_acknowledged(observer, *client, load.acknowledged());
    CHECK(node.audit() == "");
    all.insert(load.acknowledged().begin(), load.acknowledged().end());
  }
  const auto client = node.client();
  const auto ids = observer.audit(*client);
  if (!ids) FAIL(ids.error().message);
  for (const auto& [id, receipt] : all) {
    if (ids->count(id) == 0) FAIL_CHECK(id << " is not in the log");
  }
  std::cout << "killed " << kRounds << " times; acknowledged " << all.size() << " of "
            << ids->size() << " entries\n";
  CHECK(all.size() > kRounds);
}

}  // namespace
}  // namespace witan::test
