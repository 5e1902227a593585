#include "node/witness/witness_store.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "ledger/crypto/sha256.h"
#include "ledger/store/folder_lock.h"
#include "ledger/store/layout.h"
#include "ledger/store/lmdb_env.h"
#include "node/witness/merged_note.h"

namespace witan {
namespace {

namespace fs = std::filesystem;
using store::Env;
using store::lmdb_error;
using store::ReaderPool;
using store::Txn;

constexpr std::size_t kWitnessMapBytesMin = std::size_t{1} << 20;
constexpr std::string_view kUnlistedKey = "unlisted";

struct WitnessTables {
  MDB_dbi meta = 0;
  MDB_dbi logs = 0;
  MDB_dbi checkpoints = 0;
};

int open_witness_env(const fs::path& folder, const WitnessStoreOptions& options,
                     std::size_t map_bytes, Env& out) {
  MDB_env* raw = nullptr;
  if (const int code = mdb_env_create(&raw); code != 0) return code;
  Env env(raw);
  const unsigned readers = static_cast<unsigned>(options.readers_max) + 1;
  if (const int code = mdb_env_set_maxdbs(raw, 8); code != 0) return code;
  if (const int code = mdb_env_set_maxreaders(raw, readers); code != 0) return code;
  if (const int code = mdb_env_set_mapsize(raw, map_bytes); code != 0) return code;
  const int code = mdb_env_open(raw, folder.c_str(), MDB_NOTLS | MDB_NORDAHEAD, 0600);
  if (code == 0) out = std::move(env);
  return code;
}

int open_witness_tables(MDB_txn* txn, unsigned flags, WitnessTables& tables) {
  if (const int code = mdb_dbi_open(txn, "meta", flags, &tables.meta); code != 0) return code;
  if (const int code = mdb_dbi_open(txn, "logs", flags, &tables.logs); code != 0) return code;
  return mdb_dbi_open(txn, "checkpoints", flags, &tables.checkpoints);
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

// The tables, which only a store that is new has to be written for.
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
  WITAN_TRY(store::put(txn.get(), tables.meta, as_bytes(store::kFormatKey),
                       store::encode32(kWitnessFormat)));
  WITAN_TRY(txn.commit());
  return tables;
}

Hash32 origin_key(std::string_view origin) {
  return sha256(as_bytes(origin));
}

class LmdbWitnessStore final : public WitnessStore {
 public:
  LmdbWitnessStore(Env env, WitnessTables tables, std::size_t readers_max)
      : env_(std::move(env)), tables_(tables), readers_(env_.get(), readers_max) {}

  Result<std::optional<KnownLog>> find_log(std::string_view origin) override {
    WITAN_ASSIGN(const Reading reading, read());
    return log_at(reading.txn, origin_key(origin));
  }

  Result<std::optional<StoredCheckpoint>> find_checkpoint(const Hash32& origin_hash) override {
    WITAN_ASSIGN(const Reading reading, read());
    return checkpoint_at(reading.txn, origin_hash);
  }

  Result<void> each_log(const VisitLog& visit) override {
    WITAN_ASSIGN(const Reading reading, read());
    return each_row(reading.txn, tables_.logs, [&](BytesView key, BytesView value) -> Result<bool> {
      WITAN_ASSIGN(KnownLog log, decode_known_log(value));
      WITAN_ASSIGN(const Hash32 hash, hash_of(key));
      WITAN_ASSIGN(auto checkpoint, checkpoint_at(reading.txn, hash));
      return visit(std::move(log), std::move(checkpoint));
    });
  }

  Result<void> each_checkpoint(const VisitCheckpoint& visit) override {
    WITAN_ASSIGN(const Reading reading, read());
    return each_row(reading.txn, tables_.checkpoints,
                    [&](BytesView /*key*/, BytesView value) -> Result<bool> {
                      WITAN_ASSIGN(StoredCheckpoint found, decode_stored_checkpoint(value));
                      return visit(std::move(found));
                    });
  }

  Result<Counts> counts() override {
    WITAN_ASSIGN(const Reading reading, read());
    Counts out;
    WITAN_ASSIGN(out.logs, rows(reading.txn, tables_.logs));
    WITAN_ASSIGN(out.checkpoints, rows(reading.txn, tables_.checkpoints));
    WITAN_ASSIGN(const auto unlisted,
                 store::get(reading.txn, tables_.meta, as_bytes(kUnlistedKey)));
    if (unlisted && unlisted->size() == sizeof(std::uint64_t)) {
      out.unlisted = store::decode64(*unlisted);
    }
    return out;
  }

  Result<void> change_log(std::string_view origin, const ChangeLog& change) override {
    WITAN_ASSIGN(Txn txn, Txn::begin_write(env_.get()));
    WITAN_ASSIGN(auto known, log_at(txn.get(), origin_key(origin)));
    const bool is_new = !known;
    WITAN_ASSIGN(KnownLog log, change(std::move(known)));
    log.origin = origin;
    if (log.keys.size() > limits::kWitnessKeysPerLogMax) {
      return fail(ErrorCode::kTooLarge,
                  "a log may have " + std::to_string(limits::kWitnessKeysPerLogMax) +
                      " keys here, this would be " + std::to_string(log.keys.size()));
    }
    if (is_new) WITAN_TRY(check_room(txn.get(), 1));
    WITAN_TRY(put_log(txn.get(), log));
    return txn.commit();
  }

  Result<MergeOutcome> merge(const LogList& list, std::string_view own_name) override {
    WITAN_ASSIGN(Txn txn, Txn::begin_write(env_.get()));
    std::vector<KnownLog> known;
    WITAN_TRY(
        each_row(txn.get(), tables_.logs, [&](BytesView /*key*/, BytesView value) -> Result<bool> {
          WITAN_ASSIGN(KnownLog log, decode_known_log(value));
          known.push_back(std::move(log));
          return true;
        }));
    std::sort(known.begin(), known.end(),
              [](const KnownLog& a, const KnownLog& b) { return a.origin < b.origin; });
    MergeOutcome outcome = merge_log_list(known, list, own_name);
    WITAN_TRY(check_room(txn.get(), outcome.added.size()));
    for (const std::string& origin : outcome.added) {
      const auto at = std::lower_bound(
          known.begin(), known.end(), origin,
          [](const KnownLog& log, const std::string& wanted) { return log.origin < wanted; });
      WITAN_TRY(put_log(txn.get(), *at));
    }
    if (!outcome.added.empty()) WITAN_TRY(txn.commit());
    return outcome;
  }

  Result<void> put_cosigned(std::span<const Cosigned> cosigned) override {
    if (cosigned.empty()) return {};
    WITAN_ASSIGN(Txn txn, Txn::begin_write(env_.get()));
    // Of a log that was cosigned several times only the last matters.
    std::set<std::string_view> done;
    for (std::size_t i = cosigned.size(); i-- > 0;) {
      const Cosigned& next = cosigned[i];
      if (!done.insert(next.origin).second) continue;
      WITAN_ASSIGN(const auto kept, checkpoint_at(txn.get(), origin_key(next.origin)));
      if (kept) WITAN_TRY(check_grows(*kept, next.mark));
      StoredCheckpoint row = stored_checkpoint(next);
      if (kept && kept->mark == row.mark) row.note = merged_note(kept->note, row.note);
      WITAN_TRY(put_checkpoint(txn.get(), row));
    }
    return txn.commit();
  }

  Result<void> put_marks(const std::vector<StoredCheckpoint>& marks,
                         std::uint64_t unlisted) override {
    WITAN_ASSIGN(Txn txn, Txn::begin_write(env_.get()));
    for (const StoredCheckpoint& mark : marks) WITAN_TRY(put_checkpoint(txn.get(), mark));
    WITAN_TRY(
        store::put(txn.get(), tables_.meta, as_bytes(kUnlistedKey), store::encode64(unlisted)));
    return txn.commit();
  }

  Result<void> copy_to(const fs::path& folder) override {
    const std::string what = "cannot copy the store to " + folder.string();
    if (const int code = mdb_env_copy2(env_.get(), folder.c_str(), MDB_CP_COMPACT); code != 0) {
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

  Result<void> clear_dead_readers() override {
    int dead = 0;
    if (const int code = mdb_reader_check(env_.get(), &dead); code != 0) {
      return lmdb_error("cannot clear stale readers", code);
    }
    return {};
  }

 private:
  // A read transaction, given back at the end.
  struct Reading {
    Reading(ReaderPool& readers, MDB_txn* transaction) : pool(&readers), txn(transaction) {}
    Reading(Reading&& other) noexcept : pool(other.pool), txn(std::exchange(other.txn, nullptr)) {}
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    Reading& operator=(Reading&&) = delete;
    ~Reading() {
      if (txn != nullptr) pool->give_back(txn);
    }
    ReaderPool* pool;
    MDB_txn* txn;
  };

  Result<Reading> read() {
    auto txn = readers_.take();
    if (!txn && txn.error().code == ErrorCode::kIo) {
      // A process that was killed may have left its slots behind.
      int dead = 0;
      mdb_reader_check(env_.get(), &dead);
      if (dead > 0) txn = readers_.take();
    }
    if (!txn) return fail(txn.error());
    return Reading(readers_, *txn);
  }

  static Result<Hash32> hash_of(BytesView key) {
    Hash32 out{};
    if (key.size() != out.size()) return fail(ErrorCode::kIo, "the witness's store is damaged");
    std::copy(key.begin(), key.end(), out.begin());
    return out;
  }

  static Result<std::uint64_t> rows(MDB_txn* txn, MDB_dbi table) {
    MDB_stat stat{};
    const int code = mdb_stat(txn, table, &stat);
    if (code != 0) return lmdb_error("cannot count the store's rows", code);
    return stat.ms_entries;
  }

  template <typename Visit>
  static Result<void> each_row(MDB_txn* txn, MDB_dbi table, const Visit& visit) {
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

  Result<std::optional<KnownLog>> log_at(MDB_txn* txn, const Hash32& hash) const {
    WITAN_ASSIGN(const auto found, store::get(txn, tables_.logs, hash));
    if (!found) return std::optional<KnownLog>{};
    WITAN_ASSIGN(KnownLog log, decode_known_log(*found));
    return std::optional<KnownLog>(std::move(log));
  }
  Result<std::optional<StoredCheckpoint>> checkpoint_at(MDB_txn* txn, const Hash32& hash) const {
    WITAN_ASSIGN(const auto found, store::get(txn, tables_.checkpoints, hash));
    if (!found) return std::optional<StoredCheckpoint>{};
    WITAN_ASSIGN(StoredCheckpoint checkpoint, decode_stored_checkpoint(*found));
    return std::optional<StoredCheckpoint>(std::move(checkpoint));
  }
  Result<void> put_log(MDB_txn* txn, const KnownLog& log) const {
    return store::put(txn, tables_.logs, origin_key(log.origin), encode_known_log(log));
  }
  Result<void> put_checkpoint(MDB_txn* txn, const StoredCheckpoint& checkpoint) const {
    return store::put(txn, tables_.checkpoints, origin_key(checkpoint.origin),
                      encode_stored_checkpoint(checkpoint));
  }

  Result<void> check_room(MDB_txn* txn, std::size_t more) const {
    WITAN_ASSIGN(const std::uint64_t known, rows(txn, tables_.logs));
    if (known + more <= limits::kWitnessLogsMax) return {};
    return fail(ErrorCode::kTooLarge, "a witness knows at most " +
                                          std::to_string(limits::kWitnessLogsMax) +
                                          " logs; it knows " + std::to_string(known) + ", and " +
                                          std::to_string(more) + " were to be added");
  }

  static Result<void> check_grows(const StoredCheckpoint& kept, const CosignMark& next) {
    const std::string what = "the signer cosigned " + kept.origin + " at size " +
                             std::to_string(next.size.value) + ", and size " +
                             std::to_string(kept.mark.size.value);
    if (next.size < kept.mark.size) {
      return fail(ErrorCode::kStale, what + " was cosigned before");
    }
    if (next.size == kept.mark.size && next.root != kept.mark.root) {
      return fail(ErrorCode::kConflict, what + " was cosigned before with another root");
    }
    return {};
  }

  Env env_;
  const WitnessTables tables_;
  ReaderPool readers_;
};

}  // namespace

Result<std::unique_ptr<WitnessStore>> WitnessStore::open(const fs::path& folder,
                                                         const Options& options) {
  if (::mkdir(folder.c_str(), 0700) == 0) {
    WITAN_TRY(sync_folder(fs::absolute(folder).parent_path()));
  } else if (errno != EEXIST) {
    return fail(ErrorCode::kIo, "cannot make the folder " + folder.string() + ": " +
                                    std::string(std::strerror(errno)));
  }
  Env env;
  std::size_t map_bytes = options.map_bytes;
  for (;;) {
    const int code = open_witness_env(folder, options, map_bytes, env);
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
  return std::make_unique<LmdbWitnessStore>(std::move(env), *tables, options.readers_max);
}

Result<std::unique_ptr<WitnessStore>> WitnessStore::open_existing(const fs::path& folder,
                                                                  const Options& options) {
  std::error_code error;
  if (!fs::exists(folder / "data.mdb", error)) {
    return fail(ErrorCode::kNotFound,
                (folder / "data.mdb").string() +
                    ": no such file, expected what `witan witness init` made; is the folder "
                    "mounted, and was it restored as a whole?");
  }
  return open(folder, options);
}

}  // namespace witan
