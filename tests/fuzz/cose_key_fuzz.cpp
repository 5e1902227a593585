// A COSE_Key that is accepted is the same key after it is written and read again, also in a set.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ledger/format/cose.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const witan::BytesView input(data, size);
  if (const auto parsed = witan::cose_key_parse(input)) {
    const auto kid = parsed->kid ? std::optional<witan::BytesView>(*parsed->kid) : std::nullopt;
    const witan::Bytes encoded = witan::cose_key_encode(parsed->key, kid, parsed->algorithm);
    const auto again = witan::cose_key_parse(encoded);
    require(again.has_value() && again->key == parsed->key && again->kid == parsed->kid &&
            again->algorithm == parsed->algorithm);
    require(witan::cose_key_thumbprint(again->key) == witan::cose_key_thumbprint(parsed->key));
    require(witan::PublicKey::from_spki(parsed->key.spki()).value() == parsed->key);
  }
  if (const auto keys = witan::cose_key_set_decode(input)) {
    const auto again = witan::cose_key_set_decode(witan::cose_key_set_encode(*keys));
    require(again.has_value() && again->size() == keys->size());
  }
  return 0;
}
