#include "ledger/attestation/field_reader.h"

#include <string>

namespace witan {

tl::unexpected<Error> FieldReader::fault(ErrorCode code, std::string_view what) const {
  return fail(code, std::string(structure_) + ": " + std::string(what) + " (at offset " +
                        std::to_string(offset_) + ")");
}

Result<BytesView> FieldReader::read_bytes(std::size_t size, std::string_view field) {
  if (size > left()) {
    return fault(ErrorCode::kMalformed, std::string(field) + " wants " + std::to_string(size) +
                                            " bytes, found " + std::to_string(left()));
  }
  const BytesView out = bytes_.subspan(offset_, size);
  offset_ += size;
  return out;
}

Result<std::uint64_t> FieldReader::read_number(std::size_t size, std::string_view field) {
  WITAN_ASSIGN(const BytesView bytes, read_bytes(size, field));
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < size; ++i) {
    out = out << 8 | bytes[order_ == ByteOrder::kBig ? i : size - 1 - i];
  }
  return out;
}

Result<std::uint8_t> FieldReader::read_u8(std::string_view field) {
  WITAN_ASSIGN(const std::uint64_t number, read_number(1, field));
  return static_cast<std::uint8_t>(number);
}

Result<std::uint16_t> FieldReader::read_u16(std::string_view field) {
  WITAN_ASSIGN(const std::uint64_t number, read_number(2, field));
  return static_cast<std::uint16_t>(number);
}

Result<std::uint32_t> FieldReader::read_u32(std::string_view field) {
  WITAN_ASSIGN(const std::uint64_t number, read_number(4, field));
  return static_cast<std::uint32_t>(number);
}

Result<std::uint64_t> FieldReader::read_u64(std::string_view field) {
  return read_number(8, field);
}

Result<BytesView> FieldReader::read_sized(std::uint64_t size, std::size_t max,
                                          std::string_view field) {
  if (size > max) {
    return fault(ErrorCode::kTooLarge, std::string(field) + " of " + std::to_string(size) +
                                           " bytes, expected at most " + std::to_string(max));
  }
  return read_bytes(static_cast<std::size_t>(size), field);
}

Result<BytesView> FieldReader::read_sized16(std::size_t max, std::string_view field) {
  WITAN_ASSIGN(const std::uint64_t size, read_number(2, field));
  return read_sized(size, max, field);
}

Result<BytesView> FieldReader::read_sized32(std::size_t max, std::string_view field) {
  WITAN_ASSIGN(const std::uint64_t size, read_number(4, field));
  return read_sized(size, max, field);
}

Result<void> FieldReader::expect_end() const {
  if (left() == 0) return {};
  return fault(ErrorCode::kMalformed, std::to_string(left()) + " bytes after its end");
}

}  // namespace witan
