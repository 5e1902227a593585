#include "ledger/store/lmdb_store.h"

#include <cstring>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "ledger/store/folder_lock.h"
#include "ledger/store/layout.h"
#include "ledger/store/lmdb_env.h"
#include "ledger/store/lmdb_view.h"
#include "ledger/store/lmdb_writer.h"

namespace witan {

namespace {

// Pages that LMDB has on its list for reuse.
std::uint64_t free_pages(MDB_txn* txn) {
  MDB_cursor* raw = nullptr;
  if (mdb_cursor_open(txn, 0, &raw) != 0) return 0;
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> cursor(raw, mdb_cursor_close);
  std::uint64_t pages = 0;
  MDB_val key{};
  MDB_val value{};
  while (mdb_cursor_get(raw, &key, &value, MDB_NEXT) == 0) {
    // Each row is a list of page numbers with their count before it, and need not be aligned.
    std::size_t count = 0;
    if (value.mv_size >= sizeof count) std::memcpy(&count, value.mv_data, sizeof count);
    pages += count;
  }
  return pages;
}

class LmdbStore final : public Store {
 public:
  LmdbStore(FolderLock lock, store::OpenedEnv opened, const LmdbOptions& options)
      : lock_(std::move(lock)),
        env_(std::move(opened.env)),
        tables_(opened.tables),
        readers_(env_.get(), options.readers_max) {}

  Result<void> commit(const StoreCommit& commit) override {
    if (commit.publish.empty() && !commit.decide) return {};
    const std::lock_guard guard(writer_);
    WITAN_ASSIGN(store::Txn txn, store::Txn::begin_write(env_.get()));
    WITAN_TRY(store::write_commit(txn.get(), tables_, commit));
    return txn.commit();
  }

  Result<void> put_meta(std::string_view name, BytesView value) override {
    const std::lock_guard guard(writer_);
    WITAN_ASSIGN(store::Txn txn, store::Txn::begin_write(env_.get()));
    const std::string key = std::string(store::kNamedPrefix) + std::string(name);
    WITAN_TRY(store::put(txn.get(), tables_.meta, as_bytes(key), value));
    return txn.commit();
  }

  Result<std::unique_ptr<ReadView>> read() override {
    WITAN_ASSIGN(MDB_txn* const txn, readers_.take());
    return std::unique_ptr<ReadView>(std::make_unique<store::LmdbView>(readers_, txn, tables_));
  }

  StoreUsage usage() override {
    StoreUsage usage;
    MDB_envinfo info{};
    MDB_stat stat{};
    mdb_env_info(env_.get(), &info);
    mdb_env_stat(env_.get(), &stat);
    usage.readers = static_cast<std::uint32_t>(readers_.in_use());
    usage.bytes_file = (std::uint64_t{info.me_last_pgno} + 1) * stat.ms_psize;
    usage.bytes_used = usage.bytes_file;
    if (auto txn = readers_.take()) {
      usage.bytes_used -= free_pages(*txn) * stat.ms_psize;
      readers_.give_back(*txn);
    }
    return usage;
  }

 private:
  FolderLock lock_;
  store::Env env_;
  store::Tables tables_;
  store::ReaderPool readers_;
  std::mutex writer_;  // held over one write transaction
};

}  // namespace

Result<std::unique_ptr<Store>> open_lmdb_store(const std::filesystem::path& folder,
                                               const LmdbOptions& options) {
  auto lock = FolderLock::take(folder);
  if (!lock) return fail(std::move(lock).error());
  auto opened = store::open_env(folder, options);
  if (!opened) return fail(std::move(opened).error());
  // LMDB syncs what it writes into its file, not the name of a file that it has just made.
  WITAN_TRY(sync_folder(folder));
  return std::unique_ptr<Store>(
      std::make_unique<LmdbStore>(std::move(*lock), std::move(*opened), options));
}

}  // namespace witan
