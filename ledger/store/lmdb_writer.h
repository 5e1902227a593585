#pragma once

#include "ledger/ports/store.h"
#include "ledger/store/lmdb_env.h"

namespace witan::store {

// Puts one commit into a write transaction, or says why not: the caller then drops the transaction.
// Errors as of Store::commit.
[[nodiscard]] Result<void> write_commit(MDB_txn* txn, const Tables& tables,
                                        const StoreCommit& commit);

}  // namespace witan::store
