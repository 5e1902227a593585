#pragma once

#include "ledger/ports/store.h"
#include "ledger/store/lmdb_env.h"

namespace witan::store {

// A ReadView on a read transaction of the pool.
class LmdbView final : public ReadView {
 public:
  LmdbView(ReaderPool& pool, MDB_txn* txn, const Tables& tables)
      : pool_(pool), txn_(txn), tables_(tables) {}
  LmdbView(const LmdbView&) = delete;
  LmdbView& operator=(const LmdbView&) = delete;
  ~LmdbView() override { pool_.give_back(txn_); }

  Result<std::optional<TreeHead>> decided() override;
  Result<std::optional<PublishedHead>> published() override;
  Result<std::optional<PublishedHead>> head_covering(LeafIndex index) override;
  Result<std::optional<PublishedHead>> head_at(TreeSize size) override;
  Result<std::optional<LeafIndex>> find(const Hash32& entry) override;
  Result<Hash32> entry(LeafIndex index) override;
  Result<BytesView> statement(LeafIndex index) override;
  Result<BytesView> tile(TileId tile, std::uint32_t count) override;
  Result<BytesView> entries(LeafIndex start, std::uint32_t count) override;
  Result<std::vector<BytesView>> statement_bundle(LeafIndex start, std::uint32_t count) override;
  Result<std::vector<LeafIndex>> own_statements() override;
  Result<std::optional<Bytes>> meta(std::string_view name) override;

 private:
  // The row of the leaves table with at least `count` leaves; kNotFound.
  struct Leaves {
    BytesView record;
    std::uint32_t width = 0;
  };
  Result<Leaves> leaves(std::uint64_t bundle, std::uint32_t count);
  Result<BytesView> pending_row(std::uint64_t index);

  ReaderPool& pool_;
  MDB_txn* txn_;
  const Tables& tables_;
};

// The head register and the newest published head, for the writer's checks too.
[[nodiscard]] Result<std::optional<TreeHead>> read_register(MDB_txn* txn, const Tables& tables);
[[nodiscard]] Result<TreeSize> newest_published_size(MDB_txn* txn, const Tables& tables);

}  // namespace witan::store
