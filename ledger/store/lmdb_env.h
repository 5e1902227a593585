#pragma once
// LMDB's C handles with owners, and its return codes as errors.

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include <lmdb.h>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/store/lmdb_store.h"

namespace witan::store {

struct EnvClose {
  void operator()(MDB_env* env) const { mdb_env_close(env); }
};
using Env = std::unique_ptr<MDB_env, EnvClose>;

struct Tables {
  MDB_dbi meta = 0;
  MDB_dbi index = 0;
  MDB_dbi leaves = 0;
  MDB_dbi tiles = 0;
  MDB_dbi pending = 0;
  MDB_dbi bundles = 0;
  MDB_dbi heads = 0;
};

// kIo with what was attempted and LMDB's or the kernel's reason.
[[nodiscard]] tl::unexpected<Error> lmdb_error(std::string_view attempt, int code);

// Opens the environment in an existing folder and its tables, which it makes when they are missing.
// kUnsupported when the store is of another format version.
struct OpenedEnv {
  Env env;
  Tables tables;
};
[[nodiscard]] Result<OpenedEnv> open_env(const std::filesystem::path& folder,
                                         const LmdbOptions& options);

// A transaction that is undone unless it was committed.
class Txn {
 public:
  static Result<Txn> begin_write(MDB_env* env);
  Txn(Txn&& other) noexcept : txn_(std::exchange(other.txn_, nullptr)) {}
  Txn& operator=(Txn&&) = delete;
  Txn(const Txn&) = delete;
  Txn& operator=(const Txn&) = delete;
  ~Txn();

  [[nodiscard]] MDB_txn* get() const { return txn_; }
  Result<void> commit();

 private:
  explicit Txn(MDB_txn* txn) : txn_(txn) {}
  MDB_txn* txn_ = nullptr;
};

// The value under a key: nullopt when there is none. Valid until the transaction writes or ends.
[[nodiscard]] Result<std::optional<BytesView>> get(MDB_txn* txn, MDB_dbi table, BytesView key);
// kConflict when MDB_NOOVERWRITE is among the flags and the key is there.
[[nodiscard]] Result<void> put(MDB_txn* txn, MDB_dbi table, BytesView key, BytesView value,
                               unsigned flags = 0);
// The first row at or above a key (the last of all with MDB_LAST); nullopt when there is none.
struct Row {
  BytesView key;
  BytesView value;
};
[[nodiscard]] Result<std::optional<Row>> seek(MDB_txn* txn, MDB_dbi table, BytesView key,
                                              MDB_cursor_op operation);

// Read transactions, kept open for reuse: renewing one takes no system call and no lock of LMDB's.
// Any thread.
class ReaderPool {
 public:
  ReaderPool(MDB_env* env, std::size_t readers_max) : env_(env), readers_max_(readers_max) {}
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;
  ~ReaderPool();

  // A transaction on the newest state. kOverloaded when readers_max are in use.
  Result<MDB_txn*> take();
  void give_back(MDB_txn* txn);
  [[nodiscard]] std::size_t in_use() const;

 private:
  MDB_env* env_;
  std::size_t readers_max_;
  mutable std::mutex mutex_;
  std::vector<MDB_txn*> idle_;  // guarded by mutex_
  std::size_t in_use_ = 0;      // guarded by mutex_
};

}  // namespace witan::store
