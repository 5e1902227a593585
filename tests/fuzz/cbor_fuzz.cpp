// Whatever the validator accepts, the reader walks to its end without a surprise; and minimal,
// definite input comes back from the writer byte for byte.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "ledger/format/cbor.h"

namespace {

using witan::CborReader;
using witan::CborType;
using witan::CborWriter;

void require(bool condition) {
  if (!condition) std::abort();
}

// Copies one item; nesting is bounded by the validator.
void copy_item(CborReader& reader, CborWriter& writer) {
  switch (reader.peek()) {
    case CborType::kUnsigned:
      writer.unsigned_integer(reader.read_unsigned().value());
      return;
    case CborType::kNegative:
      if (auto value = reader.read_integer()) {
        require(*value < 0);
        writer.integer(*value);
      } else {
        writer.raw(reader.skip());
      }
      return;
    case CborType::kBytes:
      writer.bytes(reader.read_bytes().value());
      return;
    case CborType::kText:
      writer.text(reader.read_text().value());
      return;
    case CborType::kArray: {
      const std::size_t size = reader.read_array().value();
      writer.array(size);
      for (std::size_t i = 0; i < size; ++i) copy_item(reader, writer);
      reader.end_container();
      return;
    }
    case CborType::kMap: {
      const std::size_t size = reader.read_map().value();
      writer.map(size);
      for (std::size_t i = 0; i < 2 * size; ++i) copy_item(reader, writer);
      reader.end_container();
      return;
    }
    case CborType::kTag:
      writer.tag(reader.read_tag().value());
      copy_item(reader, writer);
      return;
    case CborType::kBool:
      writer.boolean(reader.read_bool().value());
      return;
    case CborType::kNull:
      require(reader.read_null().has_value());
      writer.null();
      return;
    case CborType::kUndefined:
      writer.raw(reader.skip());
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const witan::BytesView input(data, size);
  const bool definite = witan::cbor_validate(input).has_value();
  auto reader = CborReader::make(input, {.minimal = false, .indefinite = true});
  require(!definite || reader.has_value());
  const auto shown = witan::cbor_diagnostic(input);
  if (!reader) {
    require(!shown.has_value());
    return 0;
  }
  require(shown.has_value() || shown.error().code == witan::ErrorCode::kTooLarge);
  CborReader skipping = *reader;
  require(skipping.skip().size() == size && skipping.at_end());
  CborWriter writer;
  copy_item(*reader, writer);
  require(reader->at_end());
  // The copy is the same item in minimal, definite form.
  require(witan::cbor_validate(writer.data(), {.minimal = true, .indefinite = false}).has_value());
  if (witan::cbor_validate(input, {.minimal = true, .indefinite = false})) {
    require(witan::equal(writer.data(), input));
  }
  return 0;
}
