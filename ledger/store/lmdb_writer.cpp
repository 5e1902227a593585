#include "ledger/store/lmdb_writer.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/store/layout.h"
#include "ledger/store/lmdb_view.h"

namespace witan::store {

namespace {

using Decide = StoreCommit::Decide;

std::string describe(const std::optional<TreeHead>& head) {
  if (!head) return "nothing";
  return "size " + std::to_string(head->size.value) + ", root " + hex_encode(head->root) +
         ", time " + std::to_string(head->time_ms);
}

// Of the newest published head.
Result<void> replace_checkpoint(MDB_txn* txn, const Tables& tables, const PublishedHead& head) {
  const TreeSize size = head.head.head.size;
  WITAN_ASSIGN(const auto found, get(txn, tables.heads, encode64(size.value)));
  if (!found) return fail(ErrorCode::kIo, "the store is damaged: its newest head is gone");
  WITAN_ASSIGN(const PublishedHead stored, decode_head(size, *found));
  if (stored.head.head != head.head.head) {
    return fail(ErrorCode::kConflict,
                "another head of size " + std::to_string(size.value) + " is published already");
  }
  return put(txn, tables.heads, encode64(size.value), encode_head(head));
}

Result<void> write_publications(MDB_txn* txn, const Tables& tables, const StoreCommit& commit,
                                const std::optional<TreeHead>& decided) {
  if (commit.publish.empty()) return {};
  WITAN_ASSIGN(TreeSize last, newest_published_size(txn, tables));
  bool replaced = false;
  for (const PublishedHead& head : commit.publish) {
    const TreeSize size = head.head.head.size;
    if (&head == &commit.publish.front() && size == last && last.value > 0) {
      WITAN_TRY(replace_checkpoint(txn, tables, head));
      replaced = true;
      continue;
    }
    if (size <= last || !decided || size > decided->size) {
      return fail(ErrorCode::kConflict, "a head of size " + std::to_string(size.value) +
                                            " cannot be published: the last published has size " +
                                            std::to_string(last.value) + ", decided is " +
                                            describe(decided));
    }
    WITAN_TRY(put(txn, tables.heads, encode64(size.value), encode_head(head), MDB_APPEND));
    last = size;
  }
  const std::string& witnessed = commit.publish.back().witnessed;
  if (witnessed.empty() && !replaced) return {};
  Bytes value = to_bytes(encode64(last.value));
  append(value, as_bytes(witnessed));
  return put(txn, tables.meta, as_bytes(kCheckpointKey), value);
}

Result<void> check_decision(const Decide& decide, const std::optional<TreeHead>& found) {
  if (found != decide.expected) {
    return fail(ErrorCode::kConflict, "the head register holds " + describe(found) + ", expected " +
                                          describe(decide.expected));
  }
  const std::uint64_t from = found ? found->size.value : 0;
  if (decide.entries.empty() || decide.next.size.value != from + decide.entries.size()) {
    return fail(ErrorCode::kConflict, "a decision of " + std::to_string(decide.entries.size()) +
                                          " entries after " + std::to_string(from) +
                                          " cannot lead to size " +
                                          std::to_string(decide.next.size.value));
  }
  return {};
}

Result<void> write_index(MDB_txn* txn, const Tables& tables, const Decide& decide,
                         std::uint64_t from) {
  for (std::size_t i = 0; i < decide.entries.size(); ++i) {
    const Hash32& entry = decide.entries[i].entry;
    auto done = put(txn, tables.index, entry, encode64(from + i), MDB_NOOVERWRITE);
    if (done) continue;
    if (done.error().code != ErrorCode::kConflict) return done;
    return fail(ErrorCode::kConflict, "the entry " + hex_encode(entry) +
                                          " stands in the log already or twice in its batch");
  }
  return {};
}

Hash32 fold(std::vector<Hash32> hashes) {
  for (std::size_t width = hashes.size(); width > 1; width /= 2) {
    for (std::size_t i = 0; i < width / 2; ++i) {
      hashes[i] = node_hash(hashes[2 * i], hashes[2 * i + 1]);
    }
  }
  return hashes.front();
}

// Adds one hash at the right edge of a level above the leaves; a tile that becomes full adds its
// root to the level above.
Result<void> grow_tiles(MDB_txn* txn, const Tables& tables, unsigned level, std::uint64_t position,
                        Hash32 hash) {
  for (; level < kTileLevels; ++level) {
    const Key9 key = tile_key(TileId{level, position / kTileWidth});
    WITAN_ASSIGN(const auto row, get(txn, tables.tiles, key));
    Bytes tile = row ? to_bytes(*row) : Bytes{};
    if (tile.size() != position % kTileWidth * kHashBytes) {
      return fail(ErrorCode::kIo, "the store is damaged: tile " + std::to_string(level) + "/" +
                                      std::to_string(position / kTileWidth) + " has " +
                                      std::to_string(tile.size()) + " bytes before hash " +
                                      std::to_string(position % kTileWidth));
    }
    append(tile, hash);
    WITAN_TRY(put(txn, tables.tiles, key, tile));
    position /= kTileWidth;
    if (tile.size() < kTileWidth * kHashBytes) return {};
    std::vector<Hash32> hashes(kTileWidth);
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      std::copy_n(tile.begin() + static_cast<std::ptrdiff_t>(i * kHashBytes), kHashBytes,
                  hashes[i].begin());
    }
    hash = fold(std::move(hashes));
  }
  return {};
}

// The part of a decision that falls into one bundle of 256 leaves.
struct Slice {
  std::uint64_t bundle = 0;
  std::uint32_t position = 0;  // in the bundle
  std::span<const BatchEntry> entries;
  [[nodiscard]] bool completes() const { return position + entries.size() == kTileWidth; }
  [[nodiscard]] std::uint64_t first() const { return bundle * kTileWidth + position; }
};

Result<void> write_leaves(MDB_txn* txn, const Tables& tables, const Slice& slice) {
  const Key8 key = encode64(slice.bundle);
  WITAN_ASSIGN(const auto row, get(txn, tables.leaves, key));
  const std::size_t before = row ? row->size() / kLeafRecordBytes : 0;
  if (before != slice.position) {
    return fail(ErrorCode::kIo, "the store is damaged: bundle " + std::to_string(slice.bundle) +
                                    " has " + std::to_string(before) + " leaves, expected " +
                                    std::to_string(slice.position));
  }
  Bytes record;
  record.reserve((before + slice.entries.size()) * kLeafRecordBytes);
  if (row) append(record, row->first(before * kHashBytes));
  for (const BatchEntry& item : slice.entries) append(record, item.entry);
  if (row) append(record, row->subspan(before * kHashBytes));
  std::vector<Hash32> hashes;
  for (const BatchEntry& item : slice.entries) {
    hashes.push_back(leaf_hash(item.entry));
    append(record, hashes.back());
  }
  WITAN_TRY(put(txn, tables.leaves, key, record, before == 0 ? unsigned{MDB_APPEND} : 0U));
  if (!slice.completes()) return {};
  std::vector<Hash32> all(kTileWidth);
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::copy_n(record.begin() + static_cast<std::ptrdiff_t>((kTileWidth + i) * kHashBytes),
                kHashBytes, all[i].begin());
  }
  return grow_tiles(txn, tables, 1, slice.bundle, fold(std::move(all)));
}

void append_row(Bytes& out, BytesView statement) {
  append(out, encode32(static_cast<std::uint32_t>(statement.size())));
  append(out, statement);
}

Result<void> write_pending(MDB_txn* txn, const Tables& tables, const Slice& slice) {
  Bytes row;
  for (std::size_t i = 0; i < slice.entries.size(); ++i) {
    row.clear();
    append_row(row, slice.entries[i].statement);
    WITAN_TRY(put(txn, tables.pending, encode64(slice.first() + i), row, MDB_APPEND));
  }
  return {};
}

// Moves the rows before the slice and the slice's statements into one value.
Result<void> write_packed(MDB_txn* txn, const Tables& tables, const Slice& slice,
                          std::span<const BytesView> rows, std::size_t served_bytes) {
  Bytes value;
  value.reserve(kOffsetTableBytes + served_bytes);
  std::uint32_t end = 0;
  for (const BytesView row : rows) {
    append(value, encode32(end += static_cast<std::uint32_t>(row.size())));
  }
  for (const BatchEntry& item : slice.entries) {
    end += static_cast<std::uint32_t>(kLengthBytes + item.statement.size());
    append(value, encode32(end));
  }
  for (const BytesView row : rows) append(value, row);
  for (const BatchEntry& item : slice.entries) append_row(value, item.statement);
  for (std::uint32_t i = 0; i < slice.position; ++i) {
    const Key8 key = encode64(slice.bundle * kTileWidth + i);
    // LMDB's keys are writable by their type only.
    MDB_val mdb_key{key.size(), const_cast<std::uint8_t*>(key.data())};  // NOLINT(*-const-cast)
    if (const int code = mdb_del(txn, tables.pending, &mdb_key, nullptr); code != 0) {
      return lmdb_error("cannot remove a packed statement", code);
    }
  }
  return put(txn, tables.bundles, encode64(slice.bundle), value, MDB_APPEND);
}

Result<void> write_statements(MDB_txn* txn, const Tables& tables, const Slice& slice) {
  if (!slice.completes()) return write_pending(txn, tables, slice);
  std::vector<BytesView> rows;
  std::size_t served_bytes = 0;
  for (std::uint32_t i = 0; i < slice.position; ++i) {
    WITAN_ASSIGN(const auto row, get(txn, tables.pending, encode64(slice.bundle * kTileWidth + i)));
    if (!row) {
      return fail(ErrorCode::kIo, "the store is damaged: statement " +
                                      std::to_string(slice.bundle * kTileWidth + i) +
                                      " is missing");
    }
    rows.push_back(*row);
    served_bytes += row->size();
  }
  for (const BatchEntry& item : slice.entries) served_bytes += kLengthBytes + item.statement.size();
  if (served_bytes > limits::kPackedBundleBytesMax) return write_pending(txn, tables, slice);
  return write_packed(txn, tables, slice, rows, served_bytes);
}

Result<void> write_own(MDB_txn* txn, const Tables& tables, LeafIndex own) {
  WITAN_ASSIGN(const auto before, get(txn, tables.meta, as_bytes(kOwnKey)));
  Bytes list = before ? to_bytes(*before) : Bytes{};
  append(list, encode64(own.value));
  return put(txn, tables.meta, as_bytes(kOwnKey), list);
}

Result<void> write_decision(MDB_txn* txn, const Tables& tables, const Decide& decide) {
  const std::uint64_t from = decide.expected ? decide.expected->size.value : 0;
  WITAN_TRY(write_index(txn, tables, decide, from));
  std::span<const BatchEntry> rest(decide.entries);
  for (std::uint64_t at = from; !rest.empty();) {
    Slice slice;
    slice.bundle = at / kTileWidth;
    slice.position = static_cast<std::uint32_t>(at % kTileWidth);
    slice.entries = rest.first(std::min<std::size_t>(rest.size(), kTileWidth - slice.position));
    WITAN_TRY(write_leaves(txn, tables, slice));
    WITAN_TRY(write_statements(txn, tables, slice));
    rest = rest.subspan(slice.entries.size());
    at += slice.entries.size();
  }
  if (decide.own) WITAN_TRY(write_own(txn, tables, *decide.own));
  return put(txn, tables.meta, as_bytes(kDecidedKey), encode_register(decide.next));
}

}  // namespace

Result<void> write_commit(MDB_txn* txn, const Tables& tables, const StoreCommit& commit) {
  WITAN_ASSIGN(const auto decided, read_register(txn, tables));
  WITAN_TRY(write_publications(txn, tables, commit, decided));
  if (!commit.decide) return {};
  WITAN_TRY(check_decision(*commit.decide, decided));
  return write_decision(txn, tables, *commit.decide);
}

}  // namespace witan::store
