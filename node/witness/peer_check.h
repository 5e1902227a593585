#pragma once
// The check at start that a folder cannot make alone: whether others show heads that this witness
// has cosigned and does not remember, since the whole folder is an old copy.

#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "node/witness/witness_store.h"
#include "witness/cosigner.h"

namespace witan {

// Asks each of the prefixes (see HeadSource) about the logs that were cosigned last,
// limits::kPeerCheckLogs at most; one that gives no answer is left out after its first. kStale when
// a head with an own cosignature is above or beside the signer's mark: then every origin is held
// from now on, and the message tells the way out. kUsage for a prefix that is no URL; kIo,
// kUnavailable of store and signer. Peers that cannot be reached are said in a log line only.
[[nodiscard]] Result<void> check_with_peers(WitnessStore& store, Cosigner& cosigner,
                                            HeldCosigner& held,
                                            const std::vector<std::string>& peers,
                                            const std::optional<std::string>& ca_file);

}  // namespace witan
