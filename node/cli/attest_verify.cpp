#include "node/cli/attest_verify.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ledger/attestation/chain.h"
#include "ledger/attestation/evidence.h"
#include "ledger/attestation/snp_verify.h"
#include "ledger/encoding.h"

namespace witan::cli {
namespace {

// Signed by one of the log keys that are trusted; the error is that of the last one.
Result<Evidence> verified_under(const AttestationInput& input, BytesView nonce) {
  Result<Evidence> out =
      fail(ErrorCode::kUsage,
           "evidence of a Witan enclave is verified under its log's key: give --log-key with a "
           "vkey, or a --policy that has one");
  std::vector<VerifierKey> keys = input.trust.log_keys;
  if (input.trust.tlog_policy) {
    for (const TlogPolicy::Log& log : input.trust.tlog_policy->logs) keys.push_back(log.key);
  }
  for (const VerifierKey& key : keys) {
    if (key.algorithm != NoteAlgorithm::kEd25519) continue;
    out = verify_evidence(input.evidence, nonce, key);
    if (out) break;
  }
  return out;
}

Result<void> check_grade(Grade grade, const VerifyTrust& trust) {
  // Both enumerations have the same order.
  if (!trust.lowest_grade || static_cast<int>(grade) >= static_cast<int>(*trust.lowest_grade)) {
    return {};
  }
  return fail(ErrorCode::kRefused, "grade " + std::string(to_string(grade)) +
                                       ", the policy asks for at least " +
                                       std::string(to_string(*trust.lowest_grade)));
}

Result<Facts> verify_witan_evidence(const AttestationInput& input, const Evidence& claimed) {
  WITAN_ASSIGN(const Evidence evidence,
               verified_under(input, input.nonce ? *input.nonce : claimed.nonce));
  if (input.trust.origin && *input.trust.origin != evidence.origin) {
    return fail(ErrorCode::kBadIdentity, "evidence about the log " + evidence.origin +
                                             ", the policy accepts only " + *input.trust.origin);
  }
  WITAN_TRY(check_grade(evidence.grade, input.trust));
  Facts facts{{"verified", "yes"},
              {"kind", "Witan enclave"},
              {"grade", std::string(to_string(evidence.grade))},
              {"origin", evidence.origin},
              {"log_key", hex_encode(evidence.note_thumbprint)},
              {"receipt_key", hex_encode(evidence.cose_thumbprint)},
              {"code", hex_encode(evidence.measurement)},
              {"nonce", hex_encode(evidence.nonce)}};
  // Version 1 says nothing of them, nor does grade sim.
  if (!evidence.walls.empty()) {
    facts.emplace_back("walls", walls_in_force(evidence.walls));
    facts.emplace_back("walls_missing", walls_missing(evidence.walls));
  }
  if (evidence.last) {
    facts.emplace_back("head", "size " + std::to_string(evidence.last->size.value) + ", root " +
                                   base64_encode(evidence.last->root));
  }
  facts.emplace_back("fresh", input.nonce
                                  ? "yes: it is over the nonce given"
                                  : "not checked: give the --nonce that it was fetched with");
  return facts;
}

// The report says what it was asked to sign, and not which log it speaks for.
Result<Facts> verify_snp_report(const AttestationInput& input) {
  if (input.trust.lowest_grade || input.trust.origin) {
    return fail(ErrorCode::kUsage,
                "a SEV-SNP report names no log: a --policy with an origin or a lowest grade is for "
                "evidence of a Witan enclave");
  }
  if (input.endorsements.empty()) {
    return fail(ErrorCode::kUsage,
                "a SEV-SNP report is verified with the certificates of its chip (VCEK or VLEK), "
                "the ASK and the ARK: give --endorsements");
  }
  std::vector<BytesView> files(input.endorsements.begin(), input.endorsements.end());
  WITAN_ASSIGN(const std::vector<Certificate> certificates, read_certificates(files));
  WITAN_ASSIGN(const SnpVerified verified, verify_snp(input.evidence, certificates, input.time_s));
  WITAN_TRY(check_snp_policy(verified, SnpPolicy{}));
  const SnpReport& report = verified.report;
  const BytesView asked(report.report_data);
  if (input.nonce && (input.nonce->size() > asked.size() ||
                      !std::equal(input.nonce->begin(), input.nonce->end(), asked.begin()))) {
    return fail(ErrorCode::kStale, "report data " + hex_encode(asked) +
                                       ", expected it to begin with the nonce " +
                                       hex_encode(*input.nonce));
  }
  return Facts{{"verified", "yes"},
               {"kind", "AMD SEV-SNP report, version " + std::to_string(report.version)},
               {"product", std::string(to_string(verified.product))},
               {"key", report.signing_key == SnpSigningKey::kVcek ? "VCEK" : "VLEK"},
               {"measurement", hex_encode(report.measurement)},
               {"host_data", hex_encode(report.host_data)},
               {"report_data", hex_encode(asked)},
               {"tcb", to_string(verified.tcb)},
               {"chip", hex_encode(report.chip_id)},
               {"guest_svn", std::to_string(report.guest_svn)},
               {"vmpl", std::to_string(report.vmpl)},
               {"fresh", input.nonce ? "yes: the report data begins with the nonce given"
                                     : "not checked: compare the report data"}};
}

}  // namespace

Result<Facts> verify_attestation(const AttestationInput& input) {
  if (input.evidence.size() == kSnpReportBytes) return verify_snp_report(input);
  const auto evidence = SignedEvidence::parse(input.evidence);
  if (evidence) return verify_witan_evidence(input, evidence->evidence);
  return fail(ErrorCode::kUnsupported,
              "expected evidence of a Witan enclave (" + evidence.error().message +
                  "), or an AMD SEV-SNP report of " + std::to_string(kSnpReportBytes) +
                  " bytes, found " + std::to_string(input.evidence.size()) + " bytes");
}

}  // namespace witan::cli
