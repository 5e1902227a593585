#pragma once
// Who waits for which statement. A core without threads or clock: its owner holds the lock and
// tells the time.

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ledger/bytes.h"
#include "ledger/format/statement.h"

namespace witan {

// How far a statement has come. kDecided: durable in the log, its receipt follows. kPublished: it
// has a receipt.
enum class Stage { kDecided, kPublished };

struct Registration {
  Hash32 entry{};
  LeafIndex index;
  Stage stage = Stage::kDecided;
};

// Called once, from another thread than the one that submitted.
using RegistrationDone = std::function<void(StatementResult<Registration>)>;

// An answer that is due: called by the owner after it has released its lock.
struct DueAnswer {
  RegistrationDone done;
  StatementResult<Registration> result;
};

class Waiters {
 public:
  // Waits for publication until the deadline (of a clock that never goes back), then for the
  // decision only. `index` when the statement is decided already.
  void add(const Hash32& entry, std::uint64_t deadline_ms, std::optional<LeafIndex> index,
           RegistrationDone done);

  // The statement is durable at the index: whoever's time is over gets its answer.
  void decided(const Hash32& entry, LeafIndex index, std::uint64_t now_ms,
               std::vector<DueAnswer>& due);
  // The statement has its receipt: everybody gets it.
  void published(const Hash32& entry, LeafIndex index, std::vector<DueAnswer>& due);
  // It will not be registered.
  void failed(const Hash32& entry, const StatementError& error, std::vector<DueAnswer>& due);
  void fail_all(const StatementError& error, std::vector<DueAnswer>& due);

  // Those whose time is over, and, when `crowded`, everybody whose statement is decided. A
  // statement that is not even decided `grace_ms` after its time is answered kTimeout (it may still
  // be registered).
  void expire(std::uint64_t now_ms, bool crowded, std::uint64_t grace_ms,
              std::vector<DueAnswer>& due);

  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  struct Waiter {
    std::uint64_t deadline_ms;
    RegistrationDone done;
  };
  struct Entry {
    std::optional<LeafIndex> index;  // once decided
    std::vector<Waiter> waiters;
  };
  struct HashOfHash {
    // Entries are SHA-256 values: their first bytes are as good a hash as any.
    std::size_t operator()(const Hash32& entry) const noexcept {
      std::size_t value = 0;
      for (std::size_t i = 0; i < sizeof value; ++i) value = value << 8 | entry[i];
      return value;
    }
  };
  std::unordered_map<Hash32, Entry, HashOfHash> waiting_;
};

}  // namespace witan
