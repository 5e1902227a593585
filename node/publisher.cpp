#include "node/publisher.h"

#include <algorithm>

#include "ledger/tree/proof.h"
#include "node/genesis.h"
#include "node/log.h"

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
  policy_ = options.policy;
  head_interval_ = options.head_interval;
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
  if (newest == nullptr || published_witnessed_) return {};
  // A head that was signed before a restart is the newest that witnesses may have seen.
  if (log_.last && log_.last->head.size > published) return {};
  // The log's beginning, or what was published without its quorum: witnesses are asked now.
  newest_ = newest->head;
  open_size_ = published.value;
  WITAN_ASSIGN(std::string note, checkpoint_note(log_, *newest_));
  return witnessing_->offer(std::move(note), true);
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
  WITAN_TRY(witnessing_->offer(std::move(note), false));
  auto witnessed = witnessing_->take();
  if (!witnessed || witnessed->size != head.head.size) return std::optional<Publication>();
  published_time_ms_ = head.head.time_ms;
  published_witnessed_ = witnessed->quorum;
  newest_ = head;
  open_size_ = witnessed->quorum ? 0 : head.head.size.value;
  return std::optional<Publication>(
      Publication{std::move(witnessed->small_note), std::move(witnessed->note)});
}

std::optional<PublishedHead> Publisher::publication_again() {
  if (!witnessing_ || open_size_ == 0) return std::nullopt;
  auto witnessed = witnessing_->take();
  if (!witnessed || !witnessed->again || witnessed->size != newest_->head.size) return std::nullopt;
  published_witnessed_ = true;
  return PublishedHead{*newest_, std::move(witnessed->small_note), std::move(witnessed->note)};
}

bool Publisher::must_wait() const {
  return witnessing_ && newest_ && !about_.unwitnessed_after_ms && !published_witnessed_;
}

std::chrono::milliseconds Publisher::pause(std::uint64_t now_ms) const {
  if (!signed_ms_) return std::chrono::milliseconds(0);
  const auto since = std::chrono::milliseconds(now_ms - *signed_ms_);
  return std::max(std::chrono::milliseconds(0), head_interval_ - since);
}

bool Publisher::may_change(const PublishedHead& head) const {
  return head.head.head.size.value == open_size_ && open_size_ != 0 &&
         !check_checkpoint(policy_, head.checkpoint);
}

std::optional<WitnessingStatus> Publisher::witnessing() const {
  if (!witnessing_) return std::nullopt;
  WitnessingStatus out = about_;
  out.published_witnessed = published_witnessed_;
  out.waiting_for = witnessing_->waiting_for();
  out.lacking = witnessing_->lacking();
  out.witnesses = witnessing_->witnesses();
  return out;
}

bool publish_due(Publisher& publisher, Sequencer& sequencer) {
  const auto& head = sequencer.awaiting_publication();
  if (!head) {
    if (!sequencer.may_publish_again()) return false;
    auto again = publisher.publication_again();
    return again && sequencer.publish_again(*std::move(again)).has_value();
  }
  auto ready = publisher.publication(*head);
  if (!ready) log_error("cannot make a checkpoint", {{"error", ready.error().message}});
  if (!ready || !*ready) return false;
  auto& [checkpoint, witnessed] = **ready;
  return sequencer.publish(head->head.size, std::move(checkpoint), std::move(witnessed))
      .has_value();
}

}  // namespace witan
