// Problem details: title and detail survive encoding.

#include <cstdint>
#include <cstdlib>

#include "ledger/format/problem_details.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const auto problem = decode_problem(BytesView(data, size));
  if (!problem) return 0;
  const auto again = decode_problem(encode_problem(*problem));
  if (!again || again->title != problem->title || again->detail != problem->detail) std::abort();
  return 0;
}
