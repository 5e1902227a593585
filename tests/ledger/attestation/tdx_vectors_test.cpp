// Intel TDX quotes of real machines, versions 4 and 5, with the collateral of that time.

#include <cstdint>
#include <filesystem>
#include <string>

#include "ledger/attestation/tdx_verify.h"
#include "ledger/crypto/secret.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan::test {
namespace {

constexpr std::int64_t kTimeV4 = 1'688'173'200;  // July 2023: the collateral is of that month
constexpr std::int64_t kTimeV5 = 1'770'080'400;  // February 2026

std::optional<std::filesystem::path> tdx_vectors() {
  init_crypto();
  const auto vectors = vectors_dir();
  if (!vectors) {
    WARN("WITAN_VECTORS is not set: the TDX vectors are not looked at");
    return std::nullopt;
  }
  return *vectors / "attestation" / "tdx";
}

Bytes tdx_file(const std::filesystem::path& path) {
  return to_bytes(as_bytes(read_file(path)));
}

ErrorCode tdx_code(const Result<TdxResult>& result) {
  REQUIRE(!result);
  return result.error().code;
}

// No byte of the quote may be another, and none may be missing; with a step above 1, of its PEM
// text only some are looked at.
void check_tdx_bytes(const Bytes& quote, std::size_t size, std::int64_t time_s, std::size_t step) {
  const std::size_t text = as_text(quote).find("-----BEGIN");
  for (std::size_t i = 0; i < size; i += i < text ? 1 : step) {
    CAPTURE(i);
    Bytes changed = quote;
    changed[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
    REQUIRE_FALSE(verify_tdx_quote(changed, {}, {}, time_s));
    REQUIRE_FALSE(verify_tdx_quote(BytesView(quote).first(i), {}, {}, time_s));
  }
}

}  // namespace

TEST_CASE("tdx vectors: a quote of version 4 up to Intel's root") {
  const auto folder = tdx_vectors();
  if (!folder) return;
  const Bytes quote = tdx_file(*folder / "tdx_prod_quote_SPR_E4.dat");
  const auto result = verify_tdx_quote(quote, {}, {}, kTimeV4);
  REQUIRE(result);
  CHECK(result->quote.version == 4);
  CHECK_FALSE(result->debug);
  CHECK_FALSE(result->status);
  CHECK_FALSE(result->collateral_signed);
  CHECK_FALSE(result->revocation_checked);
  CHECK_FALSE(result->quote.report.tee_tcb_svn2);
  // The file ends with bytes that are no part of the quote.
  CHECK(result->quote.trailing_bytes == 39);
  CHECK(tdx_code(verify_tdx_quote(quote, {}, {}, 1'000'000'000)) == ErrorCode::kBadIdentity);
  CHECK(tdx_code(verify_tdx_quote(quote, {}, {}, 2'600'000'000)) == ErrorCode::kBadIdentity);
  check_tdx_bytes(quote, quote.size() - result->quote.trailing_bytes, kTimeV4, 1);
}

TEST_CASE("tdx vectors: a quote of version 5 up to Intel's root") {
  const auto folder = tdx_vectors();
  if (!folder) return;
  const Bytes quote = tdx_file(*folder / "quote_v5_sample.dat");
  const auto result = verify_tdx_quote(quote, {}, {}, kTimeV5);
  REQUIRE(result);
  CHECK(result->quote.version == 5);
  CHECK(result->quote.report.tee_tcb_svn2);
  CHECK(result->quote.trailing_bytes == 0);
  TdxPolicy policy;
  policy.report_data = result->quote.report.report_data;
  policy.mr_td = result->quote.report.mr_td;
  policy.rtmr = {result->quote.report.rtmr[0]};
  REQUIRE(verify_tdx_quote(quote, {}, policy, kTimeV5));
  (*policy.report_data)[0] ^= 1;
  CHECK(tdx_code(verify_tdx_quote(quote, {}, policy, kTimeV5)) == ErrorCode::kStale);
  check_tdx_bytes(quote, quote.size(), kTimeV5, 7);
}

TEST_CASE("tdx vectors: Intel's collateral of one month judges enclave, platform and revocation") {
  const auto folder = tdx_vectors();
  if (!folder) return;
  const Bytes quote = tdx_file(*folder / "tdx_prod_quote_SPR_E4.dat");
  const std::string tcb_info = read_file(*folder / "sample_tcbInfo_response");
  const std::string qe_identity = read_file(*folder / "sample_qeIdentity_response");
  Bytes pck_crl = tdx_file(*folder / "pckcrl");
  const Bytes root_crl = tdx_file(*folder / "rootcrl.der");
  TdxCollateral collateral;
  collateral.qe_identity = qe_identity;
  collateral.pck_crl = pck_crl;
  collateral.root_crl = root_crl;
  const auto result = verify_tdx_quote(quote, collateral, {}, kTimeV4);
  REQUIRE(result);
  CHECK(result->revocation_checked);
  CHECK_FALSE(result->status);
  // The certificates that sign the collateral are not among the files.
  CHECK_FALSE(result->collateral_signed);
  TdxPolicy strict;
  strict.require_collateral = true;
  CHECK(tdx_code(verify_tdx_quote(quote, collateral, strict, kTimeV4)) == ErrorCode::kRefused);
  CHECK(tdx_code(verify_tdx_quote(quote, collateral, {}, kTimeV5)) == ErrorCode::kStale);
  for (std::size_t i = 0; i < pck_crl.size(); i += 9) {
    pck_crl[i] ^= 1;
    REQUIRE_FALSE(verify_tdx_quote(quote, collateral, {}, kTimeV4));
    pck_crl[i] ^= 1;
  }
  // The quote's platform has older microcode than any level that Intel lists.
  collateral.tcb_info = tcb_info;
  const auto old = verify_tdx_quote(quote, collateral, {}, kTimeV4);
  CHECK(tdx_code(old) == ErrorCode::kRefused);
  CHECK_THAT(old.error().message, ContainsSubstring("no level matches the platform"));
}

TEST_CASE("tdx vectors: levels of Intel's TCB info") {
  const auto folder = tdx_vectors();
  if (!folder) return;
  const auto response =
      TdxSignedResponse::parse(read_file(*folder / "sample_tcbInfo_response"), "tcbInfo");
  REQUIRE(response);
  TdxPlatform platform;
  platform.fmspc = {0x50, 0x80, 0x6f, 0, 0, 0};
  platform.component_svn = {5, 5, 2, 2, 3, 1, 0, 3};
  platform.pce_svn = 11;
  TdxReport report;
  report.tee_tcb_svn = {3, 0, 5};
  const auto status = [&] { return tdx_platform_status(*response, report, platform, kTimeV4); };
  CHECK(status() == TdxTcbStatus::kUpToDate);
  platform.pce_svn = 10;
  CHECK(status() == TdxTcbStatus::kOutOfDate);
  platform.pce_svn = 4;
  CHECK(status().error().code == ErrorCode::kRefused);
  platform.pce_svn = 11;
  report.tee_tcb_svn[2] = 4;
  CHECK(status().error().code == ErrorCode::kRefused);
  report.tee_tcb_svn[2] = 5;
  report.mr_signer_seam[0] = 1;
  CHECK(status().error().code == ErrorCode::kRefused);
  report.mr_signer_seam[0] = 0;
  platform.fmspc[0] = 0;
  CHECK(status().error().code == ErrorCode::kRefused);
}

}  // namespace witan::test
