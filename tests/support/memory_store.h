#pragma once
// A Store in memory for tests and the simulator, with the faults that a real one has: a power
// failure that takes what was not synced, commits that fail, commits whose outcome is not known.

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "ledger/ports/store.h"

namespace witan::test {

struct MemoryState;

// Any thread. Views stay readable after a crash and after the store is gone.
class MemoryStore final : public Store {
 public:
  MemoryStore();

  Result<void> commit(const StoreCommit& commit) override;
  Result<void> put_meta(std::string_view name, BytesView value) override;
  Result<std::unique_ptr<ReadView>> read() override;
  StoreUsage usage() override;

  // false: writes stay in memory until sync(), as with a disk that lies or a sync left out.
  void set_sync(bool sync);
  void sync();
  // Power failure: the state is again that of the last sync.
  void crash();
  // The next commit or put_meta gives this error; with `applied` it is written all the same.
  void fail_next(Error error, bool applied = false);
  [[nodiscard]] std::uint64_t commits() const;

 private:
  // What is on the disk; entries and heads below these numbers.
  struct Durable {
    std::optional<TreeHead> decided;
    std::size_t heads = 0;
    std::map<std::string, Bytes, std::less<>> meta;
  };
  void mark_durable();

  mutable std::mutex mutex_;  // guards all below
  std::shared_ptr<MemoryState> state_;
  Durable durable_;
  bool sync_ = true;
  std::optional<Error> failure_;
  bool failure_applied_ = false;
  std::uint64_t commits_ = 0;
};

}  // namespace witan::test
