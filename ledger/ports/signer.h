#pragma once
// What a log needs of the enclave that holds its keys. The enclave computes every root itself;
// there is no call that takes a root or bytes to sign.

#include <optional>
#include <span>
#include <string>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

struct TreeHead {
  TreeSize size;
  Hash32 root{};
  std::uint64_t time_ms = 0;  // since 1970; never goes back from one head to the next
  friend bool operator==(const TreeHead&, const TreeHead&) = default;
};

// A head with the enclave's two signatures.
struct SignedHead {
  TreeHead head;
  Signature64 note_signature{};  // Ed25519 over the checkpoint's text (origin, size, root)
  Bytes cose_protected;          // receipt.h: cose_head_protected
  Signature64 cose_signature{};  // ES256 over the root as detached payload
  friend bool operator==(const SignedHead&, const SignedHead&) = default;
};

// Lowest to highest. What a verifier may conclude, not what a node claims.
enum class Grade { kSim, kProcess, kTpm, kTee };
[[nodiscard]] std::string_view to_string(Grade grade);
[[nodiscard]] Result<Grade> grade_from_name(std::string_view name);

// The log's public identity as its enclave states it.
struct SignerState {
  std::string origin;
  std::string issuer;
  Bytes note_key;  // raw Ed25519
  Bytes cose_key;  // P-256 x || y
  TreeSize size;   // what the enclave has appended; 0 before the first append
  std::optional<SignedHead> last;
  Bytes evidence;  // CBOR attestation evidence over the nonce that was asked with
};

class Signer {
 public:
  virtual ~Signer() = default;

  // Appends entries (the 32-byte log entries; the signer hashes them) after exactly prev leaves at
  // a time not before the last one's, and signs the new head. A repetition of the last append gives
  // the same bytes again. kConflict (another size), kStale, kTooLarge, kUnavailable (no process:
  // the caller restarts it and asks state()), kTimeout, kIo.
  virtual Result<SignedHead> append(TreeSize prev, std::span<const Hash32> entries,
                                    std::uint64_t time_ms) = 0;

  // Keys, size, last head with its signatures, and evidence bound to the nonce (at most 64 bytes).
  virtual Result<SignerState> attest(BytesView nonce) = 0;
};

}  // namespace witan
