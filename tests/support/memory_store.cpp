#include "tests/support/memory_store.h"

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <shared_mutex>
#include <utility>

#include "ledger/crypto/sha256.h"

namespace witan::test {

// Grows only, and deques keep their elements in place, so that views may point into it.
struct MemoryState {
  std::shared_mutex mutex;  // guards all below
  std::optional<TreeHead> decided;
  std::deque<PublishedHead> heads;
  std::map<Hash32, std::uint64_t> index;
  std::deque<Bytes> rows;     // each statement after its length
  std::deque<Bytes> entries;  // by bundle
  std::array<std::deque<Bytes>, kTileLevels> tiles;
  std::deque<LeafIndex> own;
  std::map<std::string, Bytes, std::less<>> meta;
};

namespace {

constexpr std::size_t kTileBytes = std::size_t{kTileWidth} * 32;

// Adds 32 bytes at the end of a row of tiles; gives the tile when that filled it.
const Bytes* grow(std::deque<Bytes>& tiles, const Hash32& hash) {
  if (tiles.empty() || tiles.back().size() == kTileBytes) tiles.emplace_back().reserve(kTileBytes);
  append(tiles.back(), hash);
  return tiles.back().size() == kTileBytes ? &tiles.back() : nullptr;
}

Hash32 tile_root(const Bytes& tile) {
  std::vector<Hash32> hashes(kTileWidth);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    std::copy_n(tile.begin() + static_cast<std::ptrdiff_t>(32 * i), 32, hashes[i].begin());
  }
  while (hashes.size() > 1) {
    std::vector<Hash32> above;
    for (std::size_t i = 0; i < hashes.size(); i += 2) {
      above.push_back(node_hash(hashes[i], hashes[i + 1]));
    }
    hashes = std::move(above);
  }
  return hashes.front();
}

void append_entry(MemoryState& state, const Hash32& entry, BytesView row) {
  state.index.emplace(entry, state.rows.size());
  state.rows.push_back(to_bytes(row));
  grow(state.entries, entry);
  Hash32 hash = leaf_hash(entry);
  for (auto& level : state.tiles) {
    const Bytes* full = grow(level, hash);
    if (full == nullptr) return;
    hash = tile_root(*full);
  }
}

Bytes make_row(BytesView statement) {
  Bytes row;
  for (int shift = 24; shift >= 0; shift -= 8) {
    row.push_back(static_cast<std::uint8_t>(statement.size() >> shift));
  }
  append(row, statement);
  return row;
}

bool is_newest(const MemoryState& state, const PublishedHead& head) {
  return !state.heads.empty() && state.heads.back().head.head == head.head.head;
}

Result<void> check(const MemoryState& state, const StoreCommit& commit) {
  std::uint64_t last = state.heads.empty() ? 0 : state.heads.back().head.head.size.value;
  for (const PublishedHead& head : commit.publish) {
    const std::uint64_t size = head.head.head.size.value;
    if (&head == &commit.publish.front() && is_newest(state, head)) continue;
    if (size <= last || !state.decided || size > state.decided->size.value) {
      return fail(ErrorCode::kConflict, "a publication does not fit");
    }
    last = size;
  }
  if (!commit.decide) return {};
  const auto& decide = *commit.decide;
  if (state.decided != decide.expected) {
    return fail(ErrorCode::kConflict, "the head register holds another head");
  }
  if (decide.entries.empty() ||
      decide.next.size.value != state.rows.size() + decide.entries.size()) {
    return fail(ErrorCode::kConflict, "the sizes of a decision do not fit");
  }
  std::set<Hash32> seen;
  for (const BatchEntry& item : decide.entries) {
    if (state.index.contains(item.entry) || !seen.insert(item.entry).second) {
      return fail(ErrorCode::kConflict, "an entry stands in the log already");
    }
  }
  return {};
}

tl::unexpected<Error> not_found() {
  return fail(ErrorCode::kNotFound, "the store does not hold that");
}

class MemoryView final : public ReadView {
 public:
  explicit MemoryView(std::shared_ptr<MemoryState> state) : state_(std::move(state)) {
    const std::shared_lock lock(state_->mutex);
    decided_ = state_->decided;
    heads_ = state_->heads.size();
    meta_ = state_->meta;
  }

  Result<std::optional<TreeHead>> decided() override { return decided_; }
  Result<std::optional<PublishedHead>> published() override {
    return first_head(
        [&](const PublishedHead& head) { return &head == &state_->heads[heads_ - 1]; });
  }
  Result<std::optional<PublishedHead>> head_covering(LeafIndex index) override {
    return plain(
        first_head([&](const PublishedHead& head) { return index < head.head.head.size; }));
  }
  Result<std::optional<PublishedHead>> head_at(TreeSize size) override {
    return plain(
        first_head([&](const PublishedHead& head) { return head.head.head.size == size; }));
  }
  Result<std::optional<LeafIndex>> find(const Hash32& entry) override {
    const std::shared_lock lock(state_->mutex);
    const auto found = state_->index.find(entry);
    if (found == state_->index.end() || found->second >= size()) return std::optional<LeafIndex>{};
    return std::optional<LeafIndex>{LeafIndex{found->second}};
  }
  Result<Hash32> entry(LeafIndex index) override {
    WITAN_ASSIGN(const BytesView bytes, entries(index, 1));
    Hash32 out{};
    std::copy_n(bytes.begin(), 32, out.begin());
    return out;
  }
  Result<BytesView> statement(LeafIndex index) override {
    WITAN_ASSIGN(const auto rows, statement_bundle(index, 1));
    return rows.front().subspan(4);
  }
  Result<BytesView> tile(TileId tile, std::uint32_t count) override {
    const std::uint32_t width = tile.level < kTileLevels ? tile_width(tile, TreeSize{size()}) : 0;
    if (width < count || width == 0) return not_found();
    const std::shared_lock lock(state_->mutex);
    return BytesView(state_->tiles[tile.level][tile.index]).first(std::size_t{32} * count);
  }
  Result<BytesView> entries(LeafIndex start, std::uint32_t count) override {
    WITAN_TRY(check_range(start, count));
    const std::shared_lock lock(state_->mutex);
    return BytesView(state_->entries[start.value / kTileWidth])
        .subspan(32 * (start.value % kTileWidth), std::size_t{32} * count);
  }
  Result<std::vector<BytesView>> statement_bundle(LeafIndex start, std::uint32_t count) override {
    WITAN_TRY(check_range(start, count));
    const std::shared_lock lock(state_->mutex);
    std::vector<BytesView> pieces;
    for (std::uint32_t i = 0; i < count; ++i) pieces.emplace_back(state_->rows[start.value + i]);
    return pieces;
  }
  Result<std::vector<LeafIndex>> own_statements() override {
    const std::shared_lock lock(state_->mutex);
    std::vector<LeafIndex> out;
    for (const LeafIndex index : state_->own) {
      if (index.value < size()) out.push_back(index);
    }
    return out;
  }
  Result<std::optional<Bytes>> meta(std::string_view name) override {
    const auto found = meta_.find(name);
    if (found == meta_.end()) return std::optional<Bytes>{};
    return std::optional<Bytes>{found->second};
  }

 private:
  [[nodiscard]] std::uint64_t size() const { return decided_ ? decided_->size.value : 0; }

  [[nodiscard]] Result<void> check_range(LeafIndex start, std::uint32_t count) const {
    if (count == 0 || start.value % kTileWidth + count > kTileWidth) {
      return fail(ErrorCode::kMalformed, "the range is not within one bundle");
    }
    if (start.value >= size() || count > size() - start.value) return not_found();
    return {};
  }

  // Only published() gives the checkpoint with all cosignatures.
  static std::optional<PublishedHead> plain(std::optional<PublishedHead> head) {
    if (head) head->witnessed.clear();
    return head;
  }

  template <typename Matches>
  std::optional<PublishedHead> first_head(Matches matches) {
    const std::shared_lock lock(state_->mutex);
    for (std::size_t i = 0; i < heads_; ++i) {
      if (matches(state_->heads[i])) return state_->heads[i];
    }
    return std::nullopt;
  }

  std::shared_ptr<MemoryState> state_;
  std::optional<TreeHead> decided_;
  std::size_t heads_ = 0;
  std::map<std::string, Bytes, std::less<>> meta_;
};

}  // namespace

MemoryStore::MemoryStore() : state_(std::make_shared<MemoryState>()) {}

Result<void> MemoryStore::commit(const StoreCommit& commit) {
  const std::lock_guard guard(mutex_);
  const auto failure = std::exchange(failure_, std::nullopt);
  if (failure && !failure_applied_) return fail(*failure);
  {
    const std::unique_lock lock(state_->mutex);
    WITAN_TRY(check(*state_, commit));
    for (const PublishedHead& head : commit.publish) {
      if (is_newest(*state_, head)) state_->heads.pop_back();
      state_->heads.push_back(head);
    }
    if (commit.decide) {
      for (const BatchEntry& item : commit.decide->entries) {
        append_entry(*state_, item.entry, make_row(item.statement));
      }
      if (commit.decide->own) state_->own.push_back(*commit.decide->own);
      state_->decided = commit.decide->next;
    }
  }
  ++commits_;
  if (sync_) mark_durable();
  if (failure) return fail(*failure);
  return {};
}

Result<void> MemoryStore::put_meta(std::string_view name, BytesView value) {
  const std::lock_guard guard(mutex_);
  const auto failure = std::exchange(failure_, std::nullopt);
  if (failure && !failure_applied_) return fail(*failure);
  {
    const std::unique_lock lock(state_->mutex);
    state_->meta.insert_or_assign(std::string(name), to_bytes(value));
  }
  if (sync_) mark_durable();
  if (failure) return fail(*failure);
  return {};
}

Result<std::unique_ptr<ReadView>> MemoryStore::read() {
  const std::lock_guard guard(mutex_);
  return std::unique_ptr<ReadView>(std::make_unique<MemoryView>(state_));
}

StoreUsage MemoryStore::usage() {
  return {};
}

void MemoryStore::set_sync(bool sync) {
  const std::lock_guard guard(mutex_);
  sync_ = sync;
}

void MemoryStore::sync() {
  const std::lock_guard guard(mutex_);
  mark_durable();
}

void MemoryStore::mark_durable() {
  const std::shared_lock lock(state_->mutex);
  durable_.decided = state_->decided;
  durable_.heads = state_->heads.size();
  durable_.meta = state_->meta;
}

void MemoryStore::crash() {
  const std::lock_guard guard(mutex_);
  auto kept = std::make_shared<MemoryState>();
  std::shared_lock lock(state_->mutex);
  const std::size_t size = durable_.decided ? durable_.decided->size.value : 0;
  for (std::size_t i = 0; i < size; ++i) {
    Hash32 entry{};
    const Bytes& bundle = state_->entries[i / kTileWidth];
    std::copy_n(bundle.begin() + static_cast<std::ptrdiff_t>(i % kTileWidth * 32), 32,
                entry.begin());
    append_entry(*kept, entry, state_->rows[i]);
  }
  for (const LeafIndex index : state_->own) {
    if (index.value < size) kept->own.push_back(index);
  }
  for (std::size_t i = 0; i < durable_.heads; ++i) kept->heads.push_back(state_->heads[i]);
  kept->decided = durable_.decided;
  kept->meta = durable_.meta;
  // The views of before keep the old state alive; the lock on it ends before it may go.
  lock.unlock();
  state_ = std::move(kept);
  failure_.reset();
}

void MemoryStore::fail_next(Error error, bool applied) {
  const std::lock_guard guard(mutex_);
  failure_ = std::move(error);
  failure_applied_ = applied;
}

std::uint64_t MemoryStore::commits() const {
  const std::lock_guard guard(mutex_);
  return commits_;
}

}  // namespace witan::test
