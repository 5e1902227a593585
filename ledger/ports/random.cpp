#include "ledger/ports/random.h"

#include "ledger/crypto/secret.h"

namespace witan {
namespace {

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override { fill_random(out); }
};

}  // namespace

Random& system_random() {
  static SystemRandom random;
  return random;
}

}  // namespace witan
