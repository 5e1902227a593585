// SEV-SNP reports as bytes: fields, versions, and what is reserved.

#include "ledger/attestation/snp_report.h"

#include <string>

#include "tests/ledger/attestation/snp_maker.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

const SnpTcb kTurinTcb{.fmc = 1, .boot_loader = 2, .tee = 3, .snp = 4, .microcode = 5};

Error report_refusal(const Bytes& report) {
  const auto parsed = SnpReport::parse(report);
  REQUIRE_FALSE(parsed);
  return parsed.error();
}

TEST_CASE("SNP report: each field of version 3 is read from its place") {
  SnpRequest request;
  request.report_data = Bytes(64, 9);
  const auto report = SnpReport::parse(make_snp_report(request));
  REQUIRE(report);
  CHECK(report->version == 3);
  CHECK(report->guest_svn == 7);
  CHECK(report->policy.abi_minor == 0x1f);
  CHECK(report->policy.smt);
  CHECK_FALSE(report->policy.debug);
  CHECK_FALSE(report->policy.migration);
  CHECK(report->vmpl == 0);
  CHECK(report->platform_info == 0x25);
  CHECK(report->signing_key == SnpSigningKey::kVcek);
  CHECK(report->report_data[63] == 9);
  CHECK(report->measurement[47] == 47);
  CHECK(report->host_data[31] == 0x9f);
  CHECK(report->chip_id[63] == 0xff);
  CHECK(report->cpu == SnpCpu{0x19, 0x01, 1});
  CHECK(report->current_firmware == SnpFirmware{1, 0x37, 0x25});
  CHECK_FALSE(report->launch_mitigations);
  CHECK(report->product().value() == SnpProduct::kMilan);
  CHECK(decode_snp_tcb(report->reported_tcb, SnpProduct::kMilan).value() == request.tcb);
}

TEST_CASE("SNP report: version 2 names no processor, version 5 has mitigations") {
  const auto old = SnpReport::parse(make_snp_report({.version = 2}));
  REQUIRE(old);
  CHECK_FALSE(old->cpu);
  CHECK_FALSE(old->product().value());
  const auto recent = SnpReport::parse(make_snp_report({.version = 5}));
  REQUIRE(recent);
  CHECK(recent->launch_mitigations == 3);
  CHECK(recent->current_mitigations == 0);
  for (const std::uint32_t version : {0U, 1U, 4U, 6U, 0x300U}) {
    const Error error = report_refusal(make_snp_report({.version = version}));
    CHECK(error.code == (ErrorCode::kUnsupported));
    CHECK_THAT(error.message, ContainsSubstring("expected 2, 3 or 5"));
  }
}

TEST_CASE("SNP report: another length is refused, each shorter one too") {
  const Bytes report = make_snp_report({});
  for (std::size_t size = 0; size < report.size(); ++size) {
    REQUIRE_FALSE(SnpReport::parse(BytesView(report).first(size)));
  }
  Bytes longer = report;
  longer.push_back(0);
  CHECK_FALSE(SnpReport::parse(longer));
  CHECK_FALSE(SnpReport::parse(Bytes(1u << 20, 0)));
}

TEST_CASE("SNP report: reserved bytes must be zero in the versions that reserve them") {
  struct Case {
    std::uint32_t version;
    std::size_t first;
    std::size_t end;
  };
  for (const Case& range :
       {Case{2, 0x4c, 0x50}, Case{2, 0x188, 0x1a0}, Case{3, 0x18b, 0x1a0}, Case{3, 0x1eb, 0x1ec},
        Case{3, 0x1ef, 0x1f0}, Case{2, 0x1f8, 0x2a0}, Case{3, 0x1f8, 0x2a0}, Case{5, 0x208, 0x2a0},
        Case{3, 0x2d0, 0x2e8}, Case{3, 0x318, 0x4a0}}) {
    for (std::size_t at = range.first; at < range.end; ++at) {
      Bytes report = make_snp_report({.version = range.version});
      report[at] = 1;
      CHECK_THAT(report_refusal(report).message,
                 ContainsSubstring("reserved byte " + std::to_string(at)));
    }
  }
}

TEST_CASE("SNP report: reserved bits of policy and key information, other algorithms and keys") {
  CHECK_THAT(report_refusal(make_snp_report({.policy = 0x1001f})).message,
             ContainsSubstring("bit 17"));
  for (unsigned bit = 26; bit < 64; ++bit) {
    const Bytes report = make_snp_report({.policy = 0x3001f | (std::uint64_t{1} << bit)});
    CHECK_THAT(report_refusal(report).message, ContainsSubstring("26 to 63"));
  }
  Bytes report = make_snp_report({});
  for (const std::uint32_t key : {2U, 3U, 6U, 7U}) {
    put_number(report, 0x48, key << 2, 4);
    CHECK(report_refusal(report).code == ErrorCode::kUnsupported);
  }
  for (unsigned bit = 5; bit < 32; ++bit) {
    put_number(report, 0x48, std::uint64_t{1} << bit, 4);
    CHECK(report_refusal(report).code == ErrorCode::kMalformed);
  }
  put_number(report, 0x48, 3, 4);
  const auto flags = SnpReport::parse(report);
  REQUIRE(flags);
  CHECK(flags->author_key);
  CHECK(flags->chip_id_masked);
  put_number(report, 0x34, 2, 4);
  CHECK_THAT(report_refusal(report).message, ContainsSubstring("signature algorithm 2"));
}

TEST_CASE("SNP report: patch levels by product, with their reserved bytes") {
  const SnpTcbBytes bytes = tcb_bytes(kTurinTcb);
  CHECK(decode_snp_tcb(bytes, SnpProduct::kTurin).value() == kTurinTcb);
  CHECK(to_string(kTurinTcb) == "FMC 1, boot loader 2, TEE 3, SNP 4, microcode 5");
  const auto wrong = decode_snp_tcb(bytes, SnpProduct::kGenoa);
  REQUIRE_FALSE(wrong);
  CHECK_THAT(wrong.error().message, ContainsSubstring("for Genoa"));
  for (const std::size_t at : {4, 5, 6}) {
    SnpTcbBytes changed = bytes;
    changed[at] = 1;
    CHECK_FALSE(decode_snp_tcb(changed, SnpProduct::kTurin));
  }
}

TEST_CASE("SNP report: the product line is told from family and model") {
  const auto line = [](std::uint8_t family, std::uint8_t model) {
    SnpReport report;
    report.cpu = SnpCpu{family, model, 0};
    return report.product();
  };
  CHECK(line(0x19, 0x00).value() == SnpProduct::kMilan);
  CHECK(line(0x19, 0x0f).value() == SnpProduct::kMilan);
  CHECK(line(0x19, 0x11).value() == SnpProduct::kGenoa);
  CHECK(line(0x19, 0xa0).value() == SnpProduct::kGenoa);
  CHECK(line(0x1a, 0x02).value() == SnpProduct::kTurin);
  CHECK(line(0x1a, 0x11).value() == SnpProduct::kTurin);
  CHECK_FALSE(line(0x19, 0x20));
  CHECK_FALSE(line(0x1b, 0x00));
}

}  // namespace
}  // namespace witan::test
