#pragma once
// The signer's rules, without I/O: a request and the present state give a reply and, when something
// changed, the next state. The reply of a change may leave only after that state is durable.
//
// What holds for every sequence of requests, however hostile: all heads that commit() lets out are
// heads of one growing sequence of entries, their times never go back, and sizes 0 and 1 are never
// signed. The core computes every root itself; nothing it signs is chosen by the caller but
// entries, time, origin and issuer.

#include <cstdint>
#include <optional>
#include <utility>

#include "config/result.h"
#include "config/walls.h"
#include "enclave/messages.h"
#include "enclave/state.h"
#include "ledger/ports/random.h"
#include "ledger/ports/signer.h"

namespace witan {

// What the running program states about itself in evidence.
struct EnclaveIdentity {
  Grade grade = Grade::kSim;
  Hash32 measurement{};
  WallStates walls;
};

// A state that must be durable before the reply beside it may leave.
struct Sealable {
  std::uint64_t generation = 0;
  SecretBytes state;
};

struct Step {
  EnclaveReply reply;
  std::optional<Sealable> seal;  // none: nothing changed, the reply may leave at once
};

// Used by one thread.
class EnclaveCore {
 public:
  // Without a state: init has not happened. `random` must outlive the core.
  EnclaveCore(EnclaveIdentity identity, Random& random)
      : identity_(std::move(identity)), random_(&random) {}
  // From what an earlier core gave to be sealed. kMalformed, kUnsupported.
  static Result<EnclaveCore> restore(EnclaveIdentity identity, Random& random, BytesView state);

  // Forgets a step that was not committed. Errors come as replies:
  // init: kConflict (another origin or issuer is here already), kMalformed, kTooLarge.
  // append: kNotFound (before init), kConflict (prev is not the size), kStale (time below the
  // last), kMalformed (no entries), kTooLarge (entries, size or time), kRefused (size 1).
  // attest: kNotFound, kTooLarge.
  Step step(const EnclaveRequest& request);
  // The state of the last step is durable: it becomes the present one.
  void commit();
  // It could not be made durable: the present state stays, and the reply must not leave.
  void discard() { next_.reset(); }

  // What evidence says from now on.
  void set_walls(WallStates walls) { identity_.walls = std::move(walls); }

  [[nodiscard]] const std::optional<EnclaveState>& state() const { return state_; }

 private:
  Result<SignerState> init(const InitRequest& request);
  Result<SignedHead> append(const AppendRequest& request);
  Result<SignerState> attest(const EnclaveState& state, BytesView nonce) const;

  EnclaveIdentity identity_;
  Random* random_;
  std::optional<EnclaveState> state_;
  std::optional<EnclaveState> next_;  // of the last step, until commit or discard
};

}  // namespace witan
