#include "witness/verify.h"

#include <algorithm>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/cose.h"
#include "ledger/format/statement.h"
#include "witness/verify_receipt.h"

namespace witan {
namespace {

std::string in_quotes(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

Result<IssuerIdentity> compile_issuer(const TrustFile::Issuer& issuer) {
  IssuerIdentity out;
  out.is_pattern = !issuer.name.empty() && issuer.name.back() == '*';
  for (const std::string& pem : issuer.keys) {
    WITAN_ASSIGN(PinnedKey key, parse_pinned_key(pem));
    out.keys.push_back(std::move(key));
  }
  for (const std::string& pem : issuer.anchors) {
    WITAN_ASSIGN(const std::vector<Certificate> anchors, Certificate::from_pem(pem));
    out.anchors.insert(out.anchors.end(), anchors.begin(), anchors.end());
  }
  return out;
}

Check check_statement(const Statement& statement) {
  if (!statement.crit_not_understood.empty()) {
    return {"statement", CheckStatus::kFailed,
            "it has a critical header that is not understood: " +
                statement.crit_not_understood.front()};
  }
  return {"statement", CheckStatus::kOk,
          statement.issuer.empty()
              ? "it names no issuer"
              : in_quotes(statement.issuer) + " about " + in_quotes(statement.subject)};
}

// Those of the keys that fit the statement, whatever it says about chains.
StatementResult<void> verify_with_keys(const Statement& statement,
                                       const std::vector<PinnedKey>& pinned) {
  const auto keys = keys_for_kid(statement, pinned);
  if (!keys) return tl::unexpected<StatementError>(keys.error());
  return verify_signature(statement, *keys);
}

StatementResult<void> verify_with_issuer(const Statement& statement, const IssuerIdentity& issuer) {
  const auto keys = resolve_identity(statement, issuer, CheckTime::kNone);
  if (!keys) return tl::unexpected<StatementError>(keys.error());
  // A DID binds itself to the key in its chain. Whoever lists keys and no anchors means those keys.
  if (issuer.anchors.empty()) {
    for (const PublicKey& key : *keys) {
      const auto is_it = [&key](const PinnedKey& pinned) { return pinned.key == key; };
      if (std::none_of(issuer.keys.begin(), issuer.keys.end(), is_it)) {
        return tl::unexpected<StatementError>(
            StatementError(ErrorCode::kBadIdentity,
                           "the key that the issuer's DID leads to is none of the listed keys",
                           StatementFault::kRejected));
      }
    }
  }
  return verify_signature(statement, *keys);
}

Check check_signature(const Statement& statement, const VerifyTrust& trust) {
  const auto answer = [](CheckStatus status, std::string detail) {
    return Check{"statement signature", status, std::move(detail)};
  };
  const std::string algorithm(to_string(statement.algorithm));
  std::string why;
  if (!trust.issuer_keys.empty()) {
    const auto verified = verify_with_keys(statement, trust.issuer_keys);
    if (verified) return answer(CheckStatus::kOk, algorithm + " by the given issuer key");
    why = "not by the given issuer key: " + verified.error().message;
  }
  const TrustFile::Issuer* listed =
      statement.issuer.empty() ? nullptr : trust.names.find_issuer(statement.issuer);
  if (listed != nullptr) {
    const auto place = static_cast<std::size_t>(listed - trust.names.issuers.data());
    const auto verified = verify_with_issuer(statement, trust.identities.at(place));
    if (verified) {
      return answer(CheckStatus::kOk, algorithm + " by the issuer that the policy lists as " +
                                          in_quotes(listed->name));
    }
    why += (why.empty() ? "issuer " : "; issuer ") + in_quotes(listed->name) + ": " +
           verified.error().message;
  }
  if (!why.empty()) return answer(CheckStatus::kFailed, std::move(why));
  const std::string unknown = "not checked: no key of the issuer " + in_quotes(statement.issuer) +
                              " was given, and no policy lists it";
  return answer(trust.allow_unknown_issuer ? CheckStatus::kSkipped : CheckStatus::kFailed, unknown);
}

std::string hash_name(std::int64_t number) {
  switch (number) {
    case -16:
      return "SHA-256";
    case -43:
      return "SHA-384";
    case -44:
      return "SHA-512";
    default:
      return "hash " + std::to_string(number);
  }
}

Check check_artifact(const Statement& statement, const ArtifactDigest& digest_of) {
  const auto answer = [](CheckStatus status, std::string detail) {
    return Check{"artifact", status, std::move(detail)};
  };
  const bool envelope = statement.hash_envelope.has_value();
  const std::int64_t algorithm = envelope ? statement.hash_envelope->hash_algorithm : -16;
  if (statement.payload.empty()) {
    return answer(CheckStatus::kFailed, "the statement carries no payload to compare it with");
  }
  const auto found = digest_of(algorithm);
  if (!found) return answer(CheckStatus::kFailed, found.error().message);
  const Hash32 payload_digest = sha256(statement.payload);
  const BytesView wanted = envelope ? statement.payload : BytesView(payload_digest);
  if (equal(*found, wanted)) {
    return answer(CheckStatus::kOk,
                  envelope ? "its " + hash_name(algorithm) + " is the one in the statement"
                           : std::string("it is the statement's payload"));
  }
  return answer(CheckStatus::kFailed,
                hash_name(algorithm) + " is " + hex_encode(*found) + ", the statement " +
                    (envelope ? "says " : "carries a payload with ") + hex_encode(wanted));
}

// The given receipt, or the first of the embedded ones that verifies (else the first).
Result<ReceiptReport> choose_receipt(const VerifyInput& input, const Statement& statement,
                                     const VerifyTrust& trust) {
  const Hash32 entry = statement.entry();
  if (!input.receipt.empty()) return check_receipt(input.receipt, entry, trust);
  WITAN_ASSIGN(const std::vector<Bytes> receipts, statement.receipts());
  if (receipts.empty()) {
    return fail(ErrorCode::kMalformed, "none was given, and the statement carries none (394)");
  }
  std::optional<ReceiptReport> first;
  for (const Bytes& receipt : receipts) {
    ReceiptReport report = check_receipt(receipt, entry, trust);
    if (report.verified()) return report;
    if (!first) first = std::move(report);
  }
  return *std::move(first);
}

}  // namespace

std::string_view to_string(CheckStatus status) {
  switch (status) {
    case CheckStatus::kOk:
      return "ok";
    case CheckStatus::kFailed:
      return "failed";
    case CheckStatus::kSkipped:
      return "skipped";
  }
  return "unknown";
}

Result<VerifyTrust> VerifyTrust::from(const TrustFile& file) {
  VerifyTrust out;
  out.names = file;
  out.origin = file.origin;
  out.lowest_grade = file.lowest_grade;
  if (file.tlog_policy) {
    auto policy = TlogPolicy::parse(*file.tlog_policy);
    if (!policy) return fail(policy.error().within(file.tlog_policy_source));
    out.tlog_policy = *std::move(policy);
  }
  for (const std::string& pem : file.receipt_keys) {
    auto key = PublicKey::from_pem(pem);
    if (!key) return fail(key.error().within("log.receipt_keys"));
    out.receipt_keys.push_back(*std::move(key));
  }
  for (const TrustFile::Issuer& issuer : file.issuers) {
    auto identity = compile_issuer(issuer);
    if (!identity) return fail(identity.error().within("issuer " + in_quotes(issuer.name)));
    out.identities.push_back(*std::move(identity));
  }
  return out;
}

const Check* VerifyReport::first_failure() const {
  const auto failed = std::find_if(checks.begin(), checks.end(), [](const Check& check) {
    return check.status == CheckStatus::kFailed;
  });
  return failed == checks.end() ? nullptr : &*failed;
}

VerifyReport verify(const VerifyInput& input, const VerifyTrust& trust) {
  VerifyReport out;
  const auto statement =
      Statement::parse(input.statement, limits::kStatementBytesMax, StatementProfile::kForeign);
  if (!statement) {
    out.checks.push_back({"statement", CheckStatus::kFailed, statement.error().message});
    return out;
  }
  out.entry = statement->entry();
  out.checks.push_back(check_statement(*statement));
  out.checks.push_back(check_signature(*statement, trust));
  auto receipt = choose_receipt(input, *statement, trust);
  if (!receipt) {
    out.checks.push_back({"receipt", CheckStatus::kFailed, receipt.error().message});
  } else {
    out.checks.insert(out.checks.end(), receipt->checks.begin(), receipt->checks.end());
    out.origin = receipt->origin;
    out.size = receipt->size;
    out.index = receipt->index;
  }
  if (input.artifact_digest)
    out.checks.push_back(check_artifact(*statement, input.artifact_digest));
  if (receipt) {
    const auto grade = check_key_set(input.key_set, *receipt, trust);
    out.checks.insert(out.checks.end(), grade.begin(), grade.end());
  }
  return out;
}

}  // namespace witan
