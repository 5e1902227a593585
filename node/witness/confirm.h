#pragma once
// Takes a held witness up to what it has cosigned itself, as others show it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "node/witness/witness_store.h"
#include "witness/cosigner.h"

namespace witan {

struct ConfirmSources {
  std::vector<std::string> peers;  // prefixes; see HeadSource
  std::vector<std::string> notes;  // cosigned checkpoints, whole
  std::optional<std::string> ca_file;
};

struct ConfirmedLog {
  std::string origin;
  std::optional<std::uint64_t> mark;  // what the witness remembered
  std::optional<std::uint64_t> head;  // what it has cosigned: where it goes on from
  std::string reason;                 // why there is none
};

// For each log of the store, asks all sources for heads with a line of the witness's own key, and
// lets the signer adopt the newest. Logs for which none was found, or only older ones than the
// mark, stay as they are. kConflict when the key was seen to have signed two histories. kUsage for
// a source that is no URL; kIo, kUnavailable.
[[nodiscard]] Result<std::vector<ConfirmedLog>> confirm_logs(WitnessStore& store,
                                                             Cosigner& cosigner, HeldCosigner& held,
                                                             const ConfirmSources& sources);

}  // namespace witan
