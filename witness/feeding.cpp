#include "witness/feeding.h"

#include <array>
#include <utility>

#include "config/feed_limits.h"
#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/note.h"
#include "ledger/tree/proof.h"

namespace witan {
namespace {

constexpr std::array<std::string_view, kFeedOutcomes> kFeedOutcomeNames = {
    "cosigned",  "unchanged",   "shrunk",  "forked",     "bad-tile",    "bad-signature",
    "malformed", "unreachable", "refused", "over-quota", "unavailable", "unknown-log"};
constexpr std::size_t kTileHashBytes = 32;
constexpr unsigned kStatusOk = 200, kStatusNotFound = 404, kStatusGone = 410;
constexpr unsigned kStatusTooMany = 429, kStatusServer = 500;

FeedStep feed_done(FeedOutcome outcome, std::string message) {
  return FeedDone{outcome, std::move(message), {}, false};
}

// Stands for a tile that is not there yet, while it is found out which are needed.
const std::shared_ptr<const ExpandedTile>& placeholder_tile() {
  static const auto tile = std::make_shared<const ExpandedTile>(
      ExpandedTile::from(Bytes(kTileWidth * kTileHashBytes, 0)).value());
  return tile;
}

// Whether one of the keys signed the note.
Result<void> signed_by_log(const Note& note, const std::vector<VerifierKey>& keys) {
  if (const std::string why = why_unusable(keys); !why.empty()) {
    return fail(ErrorCode::kUnsupported, why);
  }
  for (const VerifierKey& key : keys) {
    if (signs_as_log(key) && verify_note(note, key)) return {};
  }
  return fail(ErrorCode::kBadSignature, "its checkpoint has no valid signature by a known key");
}

std::string size_and_root(TreeSize size, const Hash32& root) {
  return "size " + std::to_string(size.value) + " with the root " + base64_encode(root);
}

}  // namespace

std::string_view to_string(FeedOutcome outcome) {
  return kFeedOutcomeNames.at(static_cast<std::size_t>(outcome));
}

FeedStep FeedReading::begin() {
  return FeedFetch{target_.layout == FeedLayout::kSumdb ? "/latest" : "/checkpoint",
                   limits::kNoteBytesMax};
}

FeedStep FeedReading::fetched(const Result<FeedBody>& body) {
  const std::string what = asked_ ? path_of(*asked_, asked_full_) : "the checkpoint";
  if (!body) {
    const ErrorCode code = body.error().code;
    const bool odd = code == ErrorCode::kTooLarge || code == ErrorCode::kMalformed;
    return FeedDone{
        odd ? FeedOutcome::kMalformed : FeedOutcome::kUnreachable, body.error().message, {}, !odd};
  }
  const unsigned status = body->status;
  if (asked_ && !asked_full_ && (status == kStatusNotFound || status == kStatusGone) &&
      tile_width(*asked_, checkpoint_.size) < kTileWidth) {
    // A server may have dropped a partial tile once the full one is there.
    return fetch(*asked_, true);
  }
  if (status != kStatusOk) {
    return FeedDone{FeedOutcome::kUnreachable,
                    what + ": expected HTTP status 200, found " + std::to_string(status) +
                        (status / 100 == 3 ? " (redirections are not followed)" : ""),
                    body->retry_after, status == kStatusTooMany || status >= kStatusServer};
  }
  return asked_ ? take_tile(*body) : take_checkpoint(body->body);
}

FeedStep FeedReading::take_checkpoint(const Bytes& body) {
  note_ = as_text(body);
  const auto note = Note::parse(note_);
  if (!note) return feed_done(FeedOutcome::kMalformed, note.error().message);
  auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint) return feed_done(FeedOutcome::kMalformed, checkpoint.error().message);
  if (checkpoint->origin != target_.origin) {
    return feed_done(FeedOutcome::kMalformed, "expected a checkpoint of this log, found one of \"" +
                                                  checkpoint->origin + "\"");
  }
  if (checkpoint->size.value > limits::kTreeSizeMax) {
    return feed_done(FeedOutcome::kMalformed, "its checkpoint's size is above 2^62");
  }
  // Before anything is said of the log: whoever answers for it need not be it.
  if (const auto known = signed_by_log(*note, target_.keys); !known) {
    return feed_done(FeedOutcome::kBadSignature, known.error().message);
  }
  checkpoint_ = std::move(*checkpoint);
  return compare();
}

FeedStep FeedReading::compare() {
  if (!target_.mark) return FeedSubmit{{0, {}, note_}};
  const CosignMark& mark = *target_.mark;
  if (checkpoint_.size < mark.size) {
    return feed_done(FeedOutcome::kShrunk,
                     "it serves a signed checkpoint of size " +
                         std::to_string(checkpoint_.size.value) + ", and size " +
                         std::to_string(mark.size.value) +
                         " was cosigned: the log went back, or its server has an old copy");
  }
  if (checkpoint_.size == mark.size) {
    if (checkpoint_.root == mark.root) return feed_done(FeedOutcome::kUnchanged, "");
    return feed_done(FeedOutcome::kForked,
                     "it signed " + size_and_root(checkpoint_.size, checkpoint_.root) +
                         ", and the root " + base64_encode(mark.root) + " was cosigned");
  }
  if (mark.size.value == 0) return FeedSubmit{{0, {}, note_}};
  return prove();
}

NodeReader FeedReading::reader(std::set<TileId>* missing) {
  return nodes_from_tiles(
      [this, missing](TileId tile) -> Result<std::shared_ptr<const ExpandedTile>> {
        const auto found = tiles_.find(tile);
        if (found != tiles_.end()) return found->second;
        if (missing == nullptr) return fail(ErrorCode::kNotFound, path_of(tile, false));
        missing->insert(tile);
        return placeholder_tile();
      });
}

FeedStep FeedReading::prove() {
  std::set<TileId> missing;
  const TreeSize from = target_.mark->size;
  auto proof = consistency_proof(from, checkpoint_.size, reader(&missing));
  if (!proof) return feed_done(FeedOutcome::kBadTile, proof.error().message);
  if (!missing.empty()) return fetch(*missing.begin(), false);
  const bool proves =
      verify_consistency(from, checkpoint_.size, *proof, target_.mark->root, checkpoint_.root)
          .has_value();
  if (proves) return FeedSubmit{{from.value, std::move(*proof), note_}};
  diagnosing_ = true;
  return diagnose();
}

std::set<TileId> FeedReading::missing_parents() const {
  std::set<TileId> out;
  for (const auto& [tile, expanded] : tiles_) {
    const TileId parent{tile.level + 1, tile.index / kTileWidth};
    if (parent.level >= kTileLevels || expanded->width() < kTileWidth) continue;
    if (tile_width(parent, checkpoint_.size) > tile.index % kTileWidth &&
        tiles_.find(parent) == tiles_.end()) {
      out.insert(parent);
    }
  }
  return out;
}

FeedStep FeedReading::diagnose() {
  std::set<TileId> missing;
  for (const TreeSize size : {target_.mark->size, checkpoint_.size}) {
    if (const auto root = tree_root(size, reader(&missing)); !root) {
      return feed_done(FeedOutcome::kBadTile, root.error().message);
    }
  }
  missing.merge(missing_parents());
  if (missing.empty()) return judge_tiles();
  return fetch(*missing.begin(), false);
}

FeedStep FeedReading::judge_tiles() {
  for (const auto& [tile, expanded] : tiles_) {
    const TileId parent{tile.level + 1, tile.index / kTileWidth};
    const auto above = tiles_.find(parent);
    if (expanded->width() < kTileWidth || above == tiles_.end()) continue;
    const auto place = static_cast<std::uint32_t>(tile.index % kTileWidth);
    if (place >= above->second->width()) continue;
    if (expanded->node(kTileHeight, 0) != above->second->node(0, place)) {
      return feed_done(FeedOutcome::kBadTile, path_of(tile, false) +
                                                  " does not have the hash that " +
                                                  path_of(parent, false) + " gives it");
    }
  }
  const auto root = tree_root(checkpoint_.size, reader(nullptr));
  if (!root || *root != checkpoint_.root) {
    return feed_done(FeedOutcome::kBadTile,
                     "the tiles at its right edge do not lead to the root of its signed checkpoint "
                     "of size " +
                         std::to_string(checkpoint_.size.value));
  }
  // Now every hash in hand is one of the tree that the log signed.
  const auto old_root = tree_root(target_.mark->size, reader(nullptr));
  if (old_root && *old_root != target_.mark->root) {
    return feed_done(FeedOutcome::kForked,
                     "it signed " + size_and_root(checkpoint_.size, checkpoint_.root) +
                         ", in which the first " + std::to_string(target_.mark->size.value) +
                         " entries have the root " + base64_encode(*old_root) + ", and the root " +
                         base64_encode(target_.mark->root) + " was cosigned");
  }
  return feed_done(FeedOutcome::kBadTile, "its tiles give no proof that the log grew");
}

std::string FeedReading::path_of(TileId tile, bool full) const {
  const std::uint32_t width = full ? kTileWidth : tile_width(tile, checkpoint_.size);
  std::string path = tile_path({TileKind::kHashes, tile, width});
  if (target_.layout == FeedLayout::kSumdb) path.insert(path.find('/') + 1, "8/");
  return path;
}

FeedStep FeedReading::fetch(TileId tile, bool full) {
  if (tiles_.size() == limits::kFeedTilesMax) {
    return feed_done(FeedOutcome::kBadTile, "its proof takes more tiles than a proof can");
  }
  asked_ = tile;
  asked_full_ = full;
  const std::uint32_t width = full ? kTileWidth : tile_width(tile, checkpoint_.size);
  return FeedFetch{"/" + path_of(tile, full), width * kTileHashBytes};
}

FeedStep FeedReading::take_tile(const FeedBody& body) {
  const std::uint32_t width = tile_width(*asked_, checkpoint_.size);
  const std::size_t expected = (asked_full_ ? kTileWidth : width) * kTileHashBytes;
  if (body.body.size() != expected) {
    return feed_done(FeedOutcome::kBadTile, path_of(*asked_, asked_full_) + " has " +
                                                std::to_string(body.body.size()) +
                                                " bytes, expected " + std::to_string(expected));
  }
  // Only as wide as the signed tree has it: of what is beyond, nothing is known.
  auto tile = ExpandedTile::from(BytesView(body.body).first(width * kTileHashBytes));
  if (!tile) return feed_done(FeedOutcome::kBadTile, tile.error().message);
  tiles_[*asked_] = std::make_shared<const ExpandedTile>(std::move(*tile));
  asked_.reset();
  return diagnosing_ ? diagnose() : prove();
}

FeedStep FeedReading::answered(const std::optional<CosignError>& refusal,
                               std::chrono::seconds retry_after) {
  if (!refusal) {
    return feed_done(FeedOutcome::kCosigned, "size " + std::to_string(checkpoint_.size.value));
  }
  FeedDone done{FeedOutcome::kRefused, refusal->message, retry_after, false};
  switch (refusal->refusal) {
    case CosignRefusal::kConflict:
      // Somebody pushed it meanwhile, or more.
      if (refusal->size >= checkpoint_.size.value) done.outcome = FeedOutcome::kUnchanged;
      break;
    case CosignRefusal::kOverQuota:
      done.outcome = FeedOutcome::kOverQuota;
      break;
    case CosignRefusal::kUnavailable:
      done.outcome = FeedOutcome::kUnavailable;
      break;
    case CosignRefusal::kUnknownLog:
      done.outcome = FeedOutcome::kUnknownLog;
      break;
    default:
      break;
  }
  return done;
}

}  // namespace witan
