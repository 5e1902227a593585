#pragma once
// Intel TDX quotes, verified offline up to the pinned Intel SGX root: the quote by its attestation
// key, that key by the report of Intel's quoting enclave, that report by the platform's PCK
// certificate. With Intel's collateral, which the caller brings, also whether the platform's
// firmware is good and nothing was revoked; the result says what was looked at.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/attestation/chain.h"
#include "ledger/attestation/tdx_collateral.h"
#include "ledger/attestation/tdx_quote.h"
#include "ledger/bytes.h"

namespace witan {

// Intel SGX Root CA.
inline constexpr PinnedRoot kIntelSgxRoot = {
    "Intel SGX Root CA", {0xa0, 0xaf, 0x03, 0x12, 0x89, 0xf5, 0xd5, 0xd4, 0x13, 0x2f, 0x91,
                          0x86, 0x06, 0x8a, 0x7f, 0xc1, 0x36, 0x28, 0x63, 0x3b, 0xa2, 0x35,
                          0x77, 0x74, 0x72, 0xe2, 0x9b, 0x6b, 0x6c, 0x67, 0xa4, 0x9e}};

// Who signed Intel's TD quoting enclave (MRSIGNER), and which of that signer's products it is. A
// platform's key signs reports of other enclaves too: without this anybody with such a platform
// could run a quoting enclave that attests whatever it is told.
struct TdxQuotingEnclave {
  Hash32 mr_signer{};
  std::uint16_t product = 0;
};
inline constexpr TdxQuotingEnclave kIntelTdQuotingEnclave = {
    {0xdc, 0x9e, 0x2a, 0x7c, 0x6f, 0x94, 0x8f, 0x17, 0x47, 0x4e, 0x34,
     0xa7, 0xfc, 0x43, 0xed, 0x03, 0x0f, 0x7c, 0x15, 0x63, 0xf1, 0xba,
     0xbd, 0xdf, 0x63, 0x40, 0xc8, 0x2e, 0x0e, 0x54, 0xa8, 0xc5},
    2};

// Intel's collateral as the caller has it; each part may be missing.
struct TdxCollateral {
  std::optional<std::string_view> tcb_info;     // response of "Get TDX TCB Info", JSON
  std::optional<std::string_view> qe_identity;  // response of "Get TD QE Identity", JSON
  // The certificates that both came with (TCB signing, root), leaf first. Empty: the signatures
  // cannot be checked, and both count as the caller's own word.
  std::vector<Certificate> signing_chain;
  std::optional<BytesView> pck_crl;   // DER or PEM, of the certificate's direct issuer
  std::optional<BytesView> root_crl;  // DER or PEM, of the root
};

struct TdxPolicy {
  // What the guest put into the quote; nullopt: not compared.
  std::optional<std::array<std::uint8_t, 64>> report_data;
  std::optional<Measurement48> mr_td;
  std::array<std::optional<Measurement48>, 4> rtmr;
  bool allow_debug = false;
  // With TCB info, the converged status must be one of these; "Revoked" is refused always.
  std::vector<TdxTcbStatus> accepted = {TdxTcbStatus::kUpToDate};
  // TCB info and QE identity, both signed, and both revocation lists must be there.
  bool require_collateral = false;
  std::vector<PinnedRoot> roots = {kIntelSgxRoot};
  TdxQuotingEnclave quoting_enclave = kIntelTdQuotingEnclave;
};

struct TdxResult {
  TdxQuote quote;
  TdxPlatform platform;
  bool debug = false;
  bool report_data_checked = false;
  // Of platform and quoting enclave together; nullopt unless both TCB info and QE identity came.
  std::optional<TdxTcbStatus> status;
  bool collateral_signed = false;   // both were signed under a pinned root
  bool revocation_checked = false;  // both lists came, and revoke nothing of the chain
};

// Verifies at `time_s`, seconds since 1970: a quote has no time of its own. kMalformed, kTooLarge,
// kUnsupported, kBadSignature; kBadIdentity (a chain, another quoting enclave, a TDX module that is
// not Intel's, a revoked certificate); kBadProof (the attestation key is not the one that the
// quoting enclave vouches for); kStale (other report data; collateral of another time); kRefused
// (policy, debug, status).
[[nodiscard]] Result<TdxResult> verify_tdx_quote(BytesView quote, const TdxCollateral& collateral,
                                                 const TdxPolicy& policy, std::int64_t time_s);

}  // namespace witan
