#include "node/witness/witness_env.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "ledger/store/folder_lock.h"
#include "ledger/store/layout.h"
#include "node/witness/witness_records.h"

namespace witan {
namespace {

namespace fs = std::filesystem;
using store::Env;
using store::lmdb_error;
using store::Txn;

constexpr std::size_t kWitnessMapBytesMin = std::size_t{1} << 20;

int try_witness_env(const fs::path& folder, std::size_t readers_max, std::size_t map_bytes,
                    Env& out) {
  MDB_env* raw = nullptr;
  if (const int code = mdb_env_create(&raw); code != 0) return code;
  Env env(raw);
  const unsigned readers = static_cast<unsigned>(readers_max) + 1;
  if (const int code = mdb_env_set_maxdbs(raw, 8); code != 0) return code;
  if (const int code = mdb_env_set_maxreaders(raw, readers); code != 0) return code;
  if (const int code = mdb_env_set_mapsize(raw, map_bytes); code != 0) return code;
  const int code = mdb_env_open(raw, folder.c_str(), MDB_NOTLS | MDB_NORDAHEAD, 0600);
  if (code == 0) out = std::move(env);
  return code;
}

int open_witness_tables(MDB_txn* txn, unsigned flags, WitnessTables& tables) {
  const std::pair<const char*, MDB_dbi*> wanted[] = {{"meta", &tables.meta},
                                                     {"logs", &tables.logs},
                                                     {"checkpoints", &tables.checkpoints},
                                                     {"feeds", &tables.feeds},
                                                     {"lists", &tables.lists}};
  for (const auto& [name, table] : wanted) {
    if (const int code = mdb_dbi_open(txn, name, flags, table); code != 0) return code;
  }
  return 0;
}

Result<void> check_witness_format(MDB_txn* txn, const WitnessTables& tables) {
  WITAN_ASSIGN(const auto found, store::get(txn, tables.meta, as_bytes(store::kFormatKey)));
  const std::uint32_t format =
      found && found->size() == store::kLengthBytes ? store::decode32(*found) : 0;
  if (format == kWitnessFormat) return {};
  return fail(ErrorCode::kUnsupported, "the witness's store has format version " +
                                           std::to_string(format) + ", this program reads " +
                                           std::to_string(kWitnessFormat));
}

// The tables, for which only a store has to be written that is new, or that was made before there
// were all of them.
Result<WitnessTables> witness_tables(MDB_env* env) {
  WitnessTables tables;
  MDB_txn* reading = nullptr;
  if (const int code = mdb_txn_begin(env, nullptr, MDB_RDONLY, &reading); code != 0) {
    return lmdb_error("cannot begin a read of the store", code);
  }
  int code = open_witness_tables(reading, 0, tables);
  if (code == 0) {
    auto checked = check_witness_format(reading, tables);
    // Committed, so that the handles stay open.
    mdb_txn_commit(reading);
    WITAN_TRY(std::move(checked));
    return tables;
  }
  mdb_txn_abort(reading);
  if (code != MDB_NOTFOUND) return lmdb_error("cannot open the store's tables", code);
  WITAN_ASSIGN(Txn txn, Txn::begin_write(env));
  code = open_witness_tables(txn.get(), MDB_CREATE, tables);
  if (code != 0) return lmdb_error("cannot make the store's tables", code);
  WITAN_ASSIGN(const auto format, store::get(txn.get(), tables.meta, as_bytes(store::kFormatKey)));
  if (format) {
    WITAN_TRY(check_witness_format(txn.get(), tables));
  } else {
    WITAN_TRY(store::put(txn.get(), tables.meta, as_bytes(store::kFormatKey),
                         store::encode32(kWitnessFormat)));
  }
  WITAN_TRY(txn.commit());
  return tables;
}

}  // namespace

Result<WitnessEnv> open_witness_env(const fs::path& folder, std::size_t map_bytes,
                                    std::size_t readers_max) {
  if (::mkdir(folder.c_str(), 0700) == 0) {
    WITAN_TRY(sync_folder(fs::absolute(folder).parent_path()));
  } else if (errno != EEXIST) {
    return fail(ErrorCode::kIo, "cannot make the folder " + folder.string() + ": " +
                                    std::string(std::strerror(errno)));
  }
  Env env;
  for (;;) {
    const int code = try_witness_env(folder, readers_max, map_bytes, env);
    if (code == 0) break;
    const bool too_large = code == ENOMEM || code == EINVAL || code == EOVERFLOW;
    if (!too_large || map_bytes / 2 < kWitnessMapBytesMin) {
      return lmdb_error("cannot open the store in " + folder.string(), code);
    }
    map_bytes /= 2;
  }
  int dead = 0;
  if (const int code = mdb_reader_check(env.get(), &dead); code != 0) {
    return lmdb_error("cannot clear stale readers in " + folder.string(), code);
  }
  auto tables = witness_tables(env.get());
  if (!tables) return fail(tables.error().within(folder.string()));
  return WitnessEnv{std::move(env), *tables};
}

Result<void> copy_witness_env(MDB_env* env, const fs::path& folder) {
  const std::string what = "cannot copy the store to " + folder.string();
  if (const int code = mdb_env_copy2(env, folder.c_str(), MDB_CP_COMPACT); code != 0) {
    return lmdb_error(what, code);
  }
  const std::string file = (folder / "data.mdb").string();
  const int copy = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  const bool synced = copy >= 0 && ::fchmod(copy, 0600) == 0 && ::fsync(copy) == 0;
  const int error = errno;
  if (copy >= 0) ::close(copy);
  if (!synced) return lmdb_error(what, error);
  return {};
}

Result<std::uint64_t> witness_rows(MDB_txn* txn, MDB_dbi table) {
  MDB_stat stat{};
  const int code = mdb_stat(txn, table, &stat);
  if (code != 0) return lmdb_error("cannot count the store's rows", code);
  return stat.ms_entries;
}

Result<void> each_witness_row(MDB_txn* txn, MDB_dbi table, const VisitWitnessRow& visit) {
  MDB_cursor* raw = nullptr;
  if (const int code = mdb_cursor_open(txn, table, &raw); code != 0) {
    return lmdb_error("cannot open a cursor of the store", code);
  }
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> cursor(raw, mdb_cursor_close);
  MDB_val key{};
  MDB_val value{};
  for (;;) {
    const int code = mdb_cursor_get(raw, &key, &value, MDB_NEXT);
    if (code == MDB_NOTFOUND) return {};
    if (code != 0) return lmdb_error("cannot read from the store", code);
    const auto bytes_of = [](const MDB_val& from) {
      return BytesView(static_cast<const std::uint8_t*>(from.mv_data), from.mv_size);
    };
    WITAN_ASSIGN(const bool more, visit(bytes_of(key), bytes_of(value)));
    if (!more) return {};
  }
}

Result<void> remove_witness_row(MDB_txn* txn, MDB_dbi table, const Hash32& key) {
  Hash32 copy = key;
  MDB_val value{copy.size(), copy.data()};
  const int code = mdb_del(txn, table, &value, nullptr);
  if (code == 0 || code == MDB_NOTFOUND) return {};
  return lmdb_error("cannot delete from the store", code);
}

}  // namespace witan
