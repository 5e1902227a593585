#pragma once
// Signed statements: COSE_Sign1 with an issuer and a subject.
// Sources: RFC 9943 (SCITT architecture), RFC 9597 (CWT claims in headers), RFC 9360 (x5chain,
// x5t), RFC 9995 (hash envelope).

#include <optional>
#include <string>
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
  BytesView payload;

  // Wants tag 18, alg, CWT claims with iss and sub, kid or x5chain or x5t (protected), an attached
  // non-empty payload, nothing in crit that is not understood. Errors name the rule (kMalformed,
  // kUnsupported, kTooLarge).
  static Result<Statement> parse(BytesView bytes, std::size_t max_bytes);

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

// kUnsupported when the algorithm does not fit the key; kMalformed when the leaf's key is another.
[[nodiscard]] Result<Bytes> make_statement(const StatementRequest& request, const PrivateKey& key);

// The statement (any unprotected header) with exactly these receipts embedded under 394.
[[nodiscard]] Bytes embed_receipts(const Statement& statement, const std::vector<Bytes>& receipts);

}  // namespace witan
