#pragma once
// Between a signed head and its publication: makes the checkpoint, and has it witnessed where a
// policy asks for it.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/result.h"
#include "ledger/ports/clock.h"
#include "ledger/ports/signer.h"
#include "ledger/ports/store.h"
#include "node/metrics.h"
#include "node/tile_cache.h"
#include "node/witnessing.h"

namespace witan {

struct WitnessingStatus {
  std::string quorum;                                 // its name in the policy
  std::optional<std::uint64_t> unwitnessed_after_ms;  // none: heads without quorum are held
  bool published_witnessed = false;                   // the newest published head meets the policy
  std::string waiting_for;  // why the signed head is not published; empty when all is well
  std::vector<WitnessState> witnesses;
};

class Publisher {
 public:
  struct Publication {
    std::string checkpoint, witnessed;  // as in PublishedHead
  };

  // Without `witnessing`, heads are published as soon as they are signed. Errors are the store's
  // and Witnessing::start's. What is given by reference must outlive it.
  static Result<std::unique_ptr<Publisher>> make(const SignerState& log, Store& store,
                                                 std::optional<WitnessingOptions> witnessing,
                                                 const Clock& clock, Metrics& metrics);

  // Called from another thread when publication() may have something that it had not before.
  void call_when_ready(std::function<void()> ready);
  // The head's publication; nullopt while its witnesses are asked. One head at a time: ask until it
  // has one, then for the next. Used by one thread.
  [[nodiscard]] Result<std::optional<Publication>> publication(const SignedHead& head);

  // nullopt without witnesses. Any thread, as the next.
  [[nodiscard]] std::optional<WitnessingStatus> witnessing() const;
  // Of the newest head that has its publication.
  [[nodiscard]] std::uint64_t published_time_ms() const { return published_time_ms_; }

 private:
  Publisher(SignerState log, Store& store) : log_(std::move(log)), store_(store) {}
  Result<void> start(const PublishedHead* newest, WitnessingOptions options, const Clock& clock,
                     Metrics& metrics);

  const SignerState log_;
  Store& store_;
  std::atomic<std::uint64_t> published_time_ms_{0};
  std::atomic<bool> published_witnessed_{false};
  // Consistency proofs need few tiles: those at the tree's right edge.
  TileCache tiles_{64};
  WitnessingStatus about_;  // what never changes
  std::unique_ptr<Witnessing> witnessing_;
};

}  // namespace witan
