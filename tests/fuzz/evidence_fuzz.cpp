// Evidence: what parses is written again byte for byte; the body too where it is of today's version
// (older ones are read and never written).

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ledger/attestation/evidence.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const BytesView bytes(data, size);
  const auto parsed = SignedEvidence::parse(bytes);
  if (!parsed) return 0;
  if (!equal(parsed->encode(), bytes)) std::abort();
  constexpr std::uint8_t kMapOfVersion2 = 0xa9;
  if (parsed->body.front() == kMapOfVersion2 &&
      encode_evidence_body(parsed->evidence) != parsed->body) {
    std::abort();
  }
  if (parsed->evidence.grade > Grade::kProcess) std::abort();
  return 0;
}
