#pragma once
// Starting again: what a store and an enclave say, put together, or the reason why they cannot
// be. Called once at start, before anything else is sequenced.

#include "config/result.h"
#include "ledger/ports/signer.h"
#include "ledger/ports/store.h"
#include "ledger/sequencer/sequencer.h"
#include "ledger/tree/frontier.h"

namespace witan {

// The frontier of the first `size` leaves, from the store's tiles. kNotFound when the store has
// fewer.
[[nodiscard]] Result<Frontier> frontier_from_tiles(ReadView& view, TreeSize size);

// With P, S and D the published, the enclave's and the decided size, P <= S <= D must hold.
// - S > D: kStale, the store is older than the enclave's state (a restored copy).
// - S < P: kStale, the enclave's state is older than the published log.
// - A last head of the enclave above P is adopted: it waits to be published again. Its root must be
//   the store's at that size, else kConflict.
// - What is above S is appended next.
// kIo when the store's tiles do not lead to its own heads.
[[nodiscard]] Result<SequencerState> recover(ReadView& view, const SignerState& signer);

}  // namespace witan
