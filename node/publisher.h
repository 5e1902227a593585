#pragma once
// Between a signed head and its publication: makes the checkpoint, and has it witnessed where a
// policy asks for it.

#include <atomic>
#include <chrono>
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
#include "ledger/sequencer/sequencer.h"
#include "node/metrics.h"
#include "node/tile_cache.h"
#include "node/witnessing.h"

namespace witan {

struct WitnessingStatus {
  std::string quorum;                                 // its name in the policy
  std::optional<std::uint64_t> unwitnessed_after_ms;  // none: heads without quorum are held
  bool published_witnessed = false;                   // the newest published head meets the policy
  std::string waiting_for;  // why the signed head is not published; empty when all is well
  std::string lacking;  // what is missing of a head that was published without quorum; else empty
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

  // The newest published head with the quorum that it lacked when it was published. Used by the
  // same thread, while no newer head waits for its publication.
  [[nodiscard]] std::optional<PublishedHead> publication_again();

  // Whether the next head is to wait: none is published without its quorum, and the newest has not
  // got it yet. It would never get it after the next one, nor would its receipts. Used by the same
  // thread.
  [[nodiscard]] bool must_wait() const;
  // A head was signed, and how long the next has to wait for that; at a steady time. Used by the
  // same thread.
  void head_signed(std::uint64_t now_ms) { signed_ms_ = now_ms; }
  [[nodiscard]] std::chrono::milliseconds pause(std::uint64_t now_ms) const;

  // nullopt without witnesses. Any thread, as the next.
  [[nodiscard]] std::optional<WitnessingStatus> witnessing() const;
  // Whether the head lacks its quorum and may still get it: then what is made from it may change.
  [[nodiscard]] bool may_change(const PublishedHead& head) const;
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
  WitnessingStatus about_;  // what never changes, as the next two
  TlogPolicy policy_;
  std::chrono::milliseconds head_interval_{0};
  std::optional<std::uint64_t> signed_ms_;   // of the one thread alone, as the next
  std::optional<SignedHead> newest_;         // published; of the one thread alone
  std::atomic<std::uint64_t> open_size_{0};  // of a published head that lacked its quorum
  std::unique_ptr<Witnessing> witnessing_;
};

// Gives the sequencer, whose lock is held, what is to be published: the signed head once it may be,
// or else the newest again. Whether it has got something to commit.
bool publish_due(Publisher& publisher, Sequencer& sequencer);

}  // namespace witan
