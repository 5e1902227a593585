#pragma once
// Who a log says that it is: its first two entries, and what its receipts must look like because of
// them.

#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "ledger/format/statement.h"
#include "ledger/ports/signer.h"
#include "ledger/registration/policy.h"
#include "node/key_sets.h"

namespace witan::audit {

struct Beginning {
  RegistrationPolicy policy;  // of entry 0
  KeySet keys;                // of entry 1
};

// From the log's first two statements: entry 0 is a policy signed by an admin key of its own and
// about the origin; entry 1 is a key set signed by an admin key, of the same origin, with `pinned`
// as its log key when one is known, and enclave evidence under that key over the nonce entry 0.
// Errors name the entry.
[[nodiscard]] Result<Beginning> check_beginning(const Statement& entry0, const Statement& entry1,
                                                const std::string& origin,
                                                const std::optional<VerifierKey>& pinned);

// The checkpoint of a note, without its signatures. A log never signs trees of fewer than 2
// entries: kMalformed.
[[nodiscard]] Result<Checkpoint> read_checkpoint(std::string_view note);
// kBadSignature.
[[nodiscard]] Result<void> check_checkpoint_signature(std::string_view note,
                                                      const VerifierKey& log_key);

// A head that a receipt shows.
struct ShownHead {
  TreeSize size;
  Hash32 root{};
};

class ReceiptCheck {
 public:
  // `receipt_key`, when given, must be one of entry 1's: kBadIdentity.
  static Result<ReceiptCheck> make(const Beginning& beginning,
                                   const std::optional<PublicKey>& receipt_key);
  // Whether the receipt proves the entry at that index under a head of at most `newest` leaves,
  // with the log's issuer, origin and key, and carries the log's checkpoint of the same head.
  // kMalformed, kBadProof, kBadSignature, kBadIdentity.
  [[nodiscard]] Result<ShownHead> check(BytesView bytes, LeafIndex index, const Hash32& entry,
                                        TreeSize newest) const;

 private:
  ReceiptCheck(LogKeys keys, VerifierKey log_key)
      : keys_(std::move(keys)), log_key_(std::move(log_key)) {}

  LogKeys keys_;
  VerifierKey log_key_;
};

}  // namespace witan::audit
