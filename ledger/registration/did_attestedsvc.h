#pragma once
// did:attestedsvc: an issuer whose key was made inside attested hardware. The statement's protected
// header carries the evidence, so that anybody can repeat the check later.
// Source: scitt-ccf-ledger, docs/schemas/attestedsvc-signed-statement.cddl: crit (2) is exactly
// ["attestedsvc"], and the map under that label holds svc_id, attestation_type, attestation (an AMD
// SEV-SNP report), snp_endorsements (PEM), uvm_endorsements (COSE_Sign1), cose_key and ver 0. The
// key's RFC 9679 thumbprint is kid, and with 32 zero bytes after it the report data. iss starts
// with "did:attestedsvc:", svc_id and ":".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/registration_policy.h"
#include "config/result.h"
#include "ledger/attestation/snp_verify.h"
#include "ledger/attestation/uvm_endorsement.h"
#include "ledger/crypto/public_key.h"
#include "ledger/format/statement.h"

namespace witan {

inline constexpr std::string_view kDidAttestedServicePrefix = "did:attestedsvc:";

// What the evidence in a statement proves: hardware measured this and vouched for this key.
struct AttestedService {
  std::string service;  // svc_id
  PublicKey key;
  SnpVerified snp;
  std::optional<UvmEndorsement> uvm;
  // The map stands under the label of the service's own name, as before September 2025.
  // Registration refuses it.
  bool retired_form = false;
};

// Verifies the evidence, that it is about the key, and that issuer, kid and crit fit; not the
// statement's own signature. `time_s`: seconds since 1970 at which all certificates must be valid,
// nullopt for any. kMalformed, kUnsupported, kTooLarge, kBadIdentity, kBadSignature.
[[nodiscard]] Result<AttestedService> verify_attested_service(
    const Statement& statement, std::optional<std::int64_t> time_s,
    std::span<const AmdRoot> roots = amd_roots());

// A compiled [issuer.attested].
struct AttestedServicePolicy {
  SnpPolicy snp;
  std::string uvm_issuer;  // empty: endorsements are not asked for
  std::string uvm_feed;
  std::uint64_t uvm_svn_min = 0;
  bool without_subject = false;
};
// kUsage, kMalformed: values that cannot be read, or too few to tell one service from another.
[[nodiscard]] Result<AttestedServicePolicy> compile_attested_service(
    const AttestedServiceRule& rule);
// kRefused, naming the rule.
[[nodiscard]] Result<void> check_attested_service(const AttestedService& service,
                                                  const AttestedServicePolicy& policy);

}  // namespace witan
