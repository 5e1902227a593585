// A COSE_Sign1 that parses has the same parts when it is written again, the same bytes when it came
// in minimal form, and never verifies under a key that signed nothing.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ledger/format/cose.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

// Its private half was thrown away.
const witan::PublicKey& unused_key() {
  static const witan::PublicKey key = [] {
    witan::Bytes raw(32, 0x42);
    return witan::PublicKey::from_ed25519(raw).value();
  }();
  return key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const witan::BytesView input(data, size);
  const auto message = witan::CoseSign1::parse(input, 1u << 20);
  if (!message) return 0;
  const witan::Bytes encoded = witan::cose_sign1_encode(
      message->protected_bytes, message->unprotected_bytes, message->payload, message->signature);
  const auto again = witan::CoseSign1::parse(encoded, 2u << 20);
  require(again.has_value() && again->tagged);
  require(witan::equal(again->protected_bytes, message->protected_bytes));
  require(witan::equal(again->signature, message->signature));
  require(again->payload.has_value() == message->payload.has_value());
  require(again->protected_headers.entries.size() == message->protected_headers.entries.size());
  if (message->tagged && witan::cbor_validate(input, {.minimal = true, .indefinite = false})) {
    require(witan::equal(encoded, input));
  }
  for (const auto& entry : message->protected_headers.entries) {
    require(witan::cbor_validate(entry.value).has_value());
  }
  const std::uint8_t nothing[] = {0};
  require(!message
               ->verify(unused_key(),
                        message->payload ? std::nullopt : std::optional<witan::BytesView>(nothing))
               .has_value());
  return 0;
}
