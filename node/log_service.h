#pragma once
// One sequenced log at work: takes statements, checks them on worker threads, has them decided,
// signed and published, and tells whoever waits.
//
// Threads: the workers check statements; the committer is the only writer of the store; only the
// signer thread has the enclave append. The sequencer, a core without I/O, is shared by them
// under one mutex.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/node_config.h"
#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/ports/clock.h"
#include "ledger/ports/signer.h"
#include "ledger/ports/store.h"
#include "ledger/registration/policy.h"
#include "node/metrics.h"
#include "node/publisher.h"
#include "node/tile_cache.h"
#include "node/waiters.h"

namespace witan {

struct LogServiceOptions {
  unsigned verify_threads = 2;
  // For the benchmark's upper bound: statements are checked and then dropped, answered as decided.
  bool check_only = false;
  // Who must have cosigned a head before it is published.
  std::optional<WitnessingOptions> witnessing;
};

// What /status and /metrics show.
struct LogStatus {
  TreeSize decided;
  TreeSize published;
  std::uint64_t published_time_ms = 0;
  std::uint64_t pooled = 0;
  bool signing = true;          // false while the enclave is down or refuses
  std::string signing_problem;  // why, when not signing
  std::string storing_problem;  // why nothing is being decided, when so
  std::optional<WitnessingStatus> witnessing;
};

class LogService {
 public:
  // The store and signer must outlive it and hold a log that was begun (entries 0 and 1). Fails
  // when store and enclave contradict each other (kStale, kConflict), naming the way out, and when
  // the witnesses' policy cannot work for this log (kUsage).
  static Result<std::unique_ptr<LogService>> open(Store& store, Signer& signer, const Clock& clock,
                                                  Metrics& metrics,
                                                  const LogServiceOptions& options);
  // Stops the threads. Statements that wait are answered kUnavailable.
  virtual ~LogService() = default;

  // Checks the statement and, when it is accepted, has it registered. `done` is called exactly
  // once, from another thread: when it is published, or when `wait` has passed or the log is
  // crowded and it is at least decided, or with the error. A statement that is in the log already
  // is answered like a new one, with its index. kOverloaded when a queue is full, kTimeout when
  // `wait` passed and it is not even decided.
  virtual void submit(Bytes statement, std::chrono::milliseconds wait, RegistrationDone done) = 0;
  // Whether a published head may still get cosignatures that it lacks; see Publisher::may_change.
  [[nodiscard]] virtual bool may_change(const PublishedHead& head) = 0;
  // Whether the statement is on its way into the log: accepted, and not published yet.
  [[nodiscard]] virtual bool pending(const Hash32& entry) = 0;

  [[nodiscard]] virtual LogStatus status() = 0;
  [[nodiscard]] virtual const SignerState& identity() const = 0;
  [[nodiscard]] virtual std::shared_ptr<const RegistrationPolicy> policy() const = 0;
  [[nodiscard]] virtual Store& store() = 0;
  // For attest() only; any thread.
  [[nodiscard]] virtual Signer& signer() = 0;
  [[nodiscard]] virtual TileCache& tiles() = 0;
};

}  // namespace witan
