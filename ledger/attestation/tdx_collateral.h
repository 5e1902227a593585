#pragma once
// What Intel publishes besides a quote: which versions of a platform's parts (its TCB) and of the
// quoting enclave are good, and which certificates are revoked. All of it is brought by the caller;
// nothing is fetched.
// Source: Intel Provisioning Certification Service API, version 4 ("Get TDX TCB Info", "Get TD
// QE Identity"), and Intel's PCK certificate and CRL profile specification.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/attestation/tdx_quote.h"
#include "ledger/bytes.h"
#include "ledger/crypto/x509.h"

namespace witan {

// From good to bad.
enum class TdxTcbStatus {
  kUpToDate,
  kSwHardeningNeeded,
  kConfigurationNeeded,
  kConfigurationAndSwHardeningNeeded,
  kOutOfDate,
  kOutOfDateConfigurationNeeded,
  kRevoked,
};
// As Intel writes them: "UpToDate", "SWHardeningNeeded", ...
[[nodiscard]] std::string_view to_string(TdxTcbStatus status);

// The platform, as its PCK certificate says (extension 1.2.840.113741.1.13.1).
struct TdxPlatform {
  std::array<std::uint8_t, 6> fmspc{};
  std::array<std::uint8_t, 2> pce_id{};
  std::array<std::uint64_t, 16> component_svn{};
  std::uint64_t pce_svn = 0;

  // kMalformed when the certificate lacks the extension or a part of it.
  static Result<TdxPlatform> from_certificate(const Certificate& pck);
};

// The response with which Intel's service answers: {"<name>":<body>,"signature":"<hex>"}.
struct TdxSignedResponse {
  std::string body;  // the exact text that is signed
  Signature64 signature{};

  // `name` is "tcbInfo" or "enclaveIdentity". The text must be written just so, without white
  // space between these parts. kMalformed, kTooLarge above kTdxCollateralBytesMax.
  static Result<TdxSignedResponse> parse(std::string_view json, std::string_view name);
};

// The status of the quote's platform and TDX module. kMalformed; kRefused when the text is about
// another platform (FMSPC, PCE id) or TDX module than the quote's, or no level matches; kStale when
// `time_s` (seconds since 1970) is outside of its period.
[[nodiscard]] Result<TdxTcbStatus> tdx_platform_status(const TdxSignedResponse& tcb_info,
                                                       const TdxReport& report,
                                                       const TdxPlatform& platform,
                                                       std::int64_t time_s);

// The status of the quoting enclave. Errors as above.
[[nodiscard]] Result<TdxTcbStatus> tdx_enclave_status(const TdxSignedResponse& qe_identity,
                                                      const TdxQeReport& report,
                                                      std::int64_t time_s);

// The worse of both; out of date and in need of configuration make what is both.
[[nodiscard]] TdxTcbStatus tdx_converged_status(TdxTcbStatus a, TdxTcbStatus b);

}  // namespace witan
