#include "ledger/attestation/snp_verify.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "ledger/crypto/x509_extension.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

// Specification 57230, table of the VCEK's extensions.
constexpr std::string_view kBootLoaderOid = "1.3.6.1.4.1.3704.1.3.1",
                           kTeeOid = "1.3.6.1.4.1.3704.1.3.2", kSnpOid = "1.3.6.1.4.1.3704.1.3.3",
                           kMicrocodeOid = "1.3.6.1.4.1.3704.1.3.8",
                           kFmcOid = "1.3.6.1.4.1.3704.1.3.9", kChipIdOid = "1.3.6.1.4.1.3704.1.4",
                           kCspIdOid = "1.3.6.1.4.1.3704.1.5";
constexpr std::size_t kTurinChipIdBytes = 8;

tl::unexpected<Error> bad_snp_identity(std::string message) {
  return fail(ErrorCode::kBadIdentity, "SNP certificate: " + std::move(message));
}

// A VCEK or VLEK is the certificate that states patch levels.
Result<const Certificate*> find_snp_leaf(std::span<const Certificate> certificates) {
  const Certificate* leaf = nullptr;
  for (const Certificate& certificate : certificates) {
    WITAN_ASSIGN(const auto level, certificate_extension(certificate, std::string(kBootLoaderOid)));
    if (!level) continue;
    if (leaf != nullptr) return bad_snp_identity("found two VCEK or VLEK, expected one");
    leaf = &certificate;
  }
  if (leaf == nullptr) {
    return bad_snp_identity("expected a VCEK or VLEK, found none among " +
                            std::to_string(certificates.size()) + " certificates");
  }
  return leaf;
}

Result<std::uint8_t> read_level(const Certificate& leaf, std::string_view oid) {
  WITAN_ASSIGN(const auto level, certificate_extension_integer(leaf, std::string(oid)));
  if (!level || *level > 255) {
    return fail(ErrorCode::kMalformed,
                "SNP certificate: the patch level " + std::string(oid) +
                    (level ? " is " + std::to_string(*level) : " is missing") +
                    ", expected 0 to 255");
  }
  return static_cast<std::uint8_t>(*level);
}

Result<SnpTcb> read_certified_tcb(const Certificate& leaf, SnpProduct product) {
  SnpTcb out;
  if (product == SnpProduct::kTurin) {
    WITAN_ASSIGN(out.fmc, read_level(leaf, kFmcOid));
  }
  WITAN_ASSIGN(out.boot_loader, read_level(leaf, kBootLoaderOid));
  WITAN_ASSIGN(out.tee, read_level(leaf, kTeeOid));
  WITAN_ASSIGN(out.snp, read_level(leaf, kSnpOid));
  WITAN_ASSIGN(out.microcode, read_level(leaf, kMicrocodeOid));
  return out;
}

// A VCEK belongs to one chip. A VLEK names its provider instead and serves all its chips.
Result<void> check_chip(const Certificate& leaf, const SnpReport& report, SnpProduct product) {
  WITAN_ASSIGN(const auto chip, certificate_extension(leaf, std::string(kChipIdOid)));
  WITAN_ASSIGN(const auto provider, certificate_extension(leaf, std::string(kCspIdOid)));
  const bool vlek = report.signing_key == SnpSigningKey::kVlek;
  if (chip.has_value() == vlek || provider.has_value() != vlek) {
    return bad_snp_identity(vlek ? "the report says that a VLEK signed it, found a VCEK"
                                 : "the report says that a VCEK signed it, found a VLEK");
  }
  if (vlek) return {};
  const std::size_t size =
      product == SnpProduct::kTurin ? kTurinChipIdBytes : report.chip_id.size();
  Bytes padded = *chip;
  padded.resize(report.chip_id.size(), 0);
  if (chip->size() != size || !equal(padded, report.chip_id)) {
    return bad_snp_identity("it is for the chip " + hex_encode(*chip) + ", the report is of " +
                            hex_encode(report.chip_id));
  }
  return {};
}

Result<SnpProduct> verify_snp_chain(const Certificate& leaf,
                                    std::span<const Certificate> certificates,
                                    std::optional<std::int64_t> time_s,
                                    std::span<const AmdRoot> roots) {
  std::vector<PinnedRoot> pinned;
  pinned.reserve(roots.size());
  for (const AmdRoot& root : roots) pinned.push_back(root.root);
  WITAN_ASSIGN(const std::size_t index, verify_pinned_chain(leaf, certificates, pinned, time_s));
  return roots[index].product;
}

Result<SnpTcb> check_levels(const Certificate& leaf, const SnpReport& report, SnpProduct product) {
  WITAN_ASSIGN(const SnpTcb reported, decode_snp_tcb(report.reported_tcb, product));
  WITAN_ASSIGN(const SnpTcb certified, read_certified_tcb(leaf, product));
  if (reported == certified) return reported;
  return bad_snp_identity("it is for the patch levels " + to_string(certified) +
                          ", the report's are " + to_string(reported));
}

bool below(const SnpTcb& found, const SnpTcb& least) {
  return found.fmc.value_or(0) < least.fmc.value_or(0) || found.boot_loader < least.boot_loader ||
         found.tee < least.tee || found.snp < least.snp || found.microcode < least.microcode;
}

Result<void> check_minimum_tcb(const SnpVerified& verified, const SnpPolicy& policy) {
  if (policy.minimum_tcb.empty()) return {};
  const auto least =
      std::find_if(policy.minimum_tcb.begin(), policy.minimum_tcb.end(),
                   [&](const auto& entry) { return entry.first == verified.product; });
  if (least == policy.minimum_tcb.end()) {
    return fail(ErrorCode::kRefused, "SNP product: " + std::string(to_string(verified.product)) +
                                         ", for which no least patch levels are given");
  }
  if (!below(verified.tcb, least->second)) return {};
  return fail(ErrorCode::kRefused, "SNP patch levels: " + to_string(verified.tcb) +
                                       ", expected at least " + to_string(least->second));
}

template <typename Value>
Result<void> check_listed(std::string_view name, const Value& found,
                          const std::vector<Value>& allowed) {
  if (allowed.empty() || std::find(allowed.begin(), allowed.end(), found) != allowed.end()) {
    return {};
  }
  return fail(ErrorCode::kRefused, "SNP " + std::string(name) + ": " + hex_encode(found) +
                                       " is none of the " + std::to_string(allowed.size()) +
                                       " allowed");
}

}  // namespace

Result<SnpVerified> verify_snp(BytesView report, std::span<const Certificate> certificates,
                               std::optional<std::int64_t> time_s, std::span<const AmdRoot> roots) {
  SnpVerified out;
  WITAN_ASSIGN(out.report, SnpReport::parse(report));
  WITAN_ASSIGN(const Certificate* leaf, find_snp_leaf(certificates));
  // Cheap, and what an attacker has least hope to pass, comes first.
  auto signature = leaf->public_key().verify(Algorithm::kEs384, report.first(kSnpSignedBytes),
                                             out.report.signature);
  if (!signature) return fail(signature.error().within("SNP report"));
  auto product = verify_snp_chain(*leaf, certificates, time_s, roots);
  if (!product) return fail(product.error().within("SNP certificate"));
  out.product = *product;
  WITAN_ASSIGN(const auto stated, out.report.product());
  if (stated && *stated != out.product) {
    return bad_snp_identity("its root is for " + std::string(to_string(out.product)) +
                            ", the report is of " + std::string(to_string(*stated)));
  }
  WITAN_TRY(check_chip(*leaf, out.report, out.product));
  WITAN_ASSIGN(out.tcb, check_levels(*leaf, out.report, out.product));
  return out;
}

Result<void> check_snp_policy(const SnpVerified& verified, const SnpPolicy& policy) {
  const SnpReport& report = verified.report;
  if (report.policy.debug && !policy.allow_debug) {
    return fail(ErrorCode::kRefused,
                "SNP guest policy: the debug bit (19) is set, so the host can read the guest");
  }
  if (report.policy.migration && !policy.allow_migration) {
    return fail(ErrorCode::kRefused,
                "SNP guest policy: the migration bit (18) is set, so an agent of the host may "
                "move the guest's memory");
  }
  if (report.vmpl > policy.vmpl_max) {
    return fail(ErrorCode::kRefused, "SNP VMPL: " + std::to_string(report.vmpl) +
                                         ", expected at most " + std::to_string(policy.vmpl_max));
  }
  if (report.guest_svn < policy.guest_svn_min) {
    return fail(ErrorCode::kRefused, "SNP guest SVN: " + std::to_string(report.guest_svn) +
                                         ", expected at least " +
                                         std::to_string(policy.guest_svn_min));
  }
  WITAN_TRY(check_minimum_tcb(verified, policy));
  WITAN_TRY(check_listed("measurement", report.measurement, policy.measurements));
  return check_listed("host data", report.host_data, policy.host_data);
}

}  // namespace witan
