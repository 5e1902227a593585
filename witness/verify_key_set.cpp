// The log's key set, entry 1, and the grade that its enclave's evidence states.

#include <algorithm>
#include <utility>

#include "config/limits.h"
#include "ledger/attestation/evidence.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/registration/log_keys.h"
#include "witness/verify_receipt.h"

namespace witan {
namespace {

// The receipt that travels in the key set's statement, verified like any other.
Result<ReceiptReport> verify_registration(const Statement& statement, const VerifyTrust& trust) {
  WITAN_ASSIGN(const std::vector<Bytes> receipts, statement.receipts());
  if (receipts.empty()) {
    return fail(ErrorCode::kMalformed,
                "expected the log's entry 1 with its receipt (394), as /entries/ID/statement "
                "gives it; found no receipt");
  }
  std::string why;
  for (const Bytes& receipt : receipts) {
    ReceiptReport report = check_receipt(receipt, statement.entry(), trust);
    if (report.verified()) return report;
    for (const Check& check : report.checks) {
      if (why.empty() && check.status == CheckStatus::kFailed) {
        why = check.name + ": " + check.detail;
      }
    }
  }
  return fail(ErrorCode::kBadProof, "its receipt: " + why);
}

// The keys are those that verified the receipt which is relied on.
Result<void> check_keys(const LogKeys& keys, const ReceiptReport& log) {
  if (!log.origin.empty() && keys.origin != log.origin) {
    return fail(ErrorCode::kBadIdentity,
                "it is of the log \"" + keys.origin + "\", the receipt of \"" + log.origin + "\"");
  }
  if (log.log_key && keys.vkey != log.log_key->text()) {
    return fail(ErrorCode::kBadIdentity,
                "it names another log key than the one that signed the checkpoint: " + keys.vkey);
  }
  const auto is_it = [&log](const CoseKey& key) { return key.key == *log.receipt_key; };
  if (log.receipt_key && std::none_of(keys.keys.begin(), keys.keys.end(), is_it)) {
    return fail(ErrorCode::kBadIdentity, "it does not hold the key that signed the receipt");
  }
  return {};
}

Result<Evidence> check_evidence(const LogKeys& keys, const ReceiptReport& registered) {
  WITAN_ASSIGN(const VerifierKey vkey, VerifierKey::parse(keys.vkey));
  WITAN_ASSIGN(const SignedEvidence parsed, SignedEvidence::parse(keys.evidence));
  // The nonce is entry 0, whose leaf stands beside this one: so the evidence belongs to this log.
  if (registered.path.empty() || leaf_hash(parsed.evidence.nonce) != registered.path.front()) {
    return fail(ErrorCode::kStale, "evidence: it is not bound to the log's first entry");
  }
  WITAN_ASSIGN(Evidence evidence, verify_evidence(keys.evidence, parsed.evidence.nonce, vkey));
  const auto is_it = [&evidence](const CoseKey& key) {
    return cose_key_thumbprint(key.key) == evidence.cose_thumbprint;
  };
  if (std::none_of(keys.keys.begin(), keys.keys.end(), is_it)) {
    return fail(ErrorCode::kBadIdentity, "evidence: its receipt key is none of the key set's");
  }
  return evidence;
}

Result<Evidence> open_key_set(BytesView bytes, const ReceiptReport& log, const VerifyTrust& trust) {
  auto statement = Statement::parse(bytes, limits::kStatementBytesMax, StatementProfile::kForeign);
  if (!statement) return fail(statement.error());
  if (!is_log_keys_statement(*statement)) {
    return fail(ErrorCode::kMalformed, "expected the content type " +
                                           std::string(kLogKeysContentType) + ", found " +
                                           statement->content_type.value_or("none"));
  }
  WITAN_ASSIGN(const ReceiptReport registered, verify_registration(*statement, trust));
  if (registered.index != LeafIndex{1}) {
    return fail(ErrorCode::kBadProof,
                "expected the log's entry 1" +
                    (registered.index ? ", found " + std::to_string(registered.index->value)
                                      : std::string(", found one without position")));
  }
  WITAN_ASSIGN(const LogKeys keys, parse_log_keys(statement->payload));
  WITAN_TRY(check_keys(keys, log));
  return check_evidence(keys, registered);
}

}  // namespace

std::vector<Check> check_key_set(std::optional<BytesView> key_set, const ReceiptReport& log,
                                 const VerifyTrust& trust) {
  if (!key_set) {
    if (!trust.lowest_grade) return {};
    const std::string wanted(to_string(*trust.lowest_grade));
    if (*trust.lowest_grade == TrustGrade::kSim) {
      return {{"enclave grade", CheckStatus::kSkipped, "every grade is at least sim"}};
    }
    return {{"enclave grade", CheckStatus::kFailed,
             "the policy asks for at least " + wanted +
                 ", and the log's key set (entry 1) was not given to show it"}};
  }
  const auto evidence = open_key_set(*key_set, log, trust);
  if (!evidence) {
    return {{"key set", CheckStatus::kFailed, evidence.error().message},
            {"enclave grade", CheckStatus::kSkipped, "the key set comes first"}};
  }
  std::vector<Check> out{{"key set", CheckStatus::kOk,
                          "entry 1 of " + evidence->origin + " holds the keys used here"}};
  const std::string found(to_string(evidence->grade));
  const std::string code = ", code measurement " + hex_encode(evidence->measurement);
  // Both enumerations have the same order.
  if (trust.lowest_grade &&
      static_cast<int>(evidence->grade) < static_cast<int>(*trust.lowest_grade)) {
    out.push_back({"enclave grade", CheckStatus::kFailed,
                   "the policy asks for at least " + std::string(to_string(*trust.lowest_grade)) +
                       ", found " + found});
  } else {
    out.push_back({"enclave grade", CheckStatus::kOk, found + code});
  }
  return out;
}

}  // namespace witan
