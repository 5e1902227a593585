#include "ledger/attestation/tdx_verify.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ledger/crypto/revocation_list.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::size_t kPckChain = 3;  // PCK, the CA that issued it, root

std::string canonical_pem(const Certificate& certificate) {
  constexpr std::size_t kLine = 64;
  const std::string text = base64_encode(certificate.der());
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < text.size(); at += kLine) out += text.substr(at, kLine) + "\n";
  return out + "-----END CERTIFICATE-----\n";
}

// The chain in the quote. It is covered by no signature, so its text must be just what PEM writes:
// else the same quote could be written in many ways. Some platforms end it with a NUL.
Result<std::vector<Certificate>> read_pck_chain(std::string_view pem) {
  if (!pem.empty() && pem.back() == '\0') pem.remove_suffix(1);
  if (pem.empty()) return fail(ErrorCode::kMalformed, "TDX quote: no PCK certificates");
  auto chain = Certificate::from_pem(pem);
  if (!chain) return fail(chain.error().within("TDX quote: PCK certificates"));
  std::string expected;
  for (const Certificate& certificate : *chain) expected += canonical_pem(certificate);
  if (pem != expected || chain->size() != kPckChain) {
    return fail(ErrorCode::kMalformed,
                "TDX quote: expected the PEM of three PCK certificates and nothing else, found " +
                    std::to_string(chain->size()) + " in " + std::to_string(pem.size()) + " bytes");
  }
  return chain;
}

// A chain, leaf first, every certificate of it used, to a pinned root.
Result<void> verify_intel_chain(const std::vector<Certificate>& chain, const TdxPolicy& policy,
                                std::int64_t time_s, std::string_view what) {
  const std::span<const Certificate> all(chain);
  auto pinned = verify_pinned_chain(all.front(), all.subspan(1), policy.roots, time_s);
  if (!pinned) return fail(pinned.error().within(what));
  auto exact = verify_chain(all, all.last(1), {.time_s = time_s, .exact = true});
  if (!exact) return fail(exact.error().within(what));
  const KeyUsage usage = all.front().key_usage();
  if (usage.present && !usage.digital_signature) {
    return fail(ErrorCode::kBadIdentity,
                std::string(what) + ": the leaf's key usage does not allow signatures");
  }
  return {};
}

Result<void> verify_attestation_key(const TdxQuote& quote, const Certificate& pck,
                                    const TdxPolicy& policy) {
  auto reported =
      pck.public_key().verify(Algorithm::kEs256, quote.qe_report_bytes, quote.qe_report_signature);
  if (!reported) return fail(reported.error().within("TDX quote: QE report"));
  const TdxQuotingEnclave& wanted = policy.quoting_enclave;
  if (quote.qe_report.mr_signer != wanted.mr_signer ||
      quote.qe_report.isv_prod_id != wanted.product) {
    return fail(ErrorCode::kBadIdentity,
                "TDX quote: its quoting enclave is product " +
                    std::to_string(quote.qe_report.isv_prod_id) + " of signer " +
                    hex_encode(quote.qe_report.mr_signer) + ", expected product " +
                    std::to_string(wanted.product) + " of " + hex_encode(wanted.mr_signer));
  }
  constexpr std::uint8_t kSgxDebug = 0x02;
  if ((quote.qe_report.attributes[0] & kSgxDebug) != 0) {
    return fail(ErrorCode::kBadIdentity, "TDX quote: its quoting enclave runs in debug mode");
  }
  // The digest fills the first half of the report's data; the rest is zero.
  std::array<std::uint8_t, 64> expected{};
  const Hash32 digest = sha256({quote.attestation_key, quote.auth_data});
  std::copy(digest.begin(), digest.end(), expected.begin());
  if (quote.qe_report.report_data != expected) {
    return fail(ErrorCode::kBadProof,
                "TDX quote: its quoting enclave vouches for another attestation key");
  }
  const BytesView key(quote.attestation_key);
  WITAN_ASSIGN(const PublicKey attestation_key,
               PublicKey::from_ec(KeyKind::kP256, key.first(32), key.last(32)));
  auto signed_by = attestation_key.verify(Algorithm::kEs256, quote.signed_bytes, quote.signature);
  if (!signed_by) return fail(signed_by.error().within("TDX quote"));
  return {};
}

template <typename Value>
Result<void> check_value(const std::optional<Value>& wanted, const Value& found, ErrorCode code,
                         std::string_view name) {
  if (!wanted || *wanted == found) return {};
  return fail(code, "TDX quote: " + std::string(name) + " is " + hex_encode(found) + ", expected " +
                        hex_encode(*wanted));
}

// Without TCB info only Intel's own modules are taken, which have no signer but Intel: zeroes.
Result<void> check_module(const TdxReport& report) {
  const auto zero = [](std::uint8_t byte) { return byte == 0; };
  if (std::all_of(report.mr_signer_seam.begin(), report.mr_signer_seam.end(), zero) &&
      std::all_of(report.seam_attributes.begin(), report.seam_attributes.end(), zero)) {
    return {};
  }
  return fail(ErrorCode::kBadIdentity, "TDX quote: the TDX module is signed by " +
                                           hex_encode(report.mr_signer_seam) + " with attributes " +
                                           hex_encode(report.seam_attributes) +
                                           ", expected zeroes (Intel's, in production)");
}

Result<void> check_report(const TdxReport& report, const TdxPolicy& policy) {
  if (report.debug() && !policy.allow_debug) {
    return fail(ErrorCode::kRefused, "TDX quote: the domain runs in debug mode (attributes " +
                                         hex_encode(report.td_attributes) +
                                         "), which the policy does not allow");
  }
  WITAN_TRY(check_value(policy.report_data, report.report_data, ErrorCode::kStale, "REPORTDATA"));
  WITAN_TRY(check_value(policy.mr_td, report.mr_td, ErrorCode::kRefused, "MRTD"));
  for (std::size_t i = 0; i < report.rtmr.size(); ++i) {
    WITAN_TRY(check_value(policy.rtmr[i], report.rtmr[i], ErrorCode::kRefused,
                          "RTMR" + std::to_string(i)));
  }
  return {};
}

Result<void> check_revocation(BytesView list, const Certificate& issuer, const Certificate& issued,
                              std::int64_t time_s, std::string_view what) {
  auto parsed = RevocationList::parse(list);
  if (!parsed) return fail(parsed.error().within(what));
  if (auto verified = parsed->verify(issuer, time_s); !verified) {
    return fail(verified.error().within(what));
  }
  if (parsed->revokes(issued)) {
    return fail(ErrorCode::kBadIdentity, std::string(what) + ": the certificate is revoked");
  }
  return {};
}

// Intel's responses: their signatures where the chain came with them, then what they say.
class CollateralCheck {
 public:
  CollateralCheck(const TdxCollateral& collateral, const TdxPolicy& policy, std::int64_t time_s)
      : collateral_(collateral), policy_(policy), time_s_(time_s) {}

  Result<void> check(const std::vector<Certificate>& pck_chain, TdxResult& result) {
    WITAN_TRY(check_lists(pck_chain, result));
    if (!collateral_.signing_chain.empty()) WITAN_TRY(check_signing_chain(pck_chain));
    std::optional<TdxTcbStatus> platform, enclave;
    if (collateral_.tcb_info) {
      WITAN_ASSIGN(const TdxSignedResponse response, open(*collateral_.tcb_info, "tcbInfo"));
      WITAN_ASSIGN(platform,
                   tdx_platform_status(response, result.quote.report, result.platform, time_s_));
    }
    if (collateral_.qe_identity) {
      WITAN_ASSIGN(const TdxSignedResponse response,
                   open(*collateral_.qe_identity, "enclaveIdentity"));
      WITAN_ASSIGN(enclave, tdx_enclave_status(response, result.quote.qe_report, time_s_));
    }
    for (const auto& status : {platform, enclave}) {
      if (status) WITAN_TRY(check_status(*status));
    }
    if (platform && enclave) {
      result.status = tdx_converged_status(*platform, *enclave);
      result.collateral_signed = !collateral_.signing_chain.empty();
      WITAN_TRY(check_status(*result.status));
    }
    return {};
  }

 private:
  Result<void> check_lists(const std::vector<Certificate>& chain, TdxResult& result) const {
    if (collateral_.pck_crl) {
      WITAN_TRY(check_revocation(*collateral_.pck_crl, chain[1], chain[0], time_s_,
                                 "TDX collateral: PCK revocation list"));
    }
    if (collateral_.root_crl) {
      WITAN_TRY(check_revocation(*collateral_.root_crl, chain[2], chain[1], time_s_,
                                 "TDX collateral: root revocation list"));
    }
    result.revocation_checked = collateral_.pck_crl && collateral_.root_crl;
    return {};
  }

  Result<void> check_signing_chain(const std::vector<Certificate>& pck_chain) const {
    constexpr std::string_view kWhat = "TDX collateral: signing chain";
    const std::vector<Certificate>& chain = collateral_.signing_chain;
    WITAN_TRY(verify_intel_chain(chain, policy_, time_s_, kWhat));
    // The root issues certificates for other ends too; this name is the one for collateral.
    WITAN_ASSIGN(const auto subject, chain.front().subject());
    const std::pair<std::string, std::string> wanted{"CN", "Intel SGX TCB Signing"};
    if (chain.size() != 2 || std::find(subject.begin(), subject.end(), wanted) == subject.end()) {
      return fail(ErrorCode::kBadIdentity,
                  std::string(kWhat) + ": expected Intel SGX TCB Signing directly below the root");
    }
    if (!collateral_.root_crl) return {};
    return check_revocation(*collateral_.root_crl, pck_chain[2], chain.front(), time_s_, kWhat);
  }

  Result<TdxSignedResponse> open(std::string_view json, std::string_view name) const {
    WITAN_ASSIGN(TdxSignedResponse response, TdxSignedResponse::parse(json, name));
    if (collateral_.signing_chain.empty()) return response;
    auto verified = collateral_.signing_chain.front().public_key().verify(
        Algorithm::kEs256, as_bytes(response.body), response.signature);
    if (!verified) return fail(verified.error().within("TDX collateral: " + std::string(name)));
    return response;
  }

  Result<void> check_status(TdxTcbStatus status) const {
    const auto& accepted = policy_.accepted;
    if (status != TdxTcbStatus::kRevoked &&
        std::find(accepted.begin(), accepted.end(), status) != accepted.end()) {
      return {};
    }
    return fail(ErrorCode::kRefused, "TDX collateral: the status is " +
                                         std::string(to_string(status)) +
                                         ", which the policy does not accept");
  }

  const TdxCollateral& collateral_;
  const TdxPolicy& policy_;
  std::int64_t time_s_;
};

}  // namespace

Result<TdxResult> verify_tdx_quote(BytesView quote, const TdxCollateral& collateral,
                                   const TdxPolicy& policy, std::int64_t time_s) {
  TdxResult result;
  WITAN_ASSIGN(result.quote, TdxQuote::parse(quote));
  WITAN_ASSIGN(const std::vector<Certificate> chain, read_pck_chain(result.quote.pck_chain));
  WITAN_TRY(verify_attestation_key(result.quote, chain.front(), policy));
  WITAN_TRY(verify_intel_chain(chain, policy, time_s, "TDX quote: PCK chain"));
  WITAN_ASSIGN(result.platform, TdxPlatform::from_certificate(chain.front()));
  if (!collateral.tcb_info) WITAN_TRY(check_module(result.quote.report));
  WITAN_TRY(CollateralCheck(collateral, policy, time_s).check(chain, result));
  if (policy.require_collateral && !(result.collateral_signed && result.revocation_checked)) {
    return fail(ErrorCode::kRefused,
                "TDX quote: the policy wants signed TCB info and QE identity and both revocation "
                "lists, and some of them are missing");
  }
  WITAN_TRY(check_report(result.quote.report, policy));
  result.debug = result.quote.report.debug();
  result.report_data_checked = policy.report_data.has_value();
  return result;
}

}  // namespace witan
