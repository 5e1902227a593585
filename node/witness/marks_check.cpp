// The check at start: what the store has, against what the signer says that it cosigned.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/log.h"
#include "node/witness/witness_service.h"

namespace witan {
namespace {

tl::unexpected<Error> old_signer(const std::string& found) {
  return fail(
      ErrorCode::kStale,
      "the signer has forgotten what it cosigned: " + found +
          ". An old copy of the folder enclave/ was put back, and with it the witness could "
          "cosign two histories of one log. Put back its newest copy; when there is none, "
          "never use this witness's key again: make a new witness with a new name and key "
          "(`witan witness init`) and tell the logs");
}

tl::unexpected<Error> old_store(const std::string& found) {
  return fail(ErrorCode::kStale,
              "the store has forgotten what the signer cosigned: " + found +
                  ". An old copy of the folder data/ was put back. Put back its newest copy; when "
                  "there is none, look through the logs (`witan witness list`), since newer "
                  "changes to them are lost too, and run once with --accept-old-data: the signer's "
                  "marks still hold, and the lost checkpoints are served again as logs send new "
                  "ones");
}

std::string differing_sizes(const std::string& origin, const CosignMark& kept,
                            const std::optional<CosignMark>& mark) {
  if (mark && mark->size == kept.size) {
    return origin + " has another root in the store than with the signer at size " +
           std::to_string(kept.size.value);
  }
  return origin + " has size " + std::to_string(kept.size.value) + " in the store and " +
         (mark ? "size " + std::to_string(mark->size.value) : std::string("none")) +
         " with the signer";
}

}  // namespace

Result<void> WitnessService::check_against_signer(bool accept_old_data) {
  // A crash may have come between the signer's last commit and the store's.
  const auto stored = store_.put_cosigned(identity_.last);
  if (!stored &&
      (stored.error().code == ErrorCode::kStale || stored.error().code == ErrorCode::kConflict)) {
    return old_signer(stored.error().message);
  }
  WITAN_TRY(stored);

  std::vector<StoredCheckpoint> kept;
  WITAN_TRY(store_.each_checkpoint([&](StoredCheckpoint&& checkpoint) {
    checkpoint.note.clear();
    kept.push_back(std::move(checkpoint));
    return true;
  }));
  std::vector<StoredCheckpoint> lost;
  for (StoredCheckpoint& checkpoint : kept) {
    metrics_.cosigned(checkpoint.origin, checkpoint.time_s, false);
    WITAN_ASSIGN(const auto mark, cosigner_.mark(checkpoint.origin));
    if (mark == checkpoint.mark) continue;
    if (!mark || mark->size <= checkpoint.mark.size) {
      return old_signer(differing_sizes(checkpoint.origin, checkpoint.mark, mark));
    }
    if (!accept_old_data)
      return old_store(differing_sizes(checkpoint.origin, checkpoint.mark, mark));
    checkpoint.mark = *mark;
    lost.push_back(std::move(checkpoint));
  }

  WITAN_ASSIGN(const auto counts, store_.counts());
  if (identity_.marks < counts.checkpoints) {
    return old_signer("it has marks of " + std::to_string(identity_.marks) +
                      " logs, the store has checkpoints of " + std::to_string(counts.checkpoints));
  }
  const std::uint64_t unlisted = identity_.marks - counts.checkpoints;
  if (unlisted > counts.unlisted && !accept_old_data) {
    return old_store("it has marks of " + std::to_string(identity_.marks) +
                     " logs, the store has checkpoints of " + std::to_string(counts.checkpoints));
  }
  if (lost.empty() && unlisted == counts.unlisted) return {};
  if (accept_old_data) {
    log_warning("going on with an old copy of the store",
                {{"checkpoints_lost", lost.size()}, {"logs_lost", unlisted}});
  }
  return store_.put_marks(lost, unlisted);
}

}  // namespace witan
