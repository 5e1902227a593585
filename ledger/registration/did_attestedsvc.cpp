#include "ledger/registration/did_attestedsvc.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ledger/encoding.h"
#include "ledger/format/cose.h"

namespace witan {
namespace {

constexpr std::string_view kAttestedLabel = "attestedsvc";
constexpr std::string_view kSnpType = "SEV-SNP:";

tl::unexpected<Error> bad_service(std::string message, ErrorCode code = ErrorCode::kMalformed) {
  return fail(code, "attested service: " + std::move(message));
}

// crit must be one text: the label of the evidence, and nothing that nobody here understands.
Result<std::string> read_crit_label(const CoseHeaders& headers) {
  const auto encoded = headers.find(cose::kCrit);
  if (!encoded) return bad_service("crit (2): expected exactly \"attestedsvc\", found none");
  WITAN_ASSIGN(CborReader reader, CborReader::make(*encoded));
  WITAN_TRY(reader.expect(CborType::kArray, "crit (2)"));
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count != 1 || reader.peek() != CborType::kText) {
    return bad_service(
        "crit (2): expected exactly \"attestedsvc\", found " + std::to_string(count) + " labels",
        ErrorCode::kUnsupported);
  }
  WITAN_ASSIGN(const std::string_view label, reader.read_text());
  return std::string(label);
}

Result<BytesView> read_part(const CoseHeaders& map, std::string_view name, CborType type) {
  const auto encoded = map.find(name);
  if (!encoded) return bad_service("no \"" + std::string(name) + "\" in the evidence");
  WITAN_ASSIGN(CborReader reader, CborReader::make(*encoded));
  WITAN_TRY(reader.expect(type, name));
  if (type == CborType::kBytes) return reader.read_bytes();
  if (type != CborType::kText) return *encoded;
  WITAN_ASSIGN(const std::string_view text, reader.read_text());
  return as_bytes(text);
}

Result<void> check_form(const CoseHeaders& map) {
  WITAN_ASSIGN(const BytesView version, read_part(map, "ver", CborType::kUnsigned));
  WITAN_ASSIGN(CborReader reader, CborReader::make(version));
  WITAN_ASSIGN(const std::uint64_t number, reader.read_unsigned());
  if (number != 0) {
    return bad_service("ver " + std::to_string(number) + ", expected 0", ErrorCode::kUnsupported);
  }
  WITAN_ASSIGN(const BytesView type, read_part(map, "attestation_type", CborType::kText));
  if (as_text(type).starts_with(kSnpType)) return {};
  return bad_service(
      "attestation type \"" + std::string(as_text(type).substr(0, 64)) + "\", expected SEV-SNP",
      ErrorCode::kUnsupported);
}

Result<std::string> read_service(const CoseHeaders& map, const std::string& label,
                                 const Statement& statement) {
  std::string service = label;
  if (label == kAttestedLabel) {
    WITAN_ASSIGN(const BytesView name, read_part(map, "svc_id", CborType::kText));
    service = as_text(name);
  }
  const std::string prefix = std::string(kDidAttestedServicePrefix) + service + ":";
  if (!service.empty() && std::string_view(statement.issuer).starts_with(prefix)) return service;
  return bad_service("CWT iss (1) is none of the service's: expected \"" + prefix + "...\"",
                     ErrorCode::kBadIdentity);
}

// The key is the one that signs (kid, and the leaf where there is a chain) and the one that the
// report was asked for.
Result<void> check_key(const PublicKey& key, const Statement& statement) {
  if (!statement.kid || !equal(*statement.kid, cose_key_thumbprint(key))) {
    return bad_service("kid (4) is not the thumbprint of the attested key",
                       ErrorCode::kBadIdentity);
  }
  if (statement.x5chain.empty()) return {};
  WITAN_ASSIGN(const Certificate leaf, Certificate::from_der(statement.x5chain.front()));
  if (leaf.public_key() == key) return {};
  return bad_service("x5chain (33): the leaf's key is another than the attested one",
                     ErrorCode::kBadIdentity);
}

Result<void> check_report_data(const PublicKey& key, const SnpReport& report) {
  std::array<std::uint8_t, 64> expected{};
  const Hash32 thumbprint = cose_key_thumbprint(key);
  std::copy(thumbprint.begin(), thumbprint.end(), expected.begin());
  if (report.report_data == expected) return {};
  return bad_service("the report data is not the thumbprint of the attested key",
                     ErrorCode::kBadIdentity);
}

Result<std::optional<UvmEndorsement>> read_uvm(const CoseHeaders& map, const SnpReport& report,
                                               std::optional<std::int64_t> time_s) {
  if (!map.find("uvm_endorsements")) return std::optional<UvmEndorsement>();
  WITAN_ASSIGN(const BytesView bytes, read_part(map, "uvm_endorsements", CborType::kBytes));
  WITAN_ASSIGN(UvmEndorsement uvm, verify_uvm_endorsement(bytes, time_s));
  if (uvm.launch_measurement != report.measurement) {
    return bad_service("the UVM endorsement is for the measurement " +
                           hex_encode(uvm.launch_measurement) + ", the report's is " +
                           hex_encode(report.measurement),
                       ErrorCode::kBadIdentity);
  }
  return std::optional<UvmEndorsement>(std::move(uvm));
}

template <std::size_t kSize>
Result<std::vector<std::array<std::uint8_t, kSize>>> read_hex_list(
    const std::vector<std::string>& texts, const std::string& rule) {
  std::vector<std::array<std::uint8_t, kSize>> out;
  for (const std::string& text : texts) {
    const auto bytes = hex_decode(text);
    if (!bytes || bytes->size() != kSize) {
      return fail(ErrorCode::kMalformed, rule + ": expected " + std::to_string(2 * kSize) +
                                             " lower-case hexadecimal digits, found \"" + text +
                                             "\"");
    }
    std::copy(bytes->begin(), bytes->end(), out.emplace_back().begin());
  }
  return out;
}

// "Milan 4.0.24.219": boot loader, TEE, SNP, microcode; for Turin FMC comes first.
Result<std::pair<SnpProduct, SnpTcb>> parse_minimum_tcb(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::kMalformed,
                "attested.minimum_tcb: expected \"Milan 4.0.24.219\", with "
                "five numbers for Turin, found \"" +
                    std::string(text) + "\"");
  };
  const std::size_t space = text.find(' ');
  const std::string_view name = text.substr(0, space);
  constexpr std::array kProducts{SnpProduct::kMilan, SnpProduct::kGenoa, SnpProduct::kTurin};
  const auto* product = std::find_if(kProducts.begin(), kProducts.end(),
                                     [&](SnpProduct one) { return to_string(one) == name; });
  if (product == kProducts.end() || space == std::string_view::npos) return bad();
  std::vector<std::uint8_t> levels;
  for (std::string_view rest = text.substr(space + 1);;) {
    const std::size_t dot = rest.find('.');
    const auto level = decimal_decode(rest.substr(0, dot));
    if (!level || *level > 255) return bad();
    levels.push_back(static_cast<std::uint8_t>(*level));
    if (dot == std::string_view::npos) break;
    rest = rest.substr(dot + 1);
  }
  SnpTcb tcb;
  std::size_t next = 0;
  if (*product == SnpProduct::kTurin) tcb.fmc = levels[next++];
  if (levels.size() != next + 4) return bad();
  tcb.boot_loader = levels[next];
  tcb.tee = levels[next + 1];
  tcb.snp = levels[next + 2];
  tcb.microcode = levels[next + 3];
  return std::pair(*product, tcb);
}

}  // namespace

Result<AttestedService> verify_attested_service(const Statement& statement,
                                                std::optional<std::int64_t> time_s,
                                                std::span<const AmdRoot> roots) {
  const CoseHeaders& headers = statement.cose.protected_headers;
  WITAN_ASSIGN(const std::string label, read_crit_label(headers));
  const auto encoded = headers.find(std::string_view(label));
  if (!encoded) return bad_service("no evidence under the label \"" + label + "\"");
  WITAN_ASSIGN(const CoseHeaders map, cose_headers_decode(*encoded));
  WITAN_TRY(check_form(map));
  WITAN_ASSIGN(std::string service, read_service(map, label, statement));
  WITAN_ASSIGN(const BytesView encoded_key, read_part(map, "cose_key", CborType::kMap));
  WITAN_ASSIGN(PublicKey key, cose_key_decode(encoded_key));
  WITAN_TRY(check_key(key, statement));

  WITAN_ASSIGN(const BytesView report, read_part(map, "attestation", CborType::kBytes));
  WITAN_ASSIGN(const BytesView pem, read_part(map, "snp_endorsements", CborType::kBytes));
  WITAN_ASSIGN(const std::vector<Certificate> certificates, read_certificates(std::span(&pem, 1)));
  WITAN_ASSIGN(const SnpVerified snp, verify_snp(report, certificates, time_s, roots));
  WITAN_TRY(check_report_data(key, snp.report));
  WITAN_ASSIGN(std::optional<UvmEndorsement> uvm, read_uvm(map, snp.report, time_s));
  return AttestedService{std::move(service), std::move(key), snp, std::move(uvm),
                         label != kAttestedLabel};
}

Result<AttestedServicePolicy> compile_attested_service(const AttestedServiceRule& rule) {
  AttestedServicePolicy out;
  WITAN_ASSIGN(out.snp.measurements, read_hex_list<48>(rule.measurements, "attested.measurements"));
  WITAN_ASSIGN(out.snp.host_data, read_hex_list<32>(rule.host_data, "attested.host_data"));
  for (const std::string& text : rule.minimum_tcb) {
    WITAN_ASSIGN(auto least, parse_minimum_tcb(text));
    out.snp.minimum_tcb.push_back(std::move(least));
  }
  if (rule.uvm_issuer.empty() != rule.uvm_feed.empty()) {
    return fail(ErrorCode::kUsage, "attested.uvm_issuer and attested.uvm_feed go together");
  }
  // Anybody may run a guest of their own on such hardware: what runs must be pinned. An endorsed
  // image runs whatever its host data name.
  if (rule.measurements.empty() && (rule.uvm_issuer.empty() || rule.host_data.empty())) {
    return fail(ErrorCode::kUsage,
                "attested: expected measurements, or uvm_issuer, uvm_feed and host_data");
  }
  out.uvm_issuer = rule.uvm_issuer;
  out.uvm_feed = rule.uvm_feed;
  out.uvm_svn_min = rule.uvm_svn_min;
  out.without_subject = rule.without_subject;
  return out;
}

Result<void> check_attested_service(const AttestedService& service,
                                    const AttestedServicePolicy& policy) {
  const auto refuse_service = [](std::string message) {
    return fail(ErrorCode::kRefused, "issuer.attested: " + std::move(message));
  };
  if (service.retired_form) {
    return refuse_service("crit (2): expected exactly \"attestedsvc\", found \"" + service.service +
                          "\", a form of the header that is retired");
  }
  auto judged = check_snp_policy(service.snp, policy.snp);
  if (!judged) return fail(judged.error().within("issuer.attested"));
  if (policy.uvm_issuer.empty()) return {};
  if (!service.uvm) return refuse_service("uvm_issuer: the statement has no uvm_endorsements");
  const UvmEndorsement& uvm = *service.uvm;
  if (uvm.issuer != policy.uvm_issuer) {
    return refuse_service("uvm_issuer: expected " + policy.uvm_issuer + ", found " +
                          uvm.issuer.substr(0, 200));
  }
  if (uvm.feed != policy.uvm_feed) {
    return refuse_service("uvm_feed: expected " + policy.uvm_feed + ", found " +
                          uvm.feed.substr(0, 200));
  }
  if (uvm.svn < policy.uvm_svn_min) {
    return refuse_service("uvm_svn_min: expected at least " + std::to_string(policy.uvm_svn_min) +
                          ", found " + std::to_string(uvm.svn));
  }
  return {};
}

}  // namespace witan
