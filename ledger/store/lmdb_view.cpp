#include "ledger/store/lmdb_view.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ledger/store/layout.h"

namespace witan::store {

namespace {

tl::unexpected<Error> not_found(std::string what) {
  return fail(ErrorCode::kNotFound, "the store has no " + std::move(what));
}

// The position of `start` in its bundle, when the range is one.
Result<std::uint32_t> position_in_bundle(LeafIndex start, std::uint32_t count) {
  const auto position = static_cast<std::uint32_t>(start.value % kTileWidth);
  if (count == 0 || count > kTileWidth - position) {
    return fail(ErrorCode::kMalformed, "the range of " + std::to_string(count) + " leaves from " +
                                           std::to_string(start.value) +
                                           " is not within one bundle of " +
                                           std::to_string(kTileWidth));
  }
  return position;
}

Result<std::optional<PublishedHead>> to_head(Result<std::optional<Row>> row) {
  if (!row) return fail(std::move(row).error());
  if (!*row) return std::optional<PublishedHead>{};
  if ((*row)->key.size() != 8) {
    return fail(ErrorCode::kIo, "the store is damaged: a published head has a key of " +
                                    std::to_string((*row)->key.size()) + " bytes, expected 8");
  }
  return decode_head(TreeSize{decode64((*row)->key)}, (*row)->value);
}

}  // namespace

Result<std::optional<TreeHead>> read_register(MDB_txn* txn, const Tables& tables) {
  WITAN_ASSIGN(const auto value, get(txn, tables.meta, as_bytes(kDecidedKey)));
  if (!value) return std::optional<TreeHead>{};
  WITAN_ASSIGN(const TreeHead head, decode_register(*value));
  return std::optional<TreeHead>{head};
}

Result<TreeSize> newest_published_size(MDB_txn* txn, const Tables& tables) {
  WITAN_ASSIGN(const auto row, seek(txn, tables.heads, {}, MDB_LAST));
  return TreeSize{row && row->key.size() == 8 ? decode64(row->key) : 0};
}

Result<std::optional<TreeHead>> LmdbView::decided() {
  return read_register(txn_, tables_);
}

Result<std::optional<PublishedHead>> LmdbView::published() {
  WITAN_ASSIGN(auto head, to_head(seek(txn_, tables_.heads, {}, MDB_LAST)));
  if (!head) return std::optional<PublishedHead>{};
  WITAN_ASSIGN(const auto value, get(txn_, tables_.meta, as_bytes(kCheckpointKey)));
  // One of another size belongs to a head before it.
  if (value && value->size() >= 8 && decode64(*value) == head->head.head.size.value) {
    head->witnessed = std::string(as_text(value->subspan(8)));
  }
  return head;
}

Result<std::optional<PublishedHead>> LmdbView::head_covering(LeafIndex index) {
  return to_head(seek(txn_, tables_.heads, encode64(index.value + 1), MDB_SET_RANGE));
}

Result<std::optional<PublishedHead>> LmdbView::head_at(TreeSize size) {
  WITAN_ASSIGN(const auto value, get(txn_, tables_.heads, encode64(size.value)));
  if (!value) return std::optional<PublishedHead>{};
  WITAN_ASSIGN(PublishedHead head, decode_head(size, *value));
  return std::optional<PublishedHead>{std::move(head)};
}

Result<std::optional<LeafIndex>> LmdbView::find(const Hash32& entry) {
  WITAN_ASSIGN(const auto value, get(txn_, tables_.index, entry));
  if (!value) return std::optional<LeafIndex>{};
  if (value->size() != 8) {
    return fail(ErrorCode::kIo, "the store is damaged: an index row has " +
                                    std::to_string(value->size()) + " bytes, expected 8");
  }
  return std::optional<LeafIndex>{LeafIndex{decode64(*value)}};
}

Result<LmdbView::Leaves> LmdbView::leaves(std::uint64_t bundle, std::uint32_t count) {
  WITAN_ASSIGN(const auto value, get(txn_, tables_.leaves, encode64(bundle)));
  Leaves out;
  if (value) {
    out.record = *value;
    out.width = static_cast<std::uint32_t>(value->size() / kLeafRecordBytes);
  }
  if (out.width == 0 || out.width < count) {
    return not_found("first " + std::to_string(count) + " leaves of bundle " +
                     std::to_string(bundle) + ": it has " + std::to_string(out.width));
  }
  return out;
}

Result<Hash32> LmdbView::entry(LeafIndex index) {
  WITAN_ASSIGN(const BytesView bytes, entries(index, 1));
  Hash32 out{};
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return out;
}

Result<BytesView> LmdbView::entries(LeafIndex start, std::uint32_t count) {
  WITAN_ASSIGN(const std::uint32_t position, position_in_bundle(start, count));
  WITAN_ASSIGN(const Leaves row, leaves(start.value / kTileWidth, position + count));
  return row.record.subspan(position * kHashBytes, count * kHashBytes);
}

Result<BytesView> LmdbView::tile(TileId tile, std::uint32_t count) {
  if (tile.level == 0) {
    WITAN_ASSIGN(const Leaves row, leaves(tile.index, count));
    return row.record.subspan(row.width * kHashBytes, count * kHashBytes);
  }
  const std::string name = "tile " + std::to_string(tile.level) + "/" + std::to_string(tile.index);
  if (tile.level >= kTileLevels) return not_found(name);
  WITAN_ASSIGN(const auto value, get(txn_, tables_.tiles, tile_key(tile)));
  const std::size_t width = value ? value->size() / kHashBytes : 0;
  if (width < count || width == 0) {
    return not_found(name + " of width " + std::to_string(count) + ": it has " +
                     std::to_string(width) + " hashes");
  }
  return value->first(count * kHashBytes);
}

Result<BytesView> LmdbView::pending_row(std::uint64_t index) {
  WITAN_ASSIGN(const auto row, get(txn_, tables_.pending, encode64(index)));
  if (!row) return not_found("statement " + std::to_string(index));
  return *row;
}

Result<BytesView> LmdbView::statement(LeafIndex index) {
  WITAN_ASSIGN(const auto rows, statement_bundle(index, 1));
  return row_statement(rows.front());
}

Result<std::vector<BytesView>> LmdbView::statement_bundle(LeafIndex start, std::uint32_t count) {
  WITAN_ASSIGN(const std::uint32_t position, position_in_bundle(start, count));
  WITAN_ASSIGN(const auto packed, get(txn_, tables_.bundles, encode64(start.value / kTileWidth)));
  std::vector<BytesView> pieces;
  if (packed) {
    WITAN_ASSIGN(const BytesView range, packed_range(*packed, position, count));
    pieces.push_back(range);
    return pieces;
  }
  pieces.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    WITAN_ASSIGN(const BytesView row, pending_row(start.value + i));
    pieces.push_back(row);
  }
  return pieces;
}

Result<std::vector<LeafIndex>> LmdbView::own_statements() {
  WITAN_ASSIGN(const auto value, get(txn_, tables_.meta, as_bytes(kOwnKey)));
  std::vector<LeafIndex> out;
  for (BytesView rest = value.value_or(BytesView()); rest.size() >= 8; rest = rest.subspan(8)) {
    out.push_back(LeafIndex{decode64(rest)});
  }
  return out;
}

Result<std::optional<Bytes>> LmdbView::meta(std::string_view name) {
  const std::string key = std::string(kNamedPrefix) + std::string(name);
  WITAN_ASSIGN(const auto value, get(txn_, tables_.meta, as_bytes(key)));
  if (!value) return std::optional<Bytes>{};
  return std::optional<Bytes>{to_bytes(*value)};
}

}  // namespace witan::store
