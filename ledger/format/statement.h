#pragma once
// Signed statements: COSE_Sign1 with an issuer and a subject.
// Sources: RFC 9943 (SCITT architecture), RFC 9597 (CWT claims in headers), RFC 9360 (x5chain,
// x5t), RFC 9995 (hash envelope).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/private_key.h"
#include "ledger/format/cose.h"

namespace witan {

struct HashEnvelope {
  std::int64_t hash_algorithm = -16;  // COSE number; -16 is SHA-256, -43 SHA-384, -44 SHA-512
  std::optional<std::string> preimage_content_type;  // text, or the decimal CoAP number
  std::optional<std::string> location;
};

struct CertificateHash {
  std::int64_t hash_algorithm = -16;
  BytesView hash;
};

// What a refused statement lacks, in the classes that SCRAPI (draft -11, section on registration)
// tells apart in its error titles.
enum class StatementFault {
  kMalformed,            // not a signed statement of RFC 9943
  kSignatureAlgorithm,   // alg is absent, text, unknown, not accepted, or not the key's
  kConfirmationMissing,  // no kid, x5chain or x5t in the protected header
  kPayloadMissing,       // detached or empty
  kRejected,             // everything that the registration policy decides, signatures included
};
// "Malformed request", "Bad Signature Algorithm", "Confirmation Missing", "Payload Missing",
// "Rejected".
[[nodiscard]] std::string_view scrapi_title(StatementFault fault);

// An Error that also knows its class. It may be used, and handed on, wherever an Error may.
struct StatementError : Error {
  StatementFault fault = StatementFault::kRejected;

  StatementError(ErrorCode code_in, std::string message_in, StatementFault fault_in)
      : Error{code_in, std::move(message_in)}, fault(fault_in) {}
  // kMalformed for kMalformed, kRejected for every other code.
  StatementError(Error error)  // NOLINT(google-explicit-constructor)
      : Error(std::move(error)),
        fault(code == ErrorCode::kMalformed ? StatementFault::kMalformed
                                            : StatementFault::kRejected) {}
  StatementError(Error error, StatementFault fault_in) : Error(std::move(error)), fault(fault_in) {}
};

// Converts to Result<T> for T other than void; WITAN_TRY and WITAN_ASSIGN work on both.
template <typename T>
using StatementResult = tl::expected<T, StatementError>;

// How strict a parser is.
enum class StatementProfile {
  // What a Witan log registers: every MUST of RFC 9943, and what a replay of the decision needs.
  kRegistration,
  // Other people's statements, to inspect and verify them: the tag, claims, key identification and
  // payload may be missing, and critical headers need not be understood. What is there must still
  // be well-formed.
  kForeign,
};

// A decoded statement. Nothing about it is verified yet: see registration/.
struct Statement {
  CoseSign1 cose;
  Algorithm algorithm = Algorithm::kEdDsa;
  std::string issuer;
  std::string subject;
  std::optional<std::int64_t> issued_at_s;    // CWT iat
  std::optional<BytesView> kid;               // protected only
  std::optional<std::string> content_type;    // text, or the decimal CoAP number
  std::vector<BytesView> x5chain;             // protected only, leaf first, DER
  bool x5chain_unprotected = false;           // a chain stands only in the unprotected header
  std::optional<CertificateHash> x5t;         // protected only
  std::optional<HashEnvelope> hash_envelope;  // protected only
  BytesView payload;                          // empty when detached (kForeign only)
  StatementProfile profile = StatementProfile::kRegistration;
  // kForeign only: labels in crit that Witan does not understand. Whoever relies on such a
  // statement must understand them (RFC 9052 section 3.1).
  std::vector<std::string> crit_not_understood;

  // Wants tag 18, alg, CWT claims with iss and sub (did:attestedsvc issuers may leave sub out: the
  // policy decides, and the label "attestedsvc" is understood in their crit), kid or x5chain or x5t
  // (protected), an attached non-empty payload, nothing in crit that is not understood, no content
  // type (3) besides a hash envelope (258), and a digest of the length that 258 says. Errors name
  // the rule (kMalformed, kUnsupported, kTooLarge).
  static StatementResult<Statement> parse(
      BytesView bytes, std::size_t max_bytes,
      StatementProfile profile = StatementProfile::kRegistration);

  // What the log keeps: d2 84, protected verbatim, a0, payload, signature, with minimal heads.
  [[nodiscard]] Bytes canonical() const;
  // SHA-256 of canonical(): the log entry, and in hex the statement's id.
  [[nodiscard]] Hash32 entry() const;
  // The receipts that travel in the unprotected header under 394, each an encoded COSE_Sign1.
  [[nodiscard]] Result<std::vector<Bytes>> receipts() const;
};

// What `witan sign` needs to make one.
struct StatementRequest {
  std::string issuer;
  std::string subject;
  std::optional<std::string> content_type;
  std::optional<std::int64_t> issued_at_s;
  std::vector<Bytes> x5chain;  // DER, leaf first; with none, kid is the key's thumbprint
  std::optional<HashEnvelope> hash_envelope;
  Bytes payload;  // with a hash envelope, the digest
};

// Deterministic protected header. kMalformed when the leaf's key is another or when the request
// makes no statement that Statement::parse() accepts, with its message.
[[nodiscard]] Result<Bytes> make_statement(const StatementRequest& request, const PrivateKey& key);

// The length of a hash envelope's digest, by the COSE number of the hash: SHA-256 (-16),
// SHA-512/256
// (-17), SHA-384 (-43), SHA-512 (-44). kUnsupported for others, SHA-1 and truncated ones among
// them.
[[nodiscard]] Result<std::size_t> digest_size(std::int64_t cose_hash_algorithm);

// The statement (any unprotected header) with exactly these receipts embedded under 394.
[[nodiscard]] Bytes embed_receipts(const Statement& statement, const std::vector<Bytes>& receipts);

}  // namespace witan
