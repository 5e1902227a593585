#pragma once
// A cursor over the fixed and length-prefixed fields of hardware evidence, which is no CBOR. Every
// read is bounded by what is left and by what the field may hold; its error names structure, field
// and offset.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

enum class ByteOrder { kBig, kLittle };

class FieldReader {
 public:
  // `structure` begins every error and must outlive the reader, as must the bytes.
  FieldReader(BytesView bytes, ByteOrder order, std::string_view structure)
      : bytes_(bytes), order_(order), structure_(structure) {}

  // kMalformed when fewer bytes are left.
  Result<std::uint8_t> read_u8(std::string_view field);
  Result<std::uint16_t> read_u16(std::string_view field);
  Result<std::uint32_t> read_u32(std::string_view field);
  Result<std::uint64_t> read_u64(std::string_view field);
  // Views into the bytes.
  Result<BytesView> read_bytes(std::size_t size, std::string_view field);
  // A uint16 or uint32 length and as many bytes; kTooLarge above `max`.
  Result<BytesView> read_sized16(std::size_t max, std::string_view field);
  Result<BytesView> read_sized32(std::size_t max, std::string_view field);
  // kMalformed when bytes are left.
  [[nodiscard]] Result<void> expect_end() const;

  [[nodiscard]] std::size_t offset() const { return offset_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - offset_; }
  // "structure: what (at offset n)", for what a caller finds wrong in the field just read.
  [[nodiscard]] tl::unexpected<Error> fault(ErrorCode code, std::string_view what) const;

 private:
  Result<std::uint64_t> read_number(std::size_t size, std::string_view field);
  Result<BytesView> read_sized(std::uint64_t size, std::size_t max, std::string_view field);

  BytesView bytes_;
  ByteOrder order_;
  std::string_view structure_;
  std::size_t offset_ = 0;
};

}  // namespace witan
