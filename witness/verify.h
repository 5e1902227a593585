#pragma once
// Offline verification of a registered statement: who signed it, that a log holds it, and that the
// witnesses whom the verifier asks for have seen that log. No I/O.
// Sources: RFC 9943 section 7 (verifying transparent statements), RFC 9942, C2SP tlog-proof and
// tlog-policy.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "config/trust_file.h"
#include "ledger/bytes.h"
#include "ledger/crypto/public_key.h"
#include "ledger/format/note.h"
#include "ledger/registration/identity.h"
#include "witness/tlog_policy.h"

namespace witan {

enum class CheckStatus {
  kOk,
  kFailed,
  kSkipped,  // nothing was asked that this check could answer; the detail says so
};
[[nodiscard]] std::string_view to_string(CheckStatus status);

// One question and its answer. Details may hold text from outside, control characters included:
// whoever prints them escapes them.
struct Check {
  std::string name;
  CheckStatus status = CheckStatus::kSkipped;
  std::string detail;
};

// What the verifier knows beforehand. Receipts are verified by receipt_keys, checkpoints by
// log_keys and tlog_policy; all that are given and apply must agree, and at least one must apply.
struct VerifyTrust {
  std::vector<VerifierKey> log_keys;      // of logs; one of them must sign the checkpoint
  std::vector<PublicKey> receipt_keys;    // one of them must sign the receipt
  std::optional<TlogPolicy> tlog_policy;  // its log line and its quorum must be met
  std::optional<std::string> origin;      // the only log that is accepted
  // Keys that may have signed the statement, whatever issuer it names.
  std::vector<PinnedKey> issuer_keys;
  // Issuers by name: identities[i] belongs to names.issuers[i].
  TrustFile names;
  std::vector<IssuerIdentity> identities;
  std::optional<TrustGrade> lowest_grade;  // needs the log's key set, see VerifyInput
  // Without it a statement whose signature nothing can verify fails.
  bool allow_unknown_issuer = false;

  // Compiles a trust file. Errors name the issuer or key: kMalformed, kUnsupported.
  static Result<VerifyTrust> from(const TrustFile& file);
};

// Gives the digest of the artifact by the COSE number of the hash.
using ArtifactDigest = std::function<Result<Bytes>(std::int64_t hash_algorithm)>;

struct VerifyInput {
  BytesView statement;
  // An RFC 9942 receipt or the text of a .tlog-proof. Empty: the receipts that travel in the
  // statement (394); the first that verifies counts.
  BytesView receipt;
  // When set, the artifact must be what the statement is about: its digest the one in the hash
  // envelope, or its bytes the payload.
  ArtifactDigest artifact_digest;
  // The log's entry 1 as a transparent statement (content type application/witan-log-keys+cbor).
  std::optional<BytesView> key_set;
};

struct VerifyReport {
  std::vector<Check> checks;    // in the order in which they build on each other
  std::optional<Hash32> entry;  // the statement's id, when it could be read
  std::string origin;           // the log's name, when the receipt says it
  std::optional<TreeSize> size;
  std::optional<LeafIndex> index;

  // nullptr when no check failed.
  [[nodiscard]] const Check* first_failure() const;
  [[nodiscard]] bool verified() const { return first_failure() == nullptr; }
};

// The checks are, by name:
//   statement            it is a signed statement, and nothing critical in it is not understood
//   statement signature  made by a key of --issuer-key or of the issuer that the policy lists. A
//                        did:x509 that binds itself counts only when it is listed; with listed keys
//                        and no anchors, the key must be one of them
//   receipt              it is an inclusion receipt or a tlog-proof
//   inclusion proof      it leads from this statement to the signed root
//   receipt signature    the root is signed by a receipt key, and kid names that key
//   log signature        the checkpoint is signed by a log key and by a log of the tlog-policy
//   witnesses            the tlog-policy's quorum; a log's own key never counts
//   log head             the origin is the one wanted; COSE head and checkpoint agree in origin,
//                        size and root
//   artifact, key set, enclave grade   as asked for
[[nodiscard]] VerifyReport verify(const VerifyInput& input, const VerifyTrust& trust);

}  // namespace witan
