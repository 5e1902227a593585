// Nitro documents: the bytes as a payload, and as a whole document, which must not verify under any
// root but AWS's.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ledger/attestation/nitro_document.h"
#include "ledger/crypto/secret.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  init_crypto();
  const BytesView bytes(data, size);
  const auto document = NitroDocument::parse(bytes);
  if (document && (document->pcrs.size() < 3 || document->cabundle.empty())) std::abort();
  NitroPolicy policy;
  policy.allow_debug = true;
  policy.roots = {Hash32{}};
  if (verify_nitro_document(bytes, policy)) std::abort();
  return 0;
}
