#pragma once
// Asks witnesses over HTTP for a log's newest head: the threads, connections and proofs around
// witness/collector.h. Questions go out when a head is offered and answers are acted on when they
// come; nothing is polled, so witnessing costs one round trip.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/note.h"
#include "ledger/ports/clock.h"
#include "node/metrics.h"
#include "witness/collector.h"

namespace witan {

struct WitnessingOptions {
  TlogPolicy policy;
  CollectorOptions collector;
  std::optional<std::string> ca_file;  // PEM, besides the system's
  // A new head is signed at most so often, so that witnesses with a quota a day last.
  std::chrono::milliseconds head_interval{0};
};

// PROOF(from, D[to]) of the log's own tree.
using ConsistencyProofs = std::function<Result<std::vector<Hash32>>(TreeSize from, TreeSize to)>;

class Witnessing {
 public:
  // `published`: the log's size. Errors of Collector::make; kUsage for a witness's URL. `proofs` is
  // called by several threads; clock and metrics must outlive it.
  static Result<std::unique_ptr<Witnessing>> start(WitnessingOptions options,
                                                   const VerifierKey& log, TreeSize published,
                                                   ConsistencyProofs proofs, const Clock& clock,
                                                   Metrics& metrics);
  // Waits for requests that are under way: at most their deadline.
  virtual ~Witnessing() = default;

  // Called, from another thread and under no lock, when take() may have something. Set it before
  // anything is offered.
  virtual void call_when_decided(std::function<void()> decided) = 0;
  // As Collector::offer. The same head again changes nothing.
  virtual Result<void> offer(std::string signed_note, bool is_published) = 0;
  // The offered head, when it is to be published, and when it has its quorum later.
  [[nodiscard]] virtual std::optional<WitnessedHead> take() = 0;

  [[nodiscard]] virtual std::vector<WitnessState> witnesses() = 0;
  // Why the offered head is not published; empty when none waits, or not for longer than a witness
  // may take to answer.
  [[nodiscard]] virtual std::string waiting_for() = 0;
  // As Collector::lacking.
  [[nodiscard]] virtual std::string lacking() = 0;
};

}  // namespace witan
