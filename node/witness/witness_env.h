#pragma once
// The LMDB environment of a witness's store: its file, its tables, its format.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>

#include <lmdb.h>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/store/lmdb_env.h"

namespace witan {

struct WitnessTables {
  MDB_dbi meta = 0;
  MDB_dbi logs = 0;
  MDB_dbi checkpoints = 0;
  MDB_dbi feeds = 0;
  MDB_dbi lists = 0;
};

struct WitnessEnv {
  store::Env env;
  WitnessTables tables;
};

// Opens the environment in the folder, and makes what of it is not there. See WitnessStore::open.
[[nodiscard]] Result<WitnessEnv> open_witness_env(const std::filesystem::path& folder,
                                                  std::size_t map_bytes, std::size_t readers_max);
// A copy without free pages, synced, of what is committed; into a folder that is there and empty.
[[nodiscard]] Result<void> copy_witness_env(MDB_env* env, const std::filesystem::path& folder);

[[nodiscard]] Result<std::uint64_t> witness_rows(MDB_txn* txn, MDB_dbi table);
// All rows, by key, until `visit` gives false or an error.
using VisitWitnessRow = std::function<Result<bool>(BytesView key, BytesView value)>;
[[nodiscard]] Result<void> each_witness_row(MDB_txn* txn, MDB_dbi table,
                                            const VisitWitnessRow& visit);
// Does nothing where there is no such row.
[[nodiscard]] Result<void> remove_witness_row(MDB_txn* txn, MDB_dbi table, const Hash32& key);

}  // namespace witan
