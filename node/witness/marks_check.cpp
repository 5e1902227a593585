#include "node/witness/marks_check.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/encoding.h"
#include "node/log.h"

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

// The signer's marks in the order of their hashes, and which of them the store has, too.
class SignerMarks {
 public:
  explicit SignerMarks(std::vector<OriginMark> marks) : marks_(std::move(marks)) {
    std::sort(marks_.begin(), marks_.end(), [](const OriginMark& a, const OriginMark& b) {
      return a.origin_hash < b.origin_hash;
    });
    stored_.resize(marks_.size());
  }

  // Once for each origin of the store.
  const CosignMark* take(const Hash32& origin_hash) {
    const auto at = std::lower_bound(
        marks_.begin(), marks_.end(), origin_hash,
        [](const OriginMark& mark, const Hash32& wanted) { return mark.origin_hash < wanted; });
    if (at == marks_.end() || at->origin_hash != origin_hash) return nullptr;
    stored_[static_cast<std::size_t>(at - marks_.begin())] = true;
    return &at->mark;
  }
  // Those that were not taken.
  [[nodiscard]] std::vector<OriginMark> rest() const {
    std::vector<OriginMark> out;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
      if (!stored_[i]) out.push_back(marks_[i]);
    }
    return out;
  }

 private:
  std::vector<OriginMark> marks_;
  std::vector<bool> stored_;
};

std::string differing_sizes(const std::string& origin, const CosignMark& kept,
                            const CosignMark* mark) {
  if (mark != nullptr && mark->size == kept.size) {
    return origin + " has another root in the store than with the signer at size " +
           std::to_string(kept.size.value);
  }
  return origin + " has size " + std::to_string(kept.size.value) + " in the store and " +
         (mark != nullptr ? "size " + std::to_string(mark->size.value) : std::string("none")) +
         " with the signer";
}

// What the store lacks: newer marks of its rows, and rows.
struct Lacking {
  std::vector<OriginMark> older;
  std::vector<OriginMark> missing;
  std::string example;
};

// kStale when the store has what the signer has not.
Result<Lacking> compare_marks(WitnessStore& store, SignerMarks marks, const SeenMark& seen) {
  Lacking out;
  std::string ahead;
  WITAN_TRY(
      store.each_mark([&](const OriginMark& kept, const std::string& origin, std::uint64_t time_s) {
        if (seen && !origin.empty()) seen(origin, time_s);
        const CosignMark* const mark = marks.take(kept.origin_hash);
        if (mark != nullptr && *mark == kept.mark) return true;
        const std::string name =
            origin.empty() ? "a log (SHA-256 " + hex_encode(kept.origin_hash) + ")" : origin;
        if (mark == nullptr || mark->size <= kept.mark.size) {
          ahead = differing_sizes(name, kept.mark, mark);
          return false;
        }
        if (out.example.empty()) out.example = differing_sizes(name, kept.mark, mark);
        out.older.push_back({kept.origin_hash, *mark});
        return true;
      }));
  if (!ahead.empty()) return old_signer(ahead);
  out.missing = marks.rest();
  if (out.example.empty() && !out.missing.empty()) {
    out.example = "the signer has marks of " + std::to_string(out.missing.size()) +
                  " logs without a row in the store, the first of SHA-256 " +
                  hex_encode(out.missing.front().origin_hash) + " at size " +
                  std::to_string(out.missing.front().mark.size.value);
  }
  return out;
}

// A crash loses no log: one that was cosigned and is not known was lost with a newer copy.
Result<void> check_logs_known(WitnessStore& store, const std::vector<Cosigned>& cosigned) {
  for (const Cosigned& one : cosigned) {
    WITAN_ASSIGN(const auto log, store.find_log(one.origin));
    if (!log) return old_store("it does not know the log " + one.origin + ", which was cosigned");
  }
  return {};
}

}  // namespace

Result<void> check_signer_knows(WitnessStore& store, Cosigner& cosigner) {
  WITAN_ASSIGN(std::vector<OriginMark> marks, all_marks(cosigner));
  WITAN_TRY(compare_marks(store, SignerMarks(std::move(marks)), {}));
  return {};
}

Result<void> check_marks(WitnessStore& store, Cosigner& cosigner, bool accept_old_data,
                         const SeenMark& seen) {
  WITAN_ASSIGN(const CosignerState state, cosigner.cosigner_state());
  // First: what an old copy has cosigned since must not be stored, or the newest would not fit.
  WITAN_TRY(check_signer_knows(store, cosigner));
  if (!accept_old_data) WITAN_TRY(check_logs_known(store, state.last));
  // A crash may have come between the signer's last commits and the store's.
  const auto stored = store.put_cosigned(state.last);
  if (!stored &&
      (stored.error().code == ErrorCode::kStale || stored.error().code == ErrorCode::kConflict)) {
    return old_signer(stored.error().message);
  }
  WITAN_TRY(stored);
  WITAN_ASSIGN(std::vector<OriginMark> marks, all_marks(cosigner));
  WITAN_ASSIGN(Lacking lacking, compare_marks(store, SignerMarks(std::move(marks)), seen));
  if (lacking.older.empty() && lacking.missing.empty()) return {};
  if (!accept_old_data) return old_store(lacking.example);
  log_warning("going on with an old copy of the store",
              {{"checkpoints_lost", lacking.older.size()}, {"logs_lost", lacking.missing.size()}});
  std::vector<OriginMark> accepted = std::move(lacking.older);
  accepted.insert(accepted.end(), lacking.missing.begin(), lacking.missing.end());
  return store.put_marks(accepted);
}

}  // namespace witan
