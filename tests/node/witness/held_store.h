#pragma once
// A witness's store that can be stopped before it writes, and made to fail: what is signed and not
// yet stored meanwhile is seen by the test.

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node/witness/witness_store.h"

namespace witan::test {

class HeldStore final : public WitnessStore {
 public:
  // Called before the batch of that number, from 0, is written, which happens if it gives nothing.
  using Before = std::function<Result<void>(std::size_t number)>;

  explicit HeldStore(WitnessStore& store) : store_(store) {}
  std::atomic<bool> after = false;  // `before` is called after the writing
  std::atomic<bool> dead = false;   // nothing is written any more
  Before before;                    // set before the service begins

  Result<void> put_cosigned(std::span<const Cosigned* const> cosigned,
                            Cosigning cosigning) override {
    if (dead) return fail(ErrorCode::kIo, "dead");
    if (cosigning == Cosigning::kKnown) return store_.put_cosigned(cosigned, cosigning);
    if (after) WITAN_TRY(store_.put_cosigned(cosigned, cosigning));
    if (before) WITAN_TRY(before(batches_++));
    if (after) return {};
    return store_.put_cosigned(cosigned, cosigning);
  }
  Result<std::optional<KnownLog>> find_log(std::string_view origin) override {
    return store_.find_log(origin);
  }
  Result<std::optional<StoredCheckpoint>> find_checkpoint(const Hash32& origin_hash) override {
    return store_.find_checkpoint(origin_hash);
  }
  Result<void> each_log(const VisitLog& visit) override { return store_.each_log(visit); }
  Result<void> each_checkpoint(const VisitCheckpoint& visit) override {
    return store_.each_checkpoint(visit);
  }
  Result<void> each_mark(const VisitMark& visit) override { return store_.each_mark(visit); }
  Result<Counts> counts() override { return store_.counts(); }
  Result<void> change_log(std::string_view origin, const ChangeLog& change) override {
    return store_.change_log(origin, change);
  }
  Result<MergeOutcome> merge(const LogList& list, std::string_view own_name) override {
    return store_.merge(list, own_name);
  }
  Result<std::optional<LogFeed>> find_feed(std::string_view origin) override {
    return store_.find_feed(origin);
  }
  Result<void> each_feed(const VisitFeed& visit) override { return store_.each_feed(visit); }
  Result<std::uint64_t> feeds_version() override { return store_.feeds_version(); }
  Result<void> put_feed(std::string_view origin, const std::optional<LogFeed>& feed) override {
    return store_.put_feed(origin, feed);
  }
  Result<std::vector<ListState>> lists() override { return store_.lists(); }
  Result<void> put_list(const ListState& list) override { return store_.put_list(list); }
  Result<void> keep_lists(const std::vector<std::string>& sources) override {
    return store_.keep_lists(sources);
  }
  Result<void> put_marks(std::span<const OriginMark> marks) override {
    return store_.put_marks(marks);
  }
  Result<void> copy_to(const std::filesystem::path& folder) override {
    return store_.copy_to(folder);
  }
  Result<void> clear_dead_readers() override { return store_.clear_dead_readers(); }

 private:
  WitnessStore& store_;
  std::size_t batches_ = 0;  // of the store's thread
};

}  // namespace witan::test
