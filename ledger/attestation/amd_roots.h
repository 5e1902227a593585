#pragma once
// AMD's root keys (ARK) for SEV-SNP, one a product line. A root certificate comes with the
// evidence or from the user; it counts only when it holds one of these keys.

#include <span>

#include "ledger/attestation/chain.h"
#include "ledger/attestation/snp_report.h"

namespace witan {

struct AmdRoot {
  SnpProduct product = SnpProduct::kMilan;
  PinnedRoot root;
};

// ARK-Milan, ARK-Genoa and ARK-Turin, as AMD's Key Distribution Service gives them.
[[nodiscard]] std::span<const AmdRoot> amd_roots();

}  // namespace witan
