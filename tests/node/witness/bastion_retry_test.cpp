// The waits before a bastion is tried again.
#include "node/witness/bastion_retry.h"

#include <algorithm>
#include <span>

#include "tests/support/catch.h"

namespace witan::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SetRandom final : public Random {
 public:
  std::uint8_t byte = 0xff;
  void fill(std::span<std::uint8_t> out) override { std::fill(out.begin(), out.end(), byte); }
};

TEST_CASE("bastion retry: waits double up to the last, each between half of its step and all") {
  SetRandom random;
  BastionRetry longest(random);
  SetRandom zero;
  zero.byte = 0;
  BastionRetry shortest(zero);
  milliseconds step = limits::kBastionRetryFirst;
  for (int i = 0; i < 20; ++i) {
    const milliseconds most = longest.wait_after({});
    CHECK(most <= step);
    CHECK(most >= step - milliseconds(1));
    CHECK(shortest.wait_after({}) == step / 2);
    step = std::min<milliseconds>(2 * step, limits::kBastionRetryLast);
  }
  CHECK(step == limits::kBastionRetryLast);
}

TEST_CASE("bastion retry: only a connection that lasted begins anew") {
  SetRandom random;
  random.byte = 0;
  BastionRetry retry(random);
  for (int i = 0; i < 5; ++i) (void)retry.wait_after({});
  CHECK(retry.wait_after(limits::kBastionLasted - milliseconds(1)) == seconds(16));
  CHECK(retry.wait_after(limits::kBastionLasted) == milliseconds(500));
  CHECK(retry.wait_after({}) == seconds(1));
}

}  // namespace
}  // namespace witan::test
