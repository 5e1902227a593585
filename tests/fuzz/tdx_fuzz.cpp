// TDX: a first byte says whether the rest is a quote, which must not verify under a root that
// nobody has, collateral, DER, or a revocation list.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ledger/attestation/tdx_verify.h"
#include "ledger/crypto/der.h"
#include "ledger/crypto/revocation_list.h"
#include "ledger/crypto/secret.h"

namespace witan {
namespace {

void fuzz_quote(BytesView bytes) {
  const auto parsed = TdxQuote::parse(bytes);
  if (!parsed) return;
  if (parsed->trailing_bytes >= bytes.size() || parsed->signed_bytes.size() < 0x278) std::abort();
  TdxPolicy policy;
  policy.roots = {{"nobody's", {}}};
  if (verify_tdx_quote(bytes, {}, policy, 1'700'000'000)) std::abort();
}

void fuzz_collateral(BytesView bytes, std::string_view name) {
  const auto response = TdxSignedResponse::parse(as_text(bytes), name);
  if (!response) return;
  constexpr std::int64_t kTime = 1'688'173'200;
  (void)tdx_platform_status(*response, {}, {}, kTime);
  (void)tdx_enclave_status(*response, {}, kTime);
}

}  // namespace
}  // namespace witan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  init_crypto();
  if (size == 0) return 0;
  const BytesView bytes(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      fuzz_quote(bytes);
      break;
    case 1:
      fuzz_collateral(bytes, "tcbInfo");
      break;
    case 2:
      fuzz_collateral(bytes, "enclaveIdentity");
      break;
    case 3:
      (void)der_sequence(bytes);
      break;
    default:
      (void)RevocationList::parse(bytes);
      break;
  }
  return 0;
}
