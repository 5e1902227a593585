#pragma once
// Attestation evidence: what an enclave states about itself, bound to a verifier's nonce.
// Format: docs/enclave-protocol.md, section "Evidence". These versions carry the grades `sim` and
// `process` only: both are the enclave's own word under the log's key. Higher grades need a proof
// by hardware, which they have no field for, so they cannot claim them.

#include <cstddef>
#include <optional>
#include <string>

#include "config/result.h"
#include "config/walls.h"
#include "ledger/bytes.h"
#include "ledger/format/note.h"
#include "ledger/ports/signer.h"

namespace witan {

inline constexpr std::size_t kEvidenceNonceBytesMax = 64;
inline constexpr std::size_t kEvidenceBytesMax = 4'096;

struct EvidenceHead {
  TreeSize size;
  Hash32 root{};
  friend bool operator==(const EvidenceHead&, const EvidenceHead&) = default;
};

struct Evidence {
  Grade grade = Grade::kSim;
  std::string origin;
  Hash32 note_thumbprint{};          // RFC 9679, of the Ed25519 note key
  Hash32 cose_thumbprint{};          // RFC 9679, of the P-256 COSE key
  Hash32 measurement{};              // SHA-256 of the enclave's program file; zeroes under `sim`
  Bytes nonce;                       // at most kEvidenceNonceBytesMax
  std::optional<EvidenceHead> last;  // the last signed head; none before the first
  WallStates walls;                  // around the process; none in version 1 and under `sim`
  friend bool operator==(const Evidence&, const Evidence&) = default;
};

// Evidence as it travels: the signed bytes verbatim beside what they say.
struct SignedEvidence {
  Evidence evidence;
  Bytes body;  // the encoded map that the signature covers
  Signature64 signature{};

  // Parses without verifying. kMalformed (anything but the one deterministic encoding), kTooLarge,
  // kUnsupported (another version, a grade that this version cannot carry).
  static Result<SignedEvidence> parse(BytesView bytes);
  [[nodiscard]] Bytes encode() const;
};

// The map of the evidence, deterministically encoded, in version 2.
[[nodiscard]] Bytes encode_evidence_body(const Evidence& evidence);
// What the note key signs: a domain separation string and the body. Never the text of a note.
[[nodiscard]] Bytes evidence_to_be_signed(BytesView body);

// Succeeds when the evidence is signed by `log_key` (an Ed25519 note key), is about that key and
// its origin (the key's name), and carries exactly this nonce. kBadSignature, kBadIdentity (another
// origin or key), kStale (another nonce), and the errors of SignedEvidence::parse. The caller
// compares grade, measurement and COSE thumbprint with its policy.
[[nodiscard]] Result<Evidence> verify_evidence(BytesView bytes, BytesView nonce,
                                               const VerifierKey& log_key);

}  // namespace witan
