#pragma once
// The logs that a witness knows, and the newest checkpoint that it cosigned for each: one LMDB
// environment in one folder. Several processes may have it open: what one changes, the others see
// with their next read. Any thread may call; a process opens a folder once at a time.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/limits.h"
#include "config/result.h"
#include "ledger/bytes.h"
#include "node/witness/witness_records.h"
#include "witness/cosigner.h"
#include "witness/log_list.h"

namespace witan {

struct WitnessStoreOptions {
  // Address space, not disk. Halved until the kernel grants it.
  std::size_t map_bytes = limits::kWitnessMapBytes;
  std::size_t readers_max = limits::kStoreReadersMax;
};

class WitnessStore {
 public:
  using Options = WitnessStoreOptions;
  // Opens the store in the folder, which it makes (mode 0700) when it is not there. kUnsupported:
  // written in another format version. kIo.
  static Result<std::unique_ptr<WitnessStore>> open(const std::filesystem::path& folder,
                                                    const Options& options = {});
  // The same, of a store that is there already: kNotFound when it is not.
  static Result<std::unique_ptr<WitnessStore>> open_existing(const std::filesystem::path& folder,
                                                             const Options& options = {});
  virtual ~WitnessStore() = default;

  [[nodiscard]] virtual Result<std::optional<KnownLog>> find_log(std::string_view origin) = 0;
  [[nodiscard]] virtual Result<std::optional<StoredCheckpoint>> find_checkpoint(
      const Hash32& origin_hash) = 0;

  // All logs, and all checkpoints, in no order that means anything, until `visit` gives false. It
  // must not call the store.
  using VisitLog = std::function<bool(KnownLog&&, std::optional<StoredCheckpoint>&&)>;
  virtual Result<void> each_log(const VisitLog& visit) = 0;
  using VisitCheckpoint = std::function<bool(StoredCheckpoint&&)>;
  virtual Result<void> each_checkpoint(const VisitCheckpoint& visit) = 0;
  // The same without the notes, and with the marks of origins whose names were lost (empty then).
  using VisitMark =
      std::function<bool(const OriginMark&, const std::string& origin, std::uint64_t time_s)>;
  virtual Result<void> each_mark(const VisitMark& visit) = 0;
  struct Counts {
    std::uint64_t logs = 0;
    std::uint64_t checkpoints = 0;  // lost ones, of which only the mark is known, included
  };
  [[nodiscard]] virtual Result<Counts> counts() = 0;

  // Changes one log in one transaction: `change` gets what is known of it and gives what shall be
  // known, or an error that leaves all as it was. The origin stays. kTooLarge above
  // limits::kWitnessLogsMax logs or limits::kWitnessKeysPerLogMax keys.
  using ChangeLog = std::function<Result<KnownLog>(std::optional<KnownLog>)>;
  virtual Result<void> change_log(std::string_view origin, const ChangeLog& change) = 0;
  // Takes a list in, add only; see merge_log_list. New logs, and their feeds, go in with
  // transactions of at most limits::kLogsAddedAtOnceMax, so that cosigning goes on between them;
  // where nothing is new, nothing is written.
  virtual Result<MergeOutcome> merge(const LogList& list, std::string_view own_name) = 0;

  // Where the witness reads a log by itself.
  [[nodiscard]] virtual Result<std::optional<LogFeed>> find_feed(std::string_view origin) = 0;
  using VisitFeed = std::function<bool(StoredFeed&&)>;
  virtual Result<void> each_feed(const VisitFeed& visit) = 0;
  // A number that grows with each change of the feeds.
  [[nodiscard]] virtual Result<std::uint64_t> feeds_version() = 0;
  // Sets it, or with nullopt removes it. kNotFound: no such log.
  virtual Result<void> put_feed(std::string_view origin, const std::optional<LogFeed>& feed) = 0;

  // The lists that are read again and again, by source.
  [[nodiscard]] virtual Result<std::vector<ListState>> lists() = 0;
  virtual Result<void> put_list(const ListState& list) = 0;
  // Forgets the lists of other sources; logs that came with them stay.
  virtual Result<void> keep_lists(const std::vector<std::string>& sources) = 0;

  // Makes the last of the checkpoints of each log durable, in one synced transaction. They were
  // cosigned in this order, and each was proven from the one before it. kStale when that of a log
  // does not go on from what is kept for it, kConflict when it is as large and has another root:
  // then whoever signed it does not know what it signed before, and nothing is stored.
  enum class Cosigning {
    kNew,    // just now: the first one begins where the kept one ends
    kKnown,  // maybe stored already, in part or all; or a crash has lost some before them
  };
  virtual Result<void> put_cosigned(std::span<const Cosigned* const> cosigned,
                                    Cosigning cosigning) = 0;
  Result<void> put_cosigned(std::span<const Cosigned> known);
  // What an operator accepts after an old copy of the store was put back: marks without notes.
  virtual Result<void> put_marks(std::span<const OriginMark> marks) = 0;

  // A copy of one moment, compact and synced, as a store of its own in an existing folder that has
  // none; others may write meanwhile. kIo.
  virtual Result<void> copy_to(const std::filesystem::path& folder) = 0;
  // Gives the places of processes that died while they read back to others; while such a place is
  // taken the store's file grows.
  virtual Result<void> clear_dead_readers() = 0;
};

}  // namespace witan
