#pragma once
// What a witness's store has, against what its signer says that it cosigned.

#include <cstdint>
#include <functional>
#include <string>

#include "config/result.h"
#include "node/witness/witness_store.h"
#include "witness/cosigner.h"

namespace witan {

// Called with each origin in the store, and when its newest checkpoint was cosigned.
using SeenMark = std::function<void(const std::string& origin, std::uint64_t time_s)>;

// Stores what the signer cosigned last, then compares every mark of the signer with every row of
// the store. They must be the same. kStale, naming an example and the way out, when the signer is
// an old copy; or when the store is, unless that is accepted: then the store takes over the
// signer's marks, so that from then on all are compared again. Nothing may be cosigned meanwhile.
Result<void> check_marks(WitnessStore& store, Cosigner& cosigner, bool accept_old_data,
                         const SeenMark& seen = {});

// Whether the signer knows all that the store has, while it may cosign more; else kStale.
Result<void> check_signer_knows(WitnessStore& store, Cosigner& cosigner);

}  // namespace witan
