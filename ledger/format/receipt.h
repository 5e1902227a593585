#pragma once
// COSE receipts: a tree head signed as COSE_Sign1, with a proof in its unprotected header.
// Sources: RFC 9942 (vds 1, RFC9162_SHA256), draft-ietf-scitt-receipts-ccf-profile (vds 2), RFC
// 9943.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/cose.h"

namespace witan {

// The protected header of Witan's COSE tree head: {1: alg, 4: kid, 15: {1: issuer, 2: origin, 6:
// time}, 395: 1, -65537: tree size}, deterministic. Its payload, detached, is the root. Two of one
// size and different roots convict the signer.
struct CoseHeadFields {
  Hash32 kid{};  // RFC 9679 thumbprint of the ES256 key
  std::string issuer;
  std::string origin;
  std::uint64_t time_s = 0;
  TreeSize size;
};
[[nodiscard]] Bytes cose_head_protected(const CoseHeadFields& fields);

struct InclusionProof {
  TreeSize size;
  LeafIndex index;
  std::vector<Hash32> path;
};
struct ConsistencyProof {
  TreeSize from;
  TreeSize to;
  std::vector<Hash32> path;
};
// vds 2: leaf = SHA-256(tx_hash || SHA-256(evidence) || data_hash); steps fold without prefixes.
struct CcfProof {
  Hash32 tx_hash{};
  std::string evidence;
  Hash32 data_hash{};
  struct Step {
    bool left = false;
    Hash32 hash{};
  };
  std::vector<Step> path;
};

struct Receipt {
  CoseSign1 cose;
  Algorithm algorithm = Algorithm::kEs256;
  std::int64_t vds = 0;
  std::optional<Bytes> kid;  // bstr; a tstr kid is read as its bytes
  std::optional<std::string> issuer;
  std::optional<std::string> subject;
  std::optional<std::int64_t> issued_at_s;
  std::optional<std::uint64_t> head_size;  // protected label -65537
  std::vector<InclusionProof> inclusion;
  std::vector<ConsistencyProof> consistency;
  std::vector<CcfProof> ccf;
  std::optional<std::string> checkpoint;  // unprotected label -65538: a signed note

  // Wants tag 18, alg and vds protected, and at least one proof; further kinds of proofs are
  // skipped. kMalformed, kTooLarge, kUnsupported (vds other than 1 and 2, a list-shaped proof under
  // vds 2, a critical header that is not understood).
  static Result<Receipt> parse(BytesView bytes);
};

// A receipt from a signed head; `checkpoint`, when given, is embedded under -65538.
[[nodiscard]] Bytes encode_inclusion_receipt(BytesView head_protected, BytesView head_signature,
                                             const InclusionProof& proof,
                                             std::optional<std::string_view> checkpoint);
[[nodiscard]] Bytes encode_consistency_receipt(BytesView head_protected, BytesView head_signature,
                                               const ConsistencyProof& proof);

// Succeeds when every inclusion proof of the receipt leads from the entry (vds 1: the log entry;
// vds 2: SHA-256 of the canonical statement, the same 32 bytes) to a root that the key signed, and
// head_size, when present, agrees with the proof. Needs at least one proof. kBadProof,
// kBadSignature. Does not look at the embedded checkpoint, issuer or kid: see witness/verify.h.
[[nodiscard]] Result<Hash32> verify_inclusion_receipt(const Receipt& receipt, const Hash32& entry,
                                                      const PublicKey& log_key);
// From a known older root; gives the newer root.
[[nodiscard]] Result<Hash32> verify_consistency_receipt(const Receipt& receipt, TreeSize from,
                                                        const Hash32& root_from,
                                                        const PublicKey& log_key);

}  // namespace witan
