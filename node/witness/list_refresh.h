#pragma once
// Reads a witness's lists of logs again and again, each in its own time, and adds what is new. What
// became of each list is kept in the store. A list that cannot be read changes nothing.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "config/result.h"
#include "ledger/ports/clock.h"
#include "node/http/interrupt.h"
#include "node/metrics.h"
#include "node/witness/log_sources.h"
#include "node/witness/witness_store.h"

namespace witan {

struct ListRefreshOptions {
  std::vector<std::string> sources;  // files or URLs
  std::filesystem::path folder;      // what relative files are relative to
  std::chrono::seconds refresh{3'600};
  std::string own_name;  // the witness's; see merge_log_list
  ListFetchOptions fetch;
};

class ListRefresher {
 public:
  using Options = ListRefreshOptions;
  using Fetch =
      std::function<Result<FetchedList>(const std::string& source, const ListValidators& known)>;
  using Jitter = std::function<double()>;  // from 0 to 1
  // All must outlive it. Without `fetch` and `jitter`: fetch_log_list, and the kernel's randomness.
  ListRefresher(WitnessStore& store, const Clock& clock, Metrics& metrics, Options options,
                Fetch fetch = {}, Jitter jitter = {});
  // Stops.
  ~ListRefresher();
  ListRefresher(const ListRefresher&) = delete;
  ListRefresher& operator=(const ListRefresher&) = delete;

  // Runs step() in a thread of its own; does nothing where there are no lists. kIo: the store.
  Result<void> start();
  // Breaks off a list that is being read; nothing is noted of it. Safe to call twice.
  void stop();

  // Reads what is due, and gives how long nothing else will be. Each list is due at once, then
  // after the refresh time, a tenth more or less; after a failure sooner: after a minute, and twice
  // as long each time.
  std::chrono::milliseconds step();

 private:
  struct Source {
    ListState state;
    std::uint64_t due_ms = 0;  // by the steady clock
    unsigned failures = 0;
    MetricGauge read_time, logs, key_changes, failing;
  };

  Result<void> load();
  void refresh(Source& source);
  // What the list has now; an error leaves the logs as they are.
  Result<void> take(ListState& state);
  void show(const Source& source);

  WitnessStore& store_;
  const Clock& clock_;
  Metrics& metrics_;
  Options options_;
  const Fetch fetch_;
  const Jitter jitter_;
  std::vector<Source> sources_;  // of the thread alone, or of who calls step()
  bool loaded_ = false;          // likewise
  const std::shared_ptr<http::Interrupt> interrupt_ = std::make_shared<http::Interrupt>();
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace witan
