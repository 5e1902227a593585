#include "ledger/format/statement.h"

#include <array>
#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/crypto/x509.h"
#include "ledger/format/statement_headers.h"

namespace witan {
namespace {

constexpr std::string_view kAttestedServicePrefix = "did:attestedsvc:";
constexpr std::string_view kAttestedServiceLabel = "attestedsvc";

tl::unexpected<StatementError> refuse(StatementFault fault, ErrorCode code, std::string message) {
  return tl::unexpected<StatementError>(StatementError(code, std::move(message), fault));
}

// What only an unprotected header says is dropped by the log, so it may not decide anything.
Result<void> check_unprotected(const CoseHeaders& unprotected) {
  for (const std::int64_t label : {cose::kCrit, cose::kCwtClaims, cose::kPayloadHashAlg,
                                   cose::kPreimageContentType, cose::kPayloadLocation}) {
    if (unprotected.find(label)) {
      return fail(ErrorCode::kMalformed, "label " + std::to_string(label) +
                                             " stands in the unprotected header; it is allowed in "
                                             "the protected header only");
    }
  }
  return {};
}

// What RFC 9943 demands of a statement that is to be registered.
StatementResult<void> check_registration(const Statement& statement) {
  if (!statement.cose.tagged) {
    return refuse(StatementFault::kMalformed, ErrorCode::kMalformed,
                  "signed statement: expected tag 18 (COSE_Sign1), found none");
  }
  if (statement.payload.empty()) {
    return refuse(StatementFault::kPayloadMissing, ErrorCode::kMalformed,
                  statement.cose.payload ? "payload: it is empty"
                                         : "payload: it is detached (nil); it must be attached");
  }
  if (!statement.cose.protected_headers.find(cose::kCwtClaims)) {
    return refuse(StatementFault::kMalformed, ErrorCode::kMalformed,
                  "CWT claims (15): missing in the protected header");
  }
  if (statement.issuer.empty()) {
    return refuse(StatementFault::kMalformed, ErrorCode::kMalformed, "CWT iss (1): missing");
  }
  // Real attested services leave sub out; whether that is accepted, the policy says.
  const bool attested = std::string_view(statement.issuer).starts_with(kAttestedServicePrefix);
  if (statement.subject.empty() && !attested) {
    return refuse(StatementFault::kMalformed, ErrorCode::kMalformed, "CWT sub (2): missing");
  }
  const std::vector<std::string> attested_crit{std::string(kAttestedServiceLabel)};
  if (!statement.crit_not_understood.empty() &&
      !(attested && statement.crit_not_understood == attested_crit)) {
    return refuse(
        StatementFault::kMalformed, ErrorCode::kUnsupported,
        "crit (2): label " + statement.crit_not_understood.front() + " is not understood");
  }
  if (!statement.kid && statement.x5chain.empty() && !statement.x5t) {
    return refuse(StatementFault::kConfirmationMissing, ErrorCode::kMalformed,
                  statement.x5chain_unprotected
                      ? "x5chain (33): it stands only in the unprotected header, which the log "
                        "drops; put it into the protected header"
                      : "key identification: expected kid (4), x5chain (33) or x5t (34) in the "
                        "protected header, found none");
  }
  return {};
}

// RFC 9995: the payload is the digest, and what it is a digest of is described by 259, not by 3.
Result<void> check_hash_envelope(const Statement& statement) {
  if (!statement.hash_envelope) return {};
  if (statement.content_type) {
    return fail(ErrorCode::kMalformed,
                "hash envelope: content type (3) must be absent beside payload hash algorithm "
                "(258); use 259");
  }
  const auto expected = digest_size(statement.hash_envelope->hash_algorithm);
  if (!expected) return fail(expected.error().within("payload hash algorithm (258)"));
  if (statement.payload.size() != *expected) {
    return fail(ErrorCode::kMalformed, "hash envelope: expected a payload of " +
                                           std::to_string(*expected) + " bytes, found " +
                                           std::to_string(statement.payload.size()));
  }
  return {};
}

Bytes protected_header(const StatementRequest& request, const PrivateKey& key) {
  const bool with_kid = request.x5chain.empty();
  const auto& envelope = request.hash_envelope;
  std::size_t pairs = 3;  // alg, claims, kid or x5chain
  if (request.content_type) ++pairs;
  if (envelope) ++pairs;
  if (envelope && envelope->preimage_content_type) ++pairs;
  if (envelope && envelope->location) ++pairs;

  CborWriter out;
  out.map(pairs);
  out.integer(cose::kAlg)
      .integer(static_cast<std::int64_t>(default_algorithm(key.public_key().kind())));
  if (request.content_type) out.integer(cose::kContentType).text(*request.content_type);
  if (with_kid) out.integer(cose::kKid).bytes(cose_key_thumbprint(key.public_key()));
  out.integer(cose::kCwtClaims).map(request.issued_at_s ? 3 : 2);
  out.integer(cose::kCwtIss).text(request.issuer);
  out.integer(cose::kCwtSub).text(request.subject);
  if (request.issued_at_s) out.integer(cose::kCwtIat).integer(*request.issued_at_s);
  if (!with_kid) {
    out.integer(cose::kX5chain);
    // RFC 9360: a single certificate is a byte string, several are an array.
    if (request.x5chain.size() > 1) out.array(request.x5chain.size());
    for (const Bytes& der : request.x5chain) out.bytes(der);
  }
  if (envelope) {
    out.integer(cose::kPayloadHashAlg).integer(envelope->hash_algorithm);
    if (envelope->preimage_content_type) {
      out.integer(cose::kPreimageContentType).text(*envelope->preimage_content_type);
    }
    if (envelope->location) out.integer(cose::kPayloadLocation).text(*envelope->location);
  }
  return out.take();
}

constexpr std::uint8_t kEmptyMap = 0xa0;

}  // namespace

std::string_view scrapi_title(StatementFault fault) {
  switch (fault) {
    case StatementFault::kMalformed:
      return "Malformed request";
    case StatementFault::kSignatureAlgorithm:
      return "Bad Signature Algorithm";
    case StatementFault::kConfirmationMissing:
      return "Confirmation Missing";
    case StatementFault::kPayloadMissing:
      return "Payload Missing";
    case StatementFault::kRejected:
      break;
  }
  return "Rejected";
}

Result<std::size_t> digest_size(std::int64_t cose_hash_algorithm) {
  switch (cose_hash_algorithm) {
    case -16:  // SHA-256
    case -17:  // SHA-512/256
      return 32;
    case -43:  // SHA-384
      return 48;
    case -44:  // SHA-512
      return 64;
    default:
      return fail(ErrorCode::kUnsupported,
                  "expected a hash of -16 (SHA-256), -17 (SHA-512/256), -43 (SHA-384) or -44 "
                  "(SHA-512), found " +
                      std::to_string(cose_hash_algorithm));
  }
}

StatementResult<Statement> Statement::parse(BytesView bytes, std::size_t max_bytes,
                                            StatementProfile profile) {
  Statement out;
  out.profile = profile;
  WITAN_ASSIGN(out.cose, CoseSign1::parse(bytes, max_bytes));
  const CoseHeaders& headers = out.cose.protected_headers;

  auto algorithm = out.cose.algorithm();
  if (!algorithm) {
    return tl::unexpected<StatementError>(
        StatementError(std::move(algorithm).error(), StatementFault::kSignatureAlgorithm));
  }
  out.algorithm = *algorithm;
  if (out.cose.payload) out.payload = *out.cose.payload;
  out.x5chain_unprotected = !headers.find(cose::kX5chain) &&
                            out.cose.unprotected_headers.find(cose::kX5chain).has_value();

  WITAN_TRY(check_unprotected(out.cose.unprotected_headers));
  WITAN_TRY(detail::read_claims(headers, out));
  WITAN_TRY(detail::read_content_type(headers, out));
  WITAN_TRY(detail::read_identification(headers, out));
  WITAN_TRY(detail::read_hash_envelope(headers, out));
  WITAN_TRY(detail::read_crit(headers, out));
  if (profile == StatementProfile::kForeign) return out;

  if (auto checked = check_registration(out); !checked) {
    return tl::unexpected<StatementError>(std::move(checked).error());
  }
  WITAN_TRY(check_hash_envelope(out));
  return out;
}

Bytes Statement::canonical() const {
  return cose_sign1_encode(cose.protected_bytes, BytesView(&kEmptyMap, 1), cose.payload,
                           cose.signature);
}

Hash32 Statement::entry() const {
  return sha256(canonical());
}

Result<std::vector<Bytes>> Statement::receipts() const {
  std::vector<Bytes> out;
  const std::optional<BytesView> item = cose.unprotected_headers.find(cose::kReceipts);
  if (!item) return out;
  WITAN_ASSIGN(CborReader reader, CborReader::make(*item));
  if (reader.peek() != CborType::kArray) {
    return fail(ErrorCode::kMalformed, "receipts (394): expected an array, found " +
                                           std::string(to_string(reader.peek())));
  }
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count == 0 || count > limits::kReceiptsPerStatementMax) {
    return fail(count == 0 ? ErrorCode::kMalformed : ErrorCode::kTooLarge,
                "receipts (394): expected 1 to " +
                    std::to_string(limits::kReceiptsPerStatementMax) + " receipts, found " +
                    std::to_string(count));
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (reader.peek() != CborType::kBytes) {
      return fail(ErrorCode::kMalformed, "receipts (394): expected byte strings, found " +
                                             std::string(to_string(reader.peek())));
    }
    WITAN_ASSIGN(const BytesView receipt, reader.read_bytes());
    if (receipt.size() > limits::kReceiptBytesMax) {
      return fail(ErrorCode::kTooLarge,
                  "receipts (394): a receipt of " + std::to_string(receipt.size()) +
                      " bytes, the limit is " + std::to_string(limits::kReceiptBytesMax));
    }
    out.push_back(to_bytes(receipt));
  }
  return out;
}

Result<Bytes> make_statement(const StatementRequest& request, const PrivateKey& key) {
  if (!request.x5chain.empty()) {
    WITAN_ASSIGN(const Certificate leaf, Certificate::from_der(request.x5chain.front()));
    if (!(leaf.public_key() == key.public_key())) {
      return fail(ErrorCode::kMalformed,
                  "x5chain: the first certificate holds another key than the signing key");
    }
  }
  const Bytes header = protected_header(request, key);
  WITAN_ASSIGN(const Bytes signature, key.sign(default_algorithm(key.public_key().kind()),
                                               cose_to_be_signed(header, request.payload)));
  Bytes out =
      cose_sign1_encode(header, BytesView(&kEmptyMap, 1), BytesView(request.payload), signature);
  const auto checked = Statement::parse(out, limits::kStatementBytesMax);
  if (!checked) return fail(checked.error());
  return out;
}

Bytes embed_receipts(const Statement& statement, const std::vector<Bytes>& receipts) {
  CborWriter unprotected;
  if (receipts.empty()) {
    unprotected.map(0);
  } else {
    unprotected.map(1).integer(cose::kReceipts).array(receipts.size());
    for (const Bytes& receipt : receipts) unprotected.bytes(receipt);
  }
  return cose_sign1_encode(statement.cose.protected_bytes, unprotected.data(),
                           statement.cose.payload, statement.cose.signature);
}

}  // namespace witan
