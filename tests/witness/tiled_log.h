#pragma once
// A log that shows checkpoints and tiles, as a witness reads it; and one that lies.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/feed_limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/tree/tile.h"
#include "tests/witness/cosign_world.h"
#include "witness/feeding.h"

namespace witan::test {

class TiledLog {
 public:
  // Its first `same` leaves are those of every other such log; the others follow from `salt`.
  explicit TiledLog(std::size_t size, std::size_t same = 0, std::uint8_t salt = 0) {
    std::vector<Hash32> row;
    for (std::size_t i = 0; i < size; ++i) {
      Bytes entry = {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8),
                     static_cast<std::uint8_t>(i >> 16)};
      entry.push_back(i >= same ? salt : 0);
      row.push_back(leaf_hash(entry));
    }
    while (!row.empty()) {
      rows_.push_back(row);
      std::vector<Hash32> above;
      for (std::size_t i = 0; i + 1 < row.size(); i += 2) {
        above.push_back(node_hash(row[i], row[i + 1]));
      }
      row = std::move(above);
    }
  }

  [[nodiscard]] Hash32 root(std::size_t size) const {
    return tree_root(TreeSize{size},
                     [this](NodeId node) -> Result<Hash32> {
                       return rows_.at(node.level).at(node.index);
                     })
        .value();
  }
  [[nodiscard]] CosignMark mark(std::size_t size) const { return {TreeSize{size}, root(size)}; }
  [[nodiscard]] std::string checkpoint(std::size_t size) const {
    const std::string text = Checkpoint{origin, TreeSize{size}, root(size), {}}.text();
    return Note{text, {sign_as_log(key, text)}}.encode();
  }
  [[nodiscard]] FeedTarget target(std::optional<CosignMark> mark,
                                  FeedLayout layout = FeedLayout::kTiles) const {
    return {origin, {key.vkey}, layout, mark};
  }

  // What its server answers at that size.
  [[nodiscard]] FeedBody get(const std::string& asked, std::size_t size) const {
    if (asked == "/checkpoint" || asked == "/latest") return body(checkpoint(size));
    std::string path = asked.substr(1);
    if (path.starts_with("tile/8/")) path.erase(5, 2);
    const auto tile = parse_tile_path(path);
    if (!tile || tile_width(tile->tile, TreeSize{size}) < tile->width) return FeedBody{404, {}, {}};
    Bytes out;
    for (std::uint32_t i = 0; i < tile->width; ++i) {
      append(out, rows_.at(tile->tile.level * kTileHeight).at(tile->tile.index * kTileWidth + i));
    }
    return FeedBody{200, std::move(out), {}};
  }
  [[nodiscard]] static FeedBody body(const std::string& text) {
    return FeedBody{200, to_bytes(as_bytes(text)), {}};
  }

  std::string origin = "tiled.example/log";
  CosignKey key = make_cosign_key("tiled.example/log");

 private:
  std::vector<std::vector<Hash32>> rows_;  // by height
};

// What a reading came to: its last step, and all that it asked for on the way.
struct ReadingResult {
  FeedStep step;
  std::vector<std::string> asked;

  [[nodiscard]] const AddCheckpointRequest* request() const {
    const auto* submit = std::get_if<FeedSubmit>(&step);
    return submit == nullptr ? nullptr : &submit->request;
  }
  [[nodiscard]] std::string outcome() const {
    const auto* done = std::get_if<FeedDone>(&step);
    return done == nullptr ? "submitted" : std::string(to_string(done->outcome));
  }
  [[nodiscard]] std::string message() const {
    const auto* done = std::get_if<FeedDone>(&step);
    return done == nullptr ? "" : done->message;
  }
};
using ServeFeed = std::function<Result<FeedBody>(const std::string& target)>;

inline ReadingResult read_log(FeedReading& reading, const ServeFeed& serve) {
  ReadingResult out{reading.begin(), {}};
  while (const auto* fetch = std::get_if<FeedFetch>(&out.step)) {
    out.asked.push_back(fetch->target);
    if (out.asked.size() > 2 * limits::kFeedTilesMax) throw std::runtime_error("asks for ever");
    out.step = reading.fetched(serve(out.asked.back()));
  }
  return out;
}
inline ReadingResult read_log(FeedTarget target, const ServeFeed& serve) {
  FeedReading reading(std::move(target));
  return read_log(reading, serve);
}

}  // namespace witan::test
