// Attested services: the map in a statement's protected header. Nobody here holds AMD's keys, so
// none that the fuzzer makes may verify.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "config/limits.h"
#include "ledger/registration/did_attestedsvc.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const auto statement = Statement::parse(BytesView(data, size), limits::kStatementBytesMax,
                                          StatementProfile::kForeign);
  if (!statement) return 0;
  if (verify_attested_service(*statement, std::nullopt)) std::abort();
  return 0;
}
