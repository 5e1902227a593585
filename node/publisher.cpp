#include "node/publisher.h"

#include "ledger/tree/proof.h"
#include "node/genesis.h"

namespace witan {

Result<std::unique_ptr<Publisher>> Publisher::make(const SignerState& log, Store& store,
                                                   std::optional<WitnessingOptions> witnessing,
                                                   const Clock& clock, Metrics& metrics) {
  WITAN_ASSIGN(const auto view, store.read());
  WITAN_ASSIGN(const auto newest, view->published());
  std::unique_ptr<Publisher> out(new Publisher(log, store));
  if (newest) out->published_time_ms_ = newest->head.head.time_ms;
  if (witnessing) {
    WITAN_TRY(out->start(newest ? &*newest : nullptr, *std::move(witnessing), clock, metrics));
  }
  return out;
}

Result<void> Publisher::start(const PublishedHead* newest, WitnessingOptions options,
                              const Clock& clock, Metrics& metrics) {
  about_.quorum = options.policy.quorum;
  about_.unwitnessed_after_ms = options.collector.unwitnessed_after_ms;
  published_witnessed_ =
      newest != nullptr && check_checkpoint(options.policy, newest->checkpoint).has_value();
  WITAN_ASSIGN(const VerifierKey key,
               VerifierKey::make(log_.origin, NoteAlgorithm::kEd25519, log_.note_key));
  const auto proofs = [this](TreeSize from, TreeSize to) -> Result<std::vector<Hash32>> {
    WITAN_ASSIGN(const auto view, store_.read());
    return consistency_proof(from, to, nodes_of(*view, tiles_, to));
  };
  const TreeSize published = newest != nullptr ? newest->head.head.size : TreeSize{};
  auto started = Witnessing::start(std::move(options), key, published, proofs, clock, metrics);
  if (!started) return fail(started.error().within("witnesses"));
  witnessing_ = *std::move(started);
  return {};
}

void Publisher::call_when_ready(std::function<void()> ready) {
  if (witnessing_) witnessing_->call_when_decided(std::move(ready));
}

Result<std::optional<Publisher::Publication>> Publisher::publication(const SignedHead& head) {
  WITAN_ASSIGN(std::string note, checkpoint_note(log_, head));
  if (!witnessing_) {
    published_time_ms_ = head.head.time_ms;
    return std::optional<Publication>(Publication{std::move(note), ""});
  }
  WITAN_TRY(witnessing_->offer(std::move(note)));
  auto witnessed = witnessing_->take();
  if (!witnessed || witnessed->size != head.head.size) return std::optional<Publication>();
  published_time_ms_ = head.head.time_ms;
  published_witnessed_ = witnessed->quorum;
  return std::optional<Publication>(
      Publication{std::move(witnessed->small_note), std::move(witnessed->note)});
}

std::optional<WitnessingStatus> Publisher::witnessing() const {
  if (!witnessing_) return std::nullopt;
  WitnessingStatus out = about_;
  out.published_witnessed = published_witnessed_;
  out.waiting_for = witnessing_->waiting_for();
  out.witnesses = witnessing_->witnesses();
  return out;
}

}  // namespace witan
