#pragma once
// One reading of a log that does not push: its checkpoint, the tiles that the consistency proof
// needs, and the request that a witness then judges as any other. A step function without I/O: the
// caller fetches what it asks for and gives back what came.
// Sources: C2SP tlog-tiles; tlog-witness, "add-checkpoint"; the paths of Go's checksum database.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/checkpoint.h"
#include "ledger/tree/tile.h"
#include "witness/cosigning.h"
#include "witness/log_list.h"

namespace witan {

// What is known of a log before it is read.
struct FeedTarget {
  std::string origin;
  std::vector<VerifierKey> keys;
  FeedLayout layout = FeedLayout::kTiles;
  std::optional<CosignMark> mark;  // the newest that was cosigned
};

enum class FeedOutcome {
  kCosigned,
  kUnchanged,     // the log stands where it stood
  kShrunk,        // a signed checkpoint smaller than one that was cosigned: the log, or an old copy
  kForked,        // a signed checkpoint of another history than the one that was cosigned
  kBadTile,       // tiles that do not belong to the signed checkpoint
  kBadSignature,  // no signature by a key that is known
  kMalformed,     // not a checkpoint of that log, or a body that is too large
  kUnreachable,   // no answer, or another HTTP status than 200
  kRefused,       // by the witness: the reason says why
  kOverQuota,     // the log's quota at the witness is used up
  kUnavailable,   // the witness cannot cosign at the moment
  kUnknownLog,    // disabled, or removed
};
inline constexpr std::size_t kFeedOutcomes = 12;
// Short, stable, for metrics and logs: "cosigned", "bad-tile", ...
[[nodiscard]] std::string_view to_string(FeedOutcome outcome);

struct FeedFetch {
  std::string target;         // to be put after the log's URL
  std::size_t bytes_max = 0;  // a larger body is not the one
};
struct FeedSubmit {
  AddCheckpointRequest request;
};
struct FeedDone {
  FeedOutcome outcome = FeedOutcome::kUnreachable;
  std::string message;                  // for humans
  std::chrono::seconds retry_after{0};  // as the server or the witness asks; 0: it does not
  bool host_fails = false;              // no use to ask the same host for other logs at once
};
using FeedStep = std::variant<FeedFetch, FeedSubmit, FeedDone>;

struct FeedBody {
  unsigned status = 0;
  Bytes body;
  std::chrono::seconds retry_after{0};
};

// Not for several threads at once. After FeedDone nothing more may be given to it.
class FeedReading {
 public:
  explicit FeedReading(FeedTarget target) : target_(std::move(target)) {}

  [[nodiscard]] FeedStep begin();
  // What came for the last FeedFetch; or why nothing did.
  [[nodiscard]] FeedStep fetched(const Result<FeedBody>& body);
  // What became of the FeedSubmit: nothing where it was cosigned.
  [[nodiscard]] FeedStep answered(const std::optional<CosignError>& refusal,
                                  std::chrono::seconds retry_after = {});

 private:
  using Tiles = std::map<TileId, std::shared_ptr<const ExpandedTile>>;

  FeedStep take_checkpoint(const Bytes& body);
  FeedStep take_tile(const FeedBody& body);
  // What follows from a verified checkpoint.
  FeedStep compare();
  // The next tile that is missing, or the proof from them.
  FeedStep prove();
  // Tells a fork from a wrong tile, when the tiles gave no proof.
  FeedStep diagnose();
  FeedStep judge_tiles();
  FeedStep fetch(TileId tile, bool full);
  [[nodiscard]] NodeReader reader(std::set<TileId>* missing);
  // Tiles above the ones in hand.
  [[nodiscard]] std::set<TileId> missing_parents() const;
  // A path of the log's layout, as messages and requests name it.
  [[nodiscard]] std::string path_of(TileId tile, bool full) const;

  FeedTarget target_;
  Checkpoint checkpoint_;
  std::string note_;
  bool diagnosing_ = false;
  Tiles tiles_;
  std::optional<TileId> asked_;  // the tile of the last FeedFetch
  bool asked_full_ = false;      // although the tree has it partial only
};

}  // namespace witan
