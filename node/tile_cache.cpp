#include "node/tile_cache.h"

namespace witan {

Result<std::shared_ptr<const ExpandedTile>> TileCache::get(ReadView& view, TileId tile,
                                                           TreeSize size) {
  const std::uint32_t width = tile_width(tile, size);
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(tile);
    if (found != kept_.end() && found->second.tile->width() >= width) {
      by_age_.splice(by_age_.begin(), by_age_, found->second.age);
      return found->second.tile;
    }
  }
  WITAN_ASSIGN(const BytesView hashes, view.tile(tile, width));
  WITAN_ASSIGN(auto expanded, ExpandedTile::from(hashes));
  auto made = std::make_shared<const ExpandedTile>(std::move(expanded));

  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(tile);
  if (found != kept_.end()) {
    if (found->second.tile->width() < made->width()) found->second.tile = made;
    by_age_.splice(by_age_.begin(), by_age_, found->second.age);
    return made;
  }
  if (kept_.size() >= tiles_max_) {
    kept_.erase(by_age_.back());
    by_age_.pop_back();
  }
  by_age_.push_front(tile);
  kept_.emplace(tile, Kept{made, by_age_.begin()});
  return made;
}

NodeReader nodes_of(ReadView& view, TileCache& cache, TreeSize size) {
  return nodes_from_tiles(
      [&view, &cache, size](TileId tile) { return cache.get(view, tile, size); });
}

}  // namespace witan
