#include "ledger/registration/identity.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "ledger/format/cose.h"
#include "ledger/registration/did_x509.h"

namespace witan {
namespace {

using Keys = std::vector<PublicKey>;

tl::unexpected<StatementError> refuse(ErrorCode code, std::string message) {
  return tl::unexpected<StatementError>(
      StatementError(code, std::move(message), StatementFault::kRejected));
}

Result<bool> has_hash(const Certificate& certificate, const CertificateHash& x5t) {
  switch (x5t.hash_algorithm) {
    case -16:
      return equal(certificate.fingerprint(HashFunction::kSha256), x5t.hash);
    case -43:
      return equal(certificate.fingerprint(HashFunction::kSha384), x5t.hash);
    case -44:
      return equal(certificate.fingerprint(HashFunction::kSha512), x5t.hash);
    default:
      return fail(ErrorCode::kUnsupported, "x5t (34): expected a hash of -16, -43 or -44, found " +
                                               std::to_string(x5t.hash_algorithm));
  }
}

Result<std::vector<Certificate>> parse_chain(const Statement& statement) {
  std::vector<Certificate> chain;
  chain.reserve(statement.x5chain.size());
  for (const BytesView der : statement.x5chain) {
    auto certificate = Certificate::from_der(der);
    if (!certificate) {
      return fail(
          certificate.error().within("x5chain (33): certificate " + std::to_string(chain.size())));
    }
    chain.push_back(*std::move(certificate));
  }
  if (statement.x5t) {
    WITAN_ASSIGN(const bool same, has_hash(chain.front(), *statement.x5t));
    if (!same) {
      return fail(ErrorCode::kBadIdentity,
                  "x5t (34): it is not the hash of the first certificate of x5chain (33)");
    }
  }
  return chain;
}

bool is_pinned(const Certificate& leaf, const std::vector<PinnedKey>& keys) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const PinnedKey& pinned) { return pinned.key == leaf.public_key(); });
}

// A leaf whose key usage forbids signatures did not make this one on purpose.
Result<void> check_may_sign(const Certificate& leaf) {
  const KeyUsage usage = leaf.key_usage();
  if (!usage.present || usage.digital_signature) return {};
  return fail(ErrorCode::kBadIdentity,
              "x5chain (33): the leaf's key usage does not allow digital signatures");
}

Result<void> check_uri_san(const Certificate& leaf, const std::string& issuer) {
  WITAN_ASSIGN(const auto names, leaf.subject_alt_names());
  const SubjectAltName wanted{SubjectAltName::Type::kUri, issuer};
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return {};
  return fail(ErrorCode::kBadIdentity,
              "issuer.name: it is a pattern, so the leaf certificate must carry iss \"" + issuer +
                  "\" as URI SAN, and does not");
}

StatementResult<Keys> from_chain(const Statement& statement, const IssuerIdentity& issuer,
                                 std::optional<std::int64_t> time_s) {
  WITAN_ASSIGN(const std::vector<Certificate> chain, parse_chain(statement));
  const Certificate& leaf = chain.front();
  WITAN_TRY(check_may_sign(leaf));
  if (!accepts(statement.algorithm, leaf.public_key().kind())) {
    return tl::unexpected<StatementError>(
        StatementError(ErrorCode::kUnsupported,
                       "alg (1): " + std::string(to_string(statement.algorithm)) +
                           " does not fit the leaf certificate's " +
                           std::string(to_string(leaf.public_key().kind())) + " key",
                       StatementFault::kSignatureAlgorithm));
  }
  const bool is_did = std::string_view(statement.issuer).starts_with(kDidX509Prefix);
  if (is_did) {
    if (statement.issuer.find('#') != std::string::npos) {
      return refuse(ErrorCode::kBadIdentity,
                    "CWT iss (1): expected a DID, found one with fragment");
    }
    WITAN_TRY(resolve_did_x509(statement.issuer, chain, time_s));
  }
  if (issuer.anchors.empty()) {
    // A DID pins its own CA, so one that the policy names needs nothing else; where keys are named
    // too, it must be one of them.
    if (is_did && issuer.keys.empty()) return Keys{leaf.public_key()};
    if (is_pinned(leaf, issuer.keys)) return Keys{leaf.public_key()};
    return refuse(ErrorCode::kBadIdentity,
                  "issuer.keys: the key of the leaf certificate is none of the issuer's, and the "
                  "policy names no anchors for it");
  }
  if (!is_did && is_pinned(leaf, issuer.keys)) return Keys{leaf.public_key()};
  if (issuer.is_pattern && !is_did) WITAN_TRY(check_uri_san(leaf, statement.issuer));
  auto verified = verify_chain(chain, issuer.anchors, {.time_s = time_s});
  if (!verified) return tl::unexpected<StatementError>(verified.error().within("issuer.anchors"));
  return Keys{leaf.public_key()};
}

StatementResult<Keys> from_x5t(const Statement& statement, const IssuerIdentity& issuer,
                               std::optional<std::int64_t> time_s) {
  for (const PinnedKey& pinned : issuer.keys) {
    if (!pinned.certificate) continue;
    WITAN_ASSIGN(const bool same, has_hash(*pinned.certificate, *statement.x5t));
    if (!same) continue;
    WITAN_TRY(check_may_sign(*pinned.certificate));
    // The policy vouches for the certificate itself; only its validity period is left to check.
    const std::vector<Certificate> alone{*pinned.certificate};
    WITAN_TRY(verify_chain(alone, alone, {.time_s = time_s}));
    return Keys{pinned.key};
  }
  return refuse(
      ErrorCode::kBadIdentity,
      statement.x5chain_unprotected
          ? "x5chain (33): it stands only in the unprotected header, which the log drops, "
            "and x5t (34) is the hash of no certificate of the issuer (issuer.keys)"
          : "issuer.keys: x5t (34) is the hash of no certificate of the issuer");
}

StatementResult<Keys> from_attested(const Statement& statement, const IssuerIdentity& issuer,
                                    std::optional<std::int64_t> time_s) {
  if (!issuer.attested) {
    return refuse(ErrorCode::kBadIdentity,
                  "issuer.attested: the policy does not say which evidence it accepts from this "
                  "did:attestedsvc issuer");
  }
  WITAN_ASSIGN(const AttestedService service, verify_attested_service(statement, time_s));
  WITAN_TRY(check_attested_service(service, *issuer.attested));
  return Keys{service.key};
}

}  // namespace

Result<PinnedKey> parse_pinned_key(const std::string& pem) {
  if (pem.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    WITAN_ASSIGN(PublicKey key, PublicKey::from_pem(pem));
    const Hash32 thumbprint = cose_key_thumbprint(key);
    return PinnedKey{std::move(key), thumbprint, std::nullopt};
  }
  WITAN_ASSIGN(const std::vector<Certificate> certificates, Certificate::from_pem(pem));
  if (certificates.size() != 1) {
    return fail(ErrorCode::kMalformed, "expected one certificate in one string, found " +
                                           std::to_string(certificates.size()));
  }
  const PublicKey& key = certificates.front().public_key();
  return PinnedKey{key, cose_key_thumbprint(key), certificates.front()};
}

StatementResult<Keys> keys_for_kid(const Statement& statement, const std::vector<PinnedKey>& keys) {
  Keys fitting;
  for (const PinnedKey& pinned : keys) {
    if (statement.kid && equal(*statement.kid, pinned.thumbprint)) {
      return Keys{pinned.key};
    }
    if (accepts(statement.algorithm, pinned.key.kind()) && fitting.size() < kKeysTriedMax) {
      fitting.push_back(pinned.key);
    }
  }
  if (fitting.empty()) {
    return tl::unexpected<StatementError>(
        StatementError(ErrorCode::kUnsupported,
                       "alg (1): " + std::string(to_string(statement.algorithm)) +
                           " fits none of the keys that the policy names for this issuer",
                       StatementFault::kSignatureAlgorithm));
  }
  return fitting;
}

StatementResult<Keys> resolve_identity(const Statement& statement, const IssuerIdentity& issuer,
                                       CheckTime check_time) {
  std::optional<std::int64_t> time_s;
  const bool attested = std::string_view(statement.issuer).starts_with(kDidAttestedServicePrefix);
  const bool certified = attested || !statement.x5chain.empty() || statement.x5t.has_value();
  if (certified && check_time == CheckTime::kIat) {
    if (!statement.issued_at_s) {
      return refuse(ErrorCode::kRefused,
                    "accept.check_time: the statement has no iat (CWT claim 6) to check its "
                    "certificates at");
    }
    time_s = statement.issued_at_s;
  }
  if (attested) return from_attested(statement, issuer, time_s);
  if (!statement.x5chain.empty()) return from_chain(statement, issuer, time_s);
  if (std::string_view(statement.issuer).starts_with(kDidX509Prefix)) {
    return refuse(ErrorCode::kBadIdentity,
                  statement.x5chain_unprotected
                      ? "x5chain (33): it stands only in the unprotected header, which the log "
                        "drops; a did:x509 issuer needs it in the protected header"
                      : "x5chain (33): a did:x509 issuer needs it in the protected header");
  }
  if (statement.x5t) return from_x5t(statement, issuer, time_s);
  if (issuer.keys.empty()) {
    return refuse(ErrorCode::kBadIdentity,
                  "issuer.keys: the policy names no keys for this issuer; expected an x5chain (33) "
                  "in the protected header");
  }
  return keys_for_kid(statement, issuer.keys);
}

StatementResult<void> verify_signature(const Statement& statement, const Keys& keys) {
  StatementError last(ErrorCode::kBadSignature, "signature: there is no key to verify it with",
                      StatementFault::kRejected);
  for (const PublicKey& key : keys) {
    auto verified = statement.cose.verify(key);
    if (verified) return {};
    // A key named by kid whose kind does not fit says so here.
    const bool unfit = verified.error().code == ErrorCode::kUnsupported;
    last = StatementError(verified.error().within("signature"),
                          unfit ? StatementFault::kSignatureAlgorithm : StatementFault::kRejected);
  }
  if (keys.size() > 1) {
    last.message = "signature: none of the issuer's " + std::to_string(keys.size()) +
                   " keys verifies it, and kid (4) is the thumbprint of none";
  }
  return tl::unexpected<StatementError>(std::move(last));
}

}  // namespace witan
