#pragma once
// What a log keeps. One thread writes, each write is one transaction that is durable when the call
// returns; any thread reads through a short-lived ReadView.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/ports/signer.h"
#include "ledger/tree/tile.h"

namespace witan {

// A head that was published: signed and, where a policy asks for it, witnessed.
struct PublishedHead {
  SignedHead head;
  // The signed note as receipts of this size carry it: with the smallest set of cosignatures that
  // meets the policy.
  std::string checkpoint;
  // The same with all cosignatures that came, as /checkpoint serves it; empty when there are no
  // others. Kept only while the head is the newest: ReadView::published() has it.
  std::string witnessed = {};
  friend bool operator==(const PublishedHead&, const PublishedHead&) = default;
};

struct BatchEntry {
  Hash32 entry{};       // SHA-256 of the canonical statement
  BytesView statement;  // the canonical statement
};

// One transaction: publications first, then the decision.
struct StoreCommit {
  // Growing sizes, each above the last published and at most decided. The first may be the newest
  // published head again, whose checkpoints are then replaced.
  std::vector<PublishedHead> publish;
  // The compare-and-swap of the head register: applied only when the register holds exactly
  // `expected` (nullopt: an empty store). New register value: next.
  struct Decide {
    std::optional<TreeHead> expected;
    TreeHead next;  // size = expected size + entries
    std::vector<BatchEntry> entries;
    // The leaf of this batch, if any, by which the log governs itself: a registration policy or a
    // key set.
    std::optional<LeafIndex> own;
  };
  std::optional<Decide> decide;
};

// A consistent snapshot. Holds a read transaction open, so it must not outlive the making of one
// answer. Views that it gives are valid while it lives. Used by one thread at a time.
class ReadView {
 public:
  virtual ~ReadView() = default;

  [[nodiscard]] virtual Result<std::optional<TreeHead>> decided() = 0;
  [[nodiscard]] virtual Result<std::optional<PublishedHead>> published() = 0;  // the newest
  // The first published head whose tree holds the leaf; nullopt when none does yet.
  [[nodiscard]] virtual Result<std::optional<PublishedHead>> head_covering(LeafIndex index) = 0;
  [[nodiscard]] virtual Result<std::optional<PublishedHead>> head_at(TreeSize size) = 0;

  [[nodiscard]] virtual Result<std::optional<LeafIndex>> find(const Hash32& entry) = 0;
  // kNotFound beyond the decided size, for this and the following.
  [[nodiscard]] virtual Result<Hash32> entry(LeafIndex index) = 0;
  [[nodiscard]] virtual Result<BytesView> statement(LeafIndex index) = 0;
  // `count` hashes (32 bytes each) of a tile, from its start. kNotFound when it has fewer.
  [[nodiscard]] virtual Result<BytesView> tile(TileId tile, std::uint32_t count) = 0;
  // Entries of [start, start + count) inside one bundle of 256, 32 bytes each. kMalformed when the
  // range is empty or reaches over the bundle's end.
  [[nodiscard]] virtual Result<BytesView> entries(LeafIndex start, std::uint32_t count) = 0;
  // The served form of the statements of [start, start + count) inside one bundle of 256: each with
  // its big-endian uint32 length before it. Pieces to be put one after the other; one piece when
  // the bundle is packed, else one a statement. A bundle may be as large as 256 of the largest
  // statements, so sum the sizes up before copying. kMalformed as for entries().
  [[nodiscard]] virtual Result<std::vector<BytesView>> statement_bundle(LeafIndex start,
                                                                        std::uint32_t count) = 0;
  // The leaves after leaves 0 and 1 that were decided as StoreCommit::Decide::own, in order.
  [[nodiscard]] virtual Result<std::vector<LeafIndex>> own_statements() = 0;
  // A small named value (see Store::put_meta).
  [[nodiscard]] virtual Result<std::optional<Bytes>> meta(std::string_view name) = 0;
};

struct StoreUsage {
  std::uint64_t bytes_used = 0;  // pages in use, times page size
  std::uint64_t bytes_file = 0;
  std::uint32_t readers = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  // kConflict when the register holds another head, a publication does not fit, or an entry stands
  // twice (nothing is written); kIo (disk full and the like: nothing of the transaction is kept,
  // reading goes on, and a later commit may succeed).
  virtual Result<void> commit(const StoreCommit& commit) = 0;
  virtual Result<void> put_meta(std::string_view name, BytesView value) = 0;
  // kOverloaded when all reader slots are taken. Views must be gone before the store goes.
  [[nodiscard]] virtual Result<std::unique_ptr<ReadView>> read() = 0;
  [[nodiscard]] virtual StoreUsage usage() = 0;
};

}  // namespace witan
