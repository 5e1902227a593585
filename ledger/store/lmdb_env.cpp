#include "ledger/store/lmdb_env.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "ledger/store/layout.h"

namespace witan::store {

namespace {

constexpr std::size_t kMapBytesMin = std::size_t{1} << 20;

MDB_val val(BytesView bytes) {
  // Writable by its type only: LMDB reads what it is given.
  return {bytes.size(), const_cast<std::uint8_t*>(bytes.data())};  // NOLINT(*-const-cast)
}
BytesView view(const MDB_val& value) {
  return {static_cast<const std::uint8_t*>(value.mv_data), value.mv_size};
}

// One attempt with one map size. The handle is gone after a failure, as LMDB demands.
int open_with_map(const std::filesystem::path& folder, const LmdbOptions& options,
                  std::size_t map_bytes, Env& out) {
  MDB_env* raw = nullptr;
  if (const int code = mdb_env_create(&raw); code != 0) return code;
  Env env(raw);
  const unsigned readers = static_cast<unsigned>(options.readers_max) + 1;
  if (const int code = mdb_env_set_maxdbs(raw, 16); code != 0) return code;
  if (const int code = mdb_env_set_maxreaders(raw, readers); code != 0) return code;
  if (const int code = mdb_env_set_mapsize(raw, map_bytes); code != 0) return code;
  // NORDAHEAD: lookups by hash touch single pages; reading around them would evict others.
  const unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (options.sync ? 0U : unsigned{MDB_NOSYNC});
  if (const int code = mdb_env_open(raw, folder.c_str(), flags, 0600); code != 0) return code;
  out = std::move(env);
  return 0;
}

Result<void> check_format(MDB_txn* txn, MDB_dbi meta, const std::filesystem::path& folder) {
  WITAN_ASSIGN(const auto found, get(txn, meta, as_bytes(kFormatKey)));
  if (!found) return put(txn, meta, as_bytes(kFormatKey), encode32(kStoreFormat));
  const std::uint32_t format = found->size() == kLengthBytes ? decode32(*found) : 0;
  if (format == kStoreFormat) return {};
  return fail(ErrorCode::kUnsupported, "the store in " + folder.string() + " has format version " +
                                           std::to_string(format) + ", this program reads " +
                                           std::to_string(kStoreFormat));
}

Result<MDB_dbi> open_table(MDB_txn* txn, const char* name) {
  MDB_dbi table = 0;
  const int code = mdb_dbi_open(txn, name, MDB_CREATE, &table);
  if (code != 0) return lmdb_error(std::string("cannot open the table ") + name, code);
  return table;
}

Result<Tables> open_tables(MDB_env* env, const std::filesystem::path& folder) {
  WITAN_ASSIGN(Txn txn, Txn::begin_write(env));
  Tables tables;
  WITAN_ASSIGN(tables.meta, open_table(txn.get(), "meta"));
  WITAN_TRY(check_format(txn.get(), tables.meta, folder));
  WITAN_ASSIGN(tables.index, open_table(txn.get(), "index"));
  WITAN_ASSIGN(tables.leaves, open_table(txn.get(), "leaves"));
  WITAN_ASSIGN(tables.tiles, open_table(txn.get(), "tiles"));
  WITAN_ASSIGN(tables.pending, open_table(txn.get(), "pending"));
  WITAN_ASSIGN(tables.bundles, open_table(txn.get(), "bundles"));
  WITAN_ASSIGN(tables.heads, open_table(txn.get(), "heads"));
  WITAN_TRY(txn.commit());
  return tables;
}

}  // namespace

tl::unexpected<Error> lmdb_error(std::string_view attempt, int code) {
  std::string message = std::string(attempt) + ": " + mdb_strerror(code);
  if (code == MDB_MAP_FULL) message += " (open the store with a larger map)";
  if (code == MDB_PANIC) message += " (a write to the store's root failed: restart to recover)";
  return fail(ErrorCode::kIo, std::move(message));
}

Result<OpenedEnv> open_env(const std::filesystem::path& folder, const LmdbOptions& options) {
  OpenedEnv out;
  std::size_t map_bytes = options.map_bytes;
  for (;;) {
    const int code = open_with_map(folder, options, map_bytes, out.env);
    if (code == 0) break;
    const bool too_large = code == ENOMEM || code == EINVAL || code == EOVERFLOW;
    if (!too_large || map_bytes / 2 < kMapBytesMin) {
      return lmdb_error("cannot open the store in " + folder.string(), code);
    }
    map_bytes /= 2;
  }
  int dead = 0;
  if (const int code = mdb_reader_check(out.env.get(), &dead); code != 0) {
    return lmdb_error("cannot clear stale readers in " + folder.string(), code);
  }
  // Without named tables in it the file's version cannot be told from an empty store's, so the
  // tables are made together with the version record.
  auto tables = open_tables(out.env.get(), folder);
  if (!tables) return fail(std::move(tables).error());
  out.tables = *tables;
  return out;
}

Result<Txn> Txn::begin_write(MDB_env* env) {
  MDB_txn* txn = nullptr;
  const int code = mdb_txn_begin(env, nullptr, 0, &txn);
  if (code != 0) return lmdb_error("cannot begin a write to the store", code);
  return Txn(txn);
}

Txn::~Txn() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

Result<void> Txn::commit() {
  const int code = mdb_txn_commit(std::exchange(txn_, nullptr));
  if (code != 0) return lmdb_error("cannot commit to the store", code);
  return {};
}

Result<std::optional<BytesView>> get(MDB_txn* txn, MDB_dbi table, BytesView key) {
  MDB_val mdb_key = val(key);
  MDB_val value{};
  const int code = mdb_get(txn, table, &mdb_key, &value);
  if (code == MDB_NOTFOUND) return std::optional<BytesView>{};
  if (code != 0) return lmdb_error("cannot read from the store", code);
  return std::optional<BytesView>{view(value)};
}

Result<void> put(MDB_txn* txn, MDB_dbi table, BytesView key, BytesView value, unsigned flags) {
  MDB_val mdb_key = val(key);
  MDB_val mdb_value = val(value);
  const int code = mdb_put(txn, table, &mdb_key, &mdb_value, flags);
  if (code == MDB_KEYEXIST) return fail(ErrorCode::kConflict, "the store has that key already");
  if (code != 0) return lmdb_error("cannot write to the store", code);
  return {};
}

Result<std::optional<Row>> seek(MDB_txn* txn, MDB_dbi table, BytesView key,
                                MDB_cursor_op operation) {
  MDB_cursor* raw = nullptr;
  if (const int code = mdb_cursor_open(txn, table, &raw); code != 0) {
    return lmdb_error("cannot open a cursor of the store", code);
  }
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> cursor(raw, mdb_cursor_close);
  MDB_val mdb_key = val(key);
  MDB_val value{};
  const int code = mdb_cursor_get(raw, &mdb_key, &value, operation);
  if (code == MDB_NOTFOUND) return std::optional<Row>{};
  if (code != 0) return lmdb_error("cannot read from the store", code);
  return std::optional<Row>{Row{view(mdb_key), view(value)}};
}

ReaderPool::~ReaderPool() {
  for (MDB_txn* txn : idle_) mdb_txn_abort(txn);
}

Result<MDB_txn*> ReaderPool::take() {
  MDB_txn* txn = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (in_use_ >= readers_max_) {
      return fail(ErrorCode::kOverloaded,
                  "all " + std::to_string(readers_max_) + " readers of the store are in use");
    }
    ++in_use_;
    if (!idle_.empty()) {
      txn = idle_.back();
      idle_.pop_back();
    }
  }
  const int code =
      txn != nullptr ? mdb_txn_renew(txn) : mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  if (code == 0) return txn;
  if (txn != nullptr) mdb_txn_abort(txn);
  const std::lock_guard lock(mutex_);
  --in_use_;
  return lmdb_error("cannot begin a read of the store", code);
}

void ReaderPool::give_back(MDB_txn* txn) {
  mdb_txn_reset(txn);
  const std::lock_guard lock(mutex_);
  idle_.push_back(txn);
  --in_use_;
}

std::size_t ReaderPool::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

}  // namespace witan::store
