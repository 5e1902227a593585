// Real SEV-SNP evidence of Milan and Genoa machines, and AMD's real certificates.

#include <iostream>
#include <string>

#include "ledger/attestation/snp_verify.h"
#include "ledger/encoding.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan::test {
namespace {

// Within the lives of all certificates: 2026-03-02.
constexpr std::int64_t kSnpTimeS = 1'772'459'414;

std::optional<std::filesystem::path> attestation_vectors(std::string_view what) {
  const auto dir = vectors_dir();
  if (!dir) {
    std::cout << what << " skipped: WITAN_VECTORS is not set\n";
    return std::nullopt;
  }
  return *dir / "attestation";
}

std::vector<Certificate> certificates_of(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::string> texts;
  for (const auto& path : paths) texts.push_back(read_file(path));
  std::vector<BytesView> files;
  for (const std::string& text : texts) files.push_back(as_bytes(text));
  auto out = read_certificates(files);
  REQUIRE(out);
  return *std::move(out);
}

struct SnpVector {
  std::string report;
  std::vector<std::string> certificates;
  SnpProduct product;
  std::uint32_t version;
};

const std::vector<SnpVector> kSnpVectors{
    {"snp-milan-v2/report.bin",
     {"snp-milan-v2/vcek.der", "snp-milan-v2/ask-ark.pem"},
     SnpProduct::kMilan,
     2},
    {"snp-milan-v2-b/report.bin",
     {"snp-milan-v2/ask-ark.pem", "snp-milan-v2-b/vcek.der"},
     SnpProduct::kMilan,
     2},
    {"snp-genoa-v3-azure-vtpm/report.bin",
     {"amd-roots/genoa-ark.pem", "snp-genoa-v3-azure-vtpm/vcek-genoa.pem",
      "amd-roots/genoa-ask.pem"},
     SnpProduct::kGenoa,
     3},
    {"snp-aci-attested-cose/20250925.report.bin",
     {"snp-aci-attested-cose/20250925.vcek-ask-ark.pem"},
     SnpProduct::kMilan,
     3},
    {"snp-aci-attested-cose/20260302.report.bin",
     {"snp-aci-attested-cose/20260302.vcek-ask-ark.pem"},
     SnpProduct::kGenoa,
     3},
};

std::vector<Certificate> certificates_of(const std::filesystem::path& dir,
                                         const SnpVector& vector) {
  std::vector<std::filesystem::path> paths;
  for (const std::string& name : vector.certificates) paths.push_back(dir / name);
  return certificates_of(paths);
}

TEST_CASE("SNP vectors: reports verify up to AMD's roots, and only the one in debug is refused") {
  const auto dir = attestation_vectors("SNP vectors");
  if (!dir) return;
  for (const SnpVector& vector : kSnpVectors) {
    INFO(vector.report);
    const std::string report = read_file(*dir / vector.report);
    const auto verified = verify_snp(as_bytes(report), certificates_of(*dir, vector), kSnpTimeS);
    if (!verified) INFO(verified.error().message);
    REQUIRE(verified);
    CHECK(verified->product == vector.product);
    CHECK(verified->report.version == vector.version);
    const auto judged = check_snp_policy(*verified, {});
    const bool debug = vector.report == "snp-milan-v2/report.bin";
    CHECK(verified->report.policy.debug == debug);
    CHECK(judged.has_value() != debug);
    if (!judged) CHECK_THAT(judged.error().message, ContainsSubstring("debug bit (19)"));
    // Before AMD made the certificate.
    CHECK_FALSE(verify_snp(as_bytes(report), certificates_of(*dir, vector), 1'500'000'000));
  }
  std::cout << "SNP vectors checked: " << kSnpVectors.size() << "\n";
}

TEST_CASE("SNP vectors: certificates that were tampered with are refused") {
  const auto dir = attestation_vectors("SNP negative vectors");
  if (!dir) return;
  const std::string report = read_file(*dir / "snp-milan-v2-b/report.bin");
  for (const char* name : {"test-vcek-invalid-legacy.der", "test-vcek-invalid-new.der"}) {
    INFO(name);
    const auto certificates =
        certificates_of({*dir / "snp-milan-v2-b" / name, *dir / "snp-milan-v2/ask-ark.pem"});
    const auto verified = verify_snp(as_bytes(report), certificates, kSnpTimeS);
    REQUIRE_FALSE(verified);
    CHECK(verified.error().code == ErrorCode::kBadSignature);
    std::vector<PinnedRoot> roots;
    for (const AmdRoot& root : amd_roots()) roots.push_back(root.root);
    const auto chain = verify_pinned_chain(certificates[0], certificates, roots, kSnpTimeS);
    REQUIRE_FALSE(chain);
    CHECK_THAT(chain.error().message, ContainsSubstring("certificate signature failure"));
  }
}

TEST_CASE("SNP vectors: each flipped byte of a real report fails") {
  const auto dir = attestation_vectors("SNP flipped reports");
  if (!dir) return;
  const auto certificates = certificates_of(*dir, kSnpVectors[1]);
  const std::string text = read_file(*dir / kSnpVectors[1].report);
  Bytes report = to_bytes(as_bytes(text));
  for (std::size_t at = 0; at < report.size(); ++at) {
    report[at] ^= 0x10;
    if (verify_snp(report, certificates, kSnpTimeS)) FAIL("byte " << at);
    report[at] ^= 0x10;
  }
  CHECK(verify_snp(report, certificates, kSnpTimeS));
}

TEST_CASE("SNP vectors: a flipped byte anywhere in a real certificate fails") {
  const auto dir = attestation_vectors("SNP flipped certificates");
  if (!dir) return;
  const auto certificates = certificates_of(*dir, kSnpVectors[1]);
  REQUIRE(certificates.size() == 3);
  const std::string report = read_file(*dir / kSnpVectors[1].report);
  for (std::size_t which = 0; which < certificates.size(); ++which) {
    Bytes der = to_bytes(certificates[which].der());
    // Every byte of the heads, where the structure is, and a stride through keys and signatures.
    for (std::size_t at = 0; at < der.size(); at += at < 80 ? 1 : 23) {
      der[at] ^= 0x01;
      const auto changed = Certificate::from_der(der);
      der[at] ^= 0x01;
      if (!changed) continue;
      auto all = certificates;
      all[which] = *changed;
      if (verify_snp(as_bytes(report), all, kSnpTimeS)) FAIL(which << ", byte " << at);
    }
  }
}

TEST_CASE("SNP vectors: Turin's chain leads to its pinned root") {
  const auto dir = attestation_vectors("SNP Turin chain");
  if (!dir) return;
  const auto certificates =
      certificates_of({*dir / "amd-roots/turin-vcek.der", *dir / "amd-roots/turin-ark.pem",
                       *dir / "amd-roots/turin-ask.pem"});
  std::vector<PinnedRoot> roots;
  for (const AmdRoot& root : amd_roots()) roots.push_back(root.root);
  const auto chain = verify_pinned_chain(certificates[0], certificates, roots, kSnpTimeS);
  REQUIRE(chain);
  CHECK(amd_roots()[*chain].product == SnpProduct::kTurin);
}

}  // namespace
}  // namespace witan::test
