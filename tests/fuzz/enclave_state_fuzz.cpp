// The sealed state: hostile slots do not open, and a state that decodes is encoded the same way
// again once it has been through the encoder.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "enclave/sealing.h"
#include "enclave/state.h"
#include "ledger/crypto/secret.h"

namespace {

using namespace witan;

void expect(bool holds) {
  if (!holds) std::abort();
}

const MachineKey& machine_key() {
  static const MachineKey key = [] {
    init_crypto();
    Bytes random(kMachineKeyBytes);
    fill_random(random);
    return std::move(*MachineKey::make(random));
  }();
  return key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView bytes(data, size);
  expect(!open_slot(machine_key(), bytes));
  const auto state = decode_state(bytes);
  if (!state) return 0;
  const SecretBytes encoded = encode_state(*state);
  const auto again = decode_state(encoded.view());
  expect(again.has_value());
  expect(equal(encode_state(*again).view(), encoded.view()));
  return 0;
}
