#pragma once
// One receipt or tlog-proof against one entry: the part of verify.h between statement and log.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/bytes.h"
#include "ledger/crypto/public_key.h"
#include "ledger/format/note.h"
#include "witness/verify.h"

namespace witan {

// Whether the bytes are the text of a C2SP tlog-proof rather than a COSE receipt.
[[nodiscard]] bool is_tlog_proof(BytesView bytes);

// The checks "receipt" to "log head" of verify.h, and what they found.
struct ReceiptReport {
  std::vector<Check> checks;
  std::string origin;
  std::optional<TreeSize> size;
  std::optional<LeafIndex> index;
  std::vector<Hash32> path;              // of the (first) proof of vds 1
  std::optional<PublicKey> receipt_key;  // that verified the COSE head
  std::optional<VerifierKey> log_key;    // that verified the checkpoint
  [[nodiscard]] bool verified() const;
};
[[nodiscard]] ReceiptReport check_receipt(BytesView receipt, const Hash32& entry,
                                          const VerifyTrust& trust);

// The checks "key set" and "enclave grade". `log` is the report of the receipt that is relied on.
[[nodiscard]] std::vector<Check> check_key_set(std::optional<BytesView> key_set,
                                               const ReceiptReport& log, const VerifyTrust& trust);

}  // namespace witan
