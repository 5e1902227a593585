#include "node/witness/witness_store.h"

#include <algorithm>
#include <set>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "config/feed_limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/store/layout.h"
#include "ledger/store/lmdb_env.h"
#include "node/witness/merged_note.h"
#include "node/witness/witness_env.h"

namespace witan {
namespace {

namespace fs = std::filesystem;
using store::Env;
using store::lmdb_error;
using store::ReaderPool;
using store::Txn;

constexpr std::string_view kFeedsVersionKey = "feeds";

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
    return each_witness_row(reading.txn, tables_.logs,
                            [&](BytesView key, BytesView value) -> Result<bool> {
                              WITAN_ASSIGN(KnownLog log, decode_known_log(value));
                              WITAN_ASSIGN(const Hash32 hash, hash_of(key));
                              WITAN_ASSIGN(auto checkpoint, checkpoint_at(reading.txn, hash));
                              return visit(std::move(log), std::move(checkpoint));
                            });
  }

  Result<void> each_checkpoint(const VisitCheckpoint& visit) override {
    WITAN_ASSIGN(const Reading reading, read());
    return each_witness_row(reading.txn, tables_.checkpoints,
                            [&](BytesView /*key*/, BytesView value) -> Result<bool> {
                              WITAN_ASSIGN(StoredCheckpoint found, decode_stored_checkpoint(value));
                              return found.origin.empty() || visit(std::move(found));
                            });
  }

  Result<void> each_mark(const VisitMark& visit) override {
    WITAN_ASSIGN(const Reading reading, read());
    return each_witness_row(reading.txn, tables_.checkpoints,
                            [&](BytesView key, BytesView value) -> Result<bool> {
                              WITAN_ASSIGN(const StoredCheckpoint found, decode_stored_mark(value));
                              WITAN_ASSIGN(const Hash32 hash, hash_of(key));
                              return visit({hash, found.mark}, found.origin, found.time_s);
                            });
  }

  Result<Counts> counts() override {
    WITAN_ASSIGN(const Reading reading, read());
    Counts out;
    WITAN_ASSIGN(out.logs, witness_rows(reading.txn, tables_.logs));
    WITAN_ASSIGN(out.checkpoints, witness_rows(reading.txn, tables_.checkpoints));
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
    std::vector<KnownLog> known;
    std::size_t all = 0;
    {
      WITAN_ASSIGN(const Reading reading, read());
      WITAN_ASSIGN(all, witness_rows(reading.txn, tables_.logs));
      WITAN_ASSIGN(known, known_of(reading.txn, list));
    }
    const std::size_t unlisted = all - std::min(all, known.size());
    MergeOutcome outcome = merge_log_list(known, list, own_name, unlisted);
    std::vector<std::string> added = std::exchange(outcome.added, {});
    std::set<std::string_view> fresh(added.begin(), added.end());
    std::vector<const ListedLog*> wanted;
    for (const ListedLog& log : list.logs) {
      if (fresh.erase(log.origin) > 0) wanted.push_back(&log);
    }
    for (std::size_t done = 0; done < wanted.size(); done += limits::kLogsAddedAtOnceMax) {
      const std::size_t count = std::min(limits::kLogsAddedAtOnceMax, wanted.size() - done);
      WITAN_TRY(add_listed(std::span(wanted).subspan(done, count), outcome.added));
    }
    return outcome;
  }

  Result<std::optional<LogFeed>> find_feed(std::string_view origin) override {
    WITAN_ASSIGN(const Reading reading, read());
    WITAN_ASSIGN(const auto found, store::get(reading.txn, tables_.feeds, origin_key(origin)));
    if (!found) return std::optional<LogFeed>{};
    WITAN_ASSIGN(StoredFeed stored, decode_stored_feed(*found));
    return std::optional<LogFeed>(std::move(stored.feed));
  }

  Result<void> each_feed(const VisitFeed& visit) override {
    WITAN_ASSIGN(const Reading reading, read());
    return each_witness_row(reading.txn, tables_.feeds,
                            [&](BytesView /*key*/, BytesView value) -> Result<bool> {
                              WITAN_ASSIGN(StoredFeed found, decode_stored_feed(value));
                              return visit(std::move(found));
                            });
  }

  Result<std::uint64_t> feeds_version() override {
    WITAN_ASSIGN(const Reading reading, read());
    return feeds_version_at(reading.txn);
  }

  Result<void> put_feed(std::string_view origin, const std::optional<LogFeed>& feed) override {
    WITAN_ASSIGN(Txn txn, Txn::begin_write(env_.get()));
    WITAN_ASSIGN(const auto known, log_at(txn.get(), origin_key(origin)));
    if (!known) return fail(ErrorCode::kNotFound, "this witness does not know such a log");
    if (feed) {
      WITAN_TRY(store::put(txn.get(), tables_.feeds, origin_key(origin),
                           encode_stored_feed({std::string(origin), *feed})));
    } else {
      WITAN_TRY(remove_witness_row(txn.get(), tables_.feeds, origin_key(origin)));
    }
    WITAN_TRY(feeds_changed(txn.get()));
    return txn.commit();
  }

  Result<std::vector<ListState>> lists() override {
    WITAN_ASSIGN(const Reading reading, read());
    std::vector<ListState> out;
    WITAN_TRY(each_witness_row(reading.txn, tables_.lists,
                               [&](BytesView /*key*/, BytesView value) -> Result<bool> {
                                 WITAN_ASSIGN(ListState list, decode_list_state(value));
                                 out.push_back(std::move(list));
                                 return true;
                               }));
    std::sort(out.begin(), out.end(),
              [](const ListState& a, const ListState& b) { return a.source < b.source; });
    return out;
  }

  Result<void> put_list(const ListState& list) override {
    WITAN_ASSIGN(Txn txn, Txn::begin_write(env_.get()));
    WITAN_TRY(
        store::put(txn.get(), tables_.lists, origin_key(list.source), encode_list_state(list)));
    return txn.commit();
  }

  Result<void> keep_lists(const std::vector<std::string>& sources) override {
    WITAN_ASSIGN(const std::vector<ListState> known, lists());
    std::vector<Hash32> gone;
    for (const ListState& list : known) {
      const bool kept = std::find(sources.begin(), sources.end(), list.source) != sources.end();
      if (!kept) gone.push_back(origin_key(list.source));
    }
    if (gone.empty()) return {};
    WITAN_ASSIGN(Txn txn, Txn::begin_write(env_.get()));
    for (const Hash32& key : gone) WITAN_TRY(remove_witness_row(txn.get(), tables_.lists, key));
    return txn.commit();
  }

  Result<void> put_cosigned(std::span<const Cosigned* const> cosigned,
                            Cosigning cosigning) override {
    if (cosigned.empty()) return {};
    // Of a log that was cosigned several times only the last is kept, if all follow each other.
    std::unordered_map<std::string_view, std::vector<const Cosigned*>> logs;
    for (const Cosigned* one : cosigned) logs[one->origin].push_back(one);
    WITAN_ASSIGN(Txn txn, Txn::begin_write(env_.get()));
    for (const auto& [origin, steps] : logs) {
      const Hash32 key = origin_key(origin);
      WITAN_ASSIGN(const auto kept, mark_at(txn.get(), key));
      const CosignMark mark = kept ? kept->mark : CosignMark{TreeSize{0}, empty_root()};
      WITAN_TRY(check_continues(mark, steps, cosigning == Cosigning::kKnown));
      StoredCheckpoint row = stored_checkpoint(*steps.back());
      if (kept && kept->mark == row.mark) {
        WITAN_ASSIGN(auto before, checkpoint_at(txn.get(), key));
        // A head that was adopted may be later than what the signer remembers.
        if (before && before->time_s > row.time_s && !before->note.empty()) std::swap(*before, row);
        if (before) row.note = merged_note(before->note, row.note);
      }
      WITAN_TRY(put_checkpoint(txn.get(), key, row));
    }
    return txn.commit();
  }

  Result<void> put_marks(std::span<const OriginMark> marks) override {
    WITAN_ASSIGN(Txn txn, Txn::begin_write(env_.get()));
    for (const OriginMark& mark : marks) {
      StoredCheckpoint row;
      WITAN_ASSIGN(const auto kept, mark_at(txn.get(), mark.origin_hash));
      if (kept) row = *kept;
      WITAN_ASSIGN(const auto log, log_at(txn.get(), mark.origin_hash));
      if (log) row.origin = log->origin;
      row.mark = mark.mark;
      WITAN_TRY(put_checkpoint(txn.get(), mark.origin_hash, row));
    }
    return txn.commit();
  }

  Result<void> copy_to(const fs::path& folder) override {
    return copy_witness_env(env_.get(), folder);
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
  Result<std::optional<StoredCheckpoint>> mark_at(MDB_txn* txn, const Hash32& hash) const {
    WITAN_ASSIGN(const auto found, store::get(txn, tables_.checkpoints, hash));
    if (!found) return std::optional<StoredCheckpoint>{};
    WITAN_ASSIGN(StoredCheckpoint checkpoint, decode_stored_mark(*found));
    return std::optional<StoredCheckpoint>(std::move(checkpoint));
  }
  Result<void> put_checkpoint(MDB_txn* txn, const Hash32& key,
                              const StoredCheckpoint& checkpoint) const {
    return store::put(txn, tables_.checkpoints, key, encode_stored_checkpoint(checkpoint));
  }

  // Those logs of the list that are known, by origin.
  Result<std::vector<KnownLog>> known_of(MDB_txn* txn, const LogList& list) const {
    std::vector<KnownLog> out;
    std::set<std::string_view> asked;
    for (const ListedLog& listed : list.logs) {
      if (!asked.insert(listed.origin).second) continue;
      WITAN_ASSIGN(auto log, log_at(txn, origin_key(listed.origin)));
      if (log) out.push_back(std::move(*log));
    }
    std::sort(out.begin(), out.end(),
              [](const KnownLog& a, const KnownLog& b) { return a.origin < b.origin; });
    return out;
  }

  // What somebody else has added meanwhile stays as it is.
  Result<void> add_listed(std::span<const ListedLog* const> logs, std::vector<std::string>& added) {
    WITAN_ASSIGN(Txn txn, Txn::begin_write(env_.get()));
    WITAN_TRY(check_room(txn.get(), logs.size()));
    bool fed = false;
    for (const ListedLog* log : logs) {
      WITAN_ASSIGN(const auto known, log_at(txn.get(), origin_key(log->origin)));
      if (known) continue;
      WITAN_TRY(put_log(txn.get(), {log->origin, {log->key}, log->qpd, log->contact, false}));
      if (log->feed) {
        WITAN_TRY(store::put(txn.get(), tables_.feeds, origin_key(log->origin),
                             encode_stored_feed({log->origin, *log->feed})));
      }
      fed = fed || log->feed.has_value();
      added.push_back(log->origin);
    }
    if (fed) WITAN_TRY(feeds_changed(txn.get()));
    return txn.commit();
  }

  Result<std::uint64_t> feeds_version_at(MDB_txn* txn) const {
    WITAN_ASSIGN(const auto found, store::get(txn, tables_.meta, as_bytes(kFeedsVersionKey)));
    return found && found->size() == sizeof(std::uint64_t) ? store::decode64(*found) : 0;
  }
  Result<void> feeds_changed(MDB_txn* txn) const {
    WITAN_ASSIGN(const std::uint64_t version, feeds_version_at(txn));
    return store::put(txn, tables_.meta, as_bytes(kFeedsVersionKey), store::encode64(version + 1));
  }

  Result<void> check_room(MDB_txn* txn, std::size_t more) const {
    WITAN_ASSIGN(const std::uint64_t known, witness_rows(txn, tables_.logs));
    if (known + more <= limits::kWitnessLogsMax) return {};
    return fail(ErrorCode::kTooLarge, "a witness knows at most " +
                                          std::to_string(limits::kWitnessLogsMax) +
                                          " logs; it knows " + std::to_string(known) + ", and " +
                                          std::to_string(more) + " were to be added");
  }

  Env env_;
  const WitnessTables tables_;
  ReaderPool readers_;
};

}  // namespace

Result<void> WitnessStore::put_cosigned(std::span<const Cosigned> known) {
  std::vector<const Cosigned*> all;
  all.reserve(known.size());
  for (const Cosigned& one : known) all.push_back(&one);
  return put_cosigned(all, Cosigning::kKnown);
}

Result<std::unique_ptr<WitnessStore>> WitnessStore::open(const fs::path& folder,
                                                         const Options& options) {
  WITAN_ASSIGN(WitnessEnv opened, open_witness_env(folder, options.map_bytes, options.readers_max));
  return std::make_unique<LmdbWitnessStore>(std::move(opened.env), opened.tables,
                                            options.readers_max);
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
