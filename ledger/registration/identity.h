#pragma once
// Whose key signed: from what a statement's protected header says and what the policy knows about
// its issuer to the keys that may have signed it.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/registration_policy.h"
#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/public_key.h"
#include "ledger/crypto/x509.h"
#include "ledger/format/statement.h"
#include "ledger/registration/did_attestedsvc.h"

namespace witan {

// A key of the policy, with what statements name it by.
struct PinnedKey {
  PublicKey key;
  Hash32 thumbprint{};                     // RFC 9679
  std::optional<Certificate> certificate;  // when the policy gives a certificate
};

// One PEM public key or one PEM certificate. kMalformed, kUnsupported.
[[nodiscard]] Result<PinnedKey> parse_pinned_key(const std::string& pem);

// A compiled [[issuer]].
struct IssuerIdentity {
  bool is_pattern = false;
  std::vector<PinnedKey> keys;
  std::vector<Certificate> anchors;
  std::optional<AttestedServicePolicy> attested = std::nullopt;
};

// Keys tried for one statement whose kid names none of the issuer's.
inline constexpr std::size_t kKeysTriedMax = 8;

// The keys that may have signed the statement, of which one must verify it:
// - issuer did:attestedsvc: the attested key, when the evidence verifies (did_attestedsvc.h) and
//   the issuer's rule accepts what it says.
// - issuer did:x509: the leaf of the protected x5chain to which the DID resolves; with anchors, the
//   chain must also lead to one of them, with keys alone the leaf's must be one of those.
// - x5chain: its leaf, when it leads to an anchor of the issuer or holds one of the issuer's keys.
//   Where the policy names issuers by a pattern, an anchored leaf must carry iss as a URI SAN, else
//   everybody below the anchor could speak for every name.
// - x5t alone: the issuer's certificate of that hash.
// - kid: the issuer's key whose thumbprint it is; if none is, up to kKeysTriedMax of the issuer's
//   keys that fit the algorithm, as many signers choose kids freely.
// An x5t beside an x5chain must be the leaf's. kBadIdentity, kUnsupported, kMalformed.
[[nodiscard]] StatementResult<std::vector<PublicKey>> resolve_identity(const Statement& statement,
                                                                       const IssuerIdentity& issuer,
                                                                       CheckTime check_time);

// Those of the keys that a kid and an algorithm lead to (see above). kUnsupported when none fits.
[[nodiscard]] StatementResult<std::vector<PublicKey>> keys_for_kid(
    const Statement& statement, const std::vector<PinnedKey>& keys);

// Succeeds when one of the keys verifies the statement's signature over the bytes received.
[[nodiscard]] StatementResult<void> verify_signature(const Statement& statement,
                                                     const std::vector<PublicKey>& keys);

}  // namespace witan
