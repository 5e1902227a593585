#pragma once
// Heads that the cosigner signed and may have forgotten, judged against its marks. Pure.

#include <cstdint>
#include <span>
#include <vector>

#include "enclave/cosign_batch.h"
#include "witness/cosigner.h"

namespace witan {

struct AdoptedHeads {
  std::vector<CosignResult>
      results;                    // one for each head; a good one as if it had been cosigned now
  std::vector<OriginMark> marks;  // that go up
  std::uint64_t time_s = 0;       // the latest of the own lines that verified
};

// As HeldCosigner::adopt. `identity` says name and keys.
[[nodiscard]] AdoptedHeads judge_heads(std::span<const CosignRequest> heads,
                                       const CosignerState& identity, const MarkTable& marks);

}  // namespace witan
