// TPM evidence: a first byte says what the rest is. What parses keeps within its bounds, and no
// bytes that the fuzzer finds verify under a key that it does not have.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "config/limits.h"
#include "ledger/attestation/tpm_verify.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/secret.h"

namespace witan {
namespace {

void check_attest(BytesView bytes) {
  const auto parsed = TpmAttest::parse(bytes);
  if (!parsed) return;
  if (const auto* quote = std::get_if<TpmQuoteBody>(&parsed->body)) {
    if (quote->selections.size() > limits::kTpmPcrBanksMax) std::abort();
    for (const TpmPcrSelection& selection : quote->selections) {
      if (selection.pcrs.size() > 8 * limits::kTpmPcrSelectBytesMax) std::abort();
    }
  } else if (std::get<TpmNvBody>(parsed->body).contents.size() > limits::kTpmNvBytesMax) {
    std::abort();
  }
}

void check_signature(BytesView bytes) {
  static const std::vector<PublicKey> keys = [] {
    init_crypto();
    std::vector<PublicKey> out;
    for (const KeyKind kind : {KeyKind::kP256, KeyKind::kP384}) {
      out.push_back(PrivateKey::generate(kind).value().public_key());
    }
    Bytes modulus(256, 0xff);
    out.push_back(PublicKey::from_rsa(modulus, Bytes{1, 0, 1}).value());
    return out;
  }();
  for (const PublicKey& key : keys) {
    if (verify_tpm_signature(key, Bytes{1}, bytes)) std::abort();
  }
}

}  // namespace
}  // namespace witan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  if (size == 0) return 0;
  const BytesView bytes(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      check_attest(bytes);
      break;
    case 1:
      check_signature(bytes);
      break;
    case 2:
      if (const auto area = TpmNvPublic::parse(bytes); area && area->name.size() < 34) std::abort();
      break;
    default:
      (void)tpm_pinned_key(bytes);
      break;
  }
  return 0;
}
