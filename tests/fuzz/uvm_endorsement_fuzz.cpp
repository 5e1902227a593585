// Endorsements of a utility VM: what verifies would keep its bounds.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ledger/attestation/uvm_endorsement.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const auto verified = verify_uvm_endorsement(BytesView(data, size), std::nullopt);
  if (verified && (size > kUvmEndorsementBytesMax || verified->issuer.empty())) std::abort();
  return 0;
}
