#include "ledger/format/cbor.h"

#include <array>
#include <limits>
#include <stdexcept>
#include <string>

#include <cbor.h>

#include "config/limits.h"
#include "ledger/format/cbor_head.h"

namespace witan {
namespace {

using detail::CborHead;

// The reader moves only over bytes that were validated.
CborHead head_at(BytesView bytes, std::size_t offset) {
  const auto head = detail::read_cbor_head(bytes.subspan(offset));
  if (!head) throw std::logic_error("CBOR reader moved past what was validated");
  return *head;
}

bool is_break(const CborHead& head) {
  return head.kind == CborHead::Kind::kBreak;
}

std::string found(const CborHead& head) {
  switch (head.kind) {
    case CborHead::Kind::kItem:
      return std::string(to_string(head.type));
    case CborHead::Kind::kIndefiniteArray:
      return "array";
    case CborHead::Kind::kIndefiniteMap:
      return "map";
    case CborHead::Kind::kIndefiniteString:
    case CborHead::Kind::kFloat:
    case CborHead::Kind::kBreak:
      break;
  }
  return "the end of the container";
}

tl::unexpected<Error> wrong(std::size_t offset, const std::string& what,
                            std::string_view expected) {
  return fail(ErrorCode::kMalformed, "CBOR at offset " + std::to_string(offset) + ": found " +
                                         what + ", expected " + std::string(expected));
}

// The next head, which must be a plain item of that type.
Result<CborHead> read_item(BytesView bytes, std::size_t offset, CborType type) {
  if (offset >= bytes.size()) return wrong(offset, "the end", to_string(type));
  CborHead head = head_at(bytes, offset);
  if (head.kind != CborHead::Kind::kItem || head.type != type) {
    return wrong(offset, found(head), to_string(type));
  }
  return head;
}

// Where the item at `offset` ends. Validated bytes nest at most kCborDepthMax deep, so what is left
// around each container of unknown length fits the array.
std::size_t end_of_item(BytesView bytes, std::size_t offset) {
  std::array<std::uint64_t, limits::kCborDepthMax> outer;
  std::size_t open = 0;
  // Items owed before this level is complete; an indefinite level is complete at its break only.
  std::uint64_t left = 1;
  while (true) {
    const CborHead head = head_at(bytes, offset);
    offset += head.size;
    if (is_break(head)) {
      left = outer.at(--open);
    } else {
      if (left > 0) --left;
      if (head.kind != CborHead::Kind::kItem) {
        outer.at(open++) = left;
        left = 0;
        continue;
      }
      if (head.type == CborType::kTag) left += 1;
      if (head.type == CborType::kArray) left += head.value;
      if (head.type == CborType::kMap) left += 2 * head.value;
    }
    if (open == 0 && left == 0) return offset;
  }
}

// Elements of the indefinite container whose content begins at `offset`.
std::size_t count_elements(BytesView bytes, std::size_t offset) {
  std::size_t count = 0;
  while (!is_break(head_at(bytes, offset))) {
    offset = end_of_item(bytes, offset);
    ++count;
  }
  return count;
}

// One of libcbor's encoders, which choose the shortest head.
template <typename Encode, typename Value>
void put(Bytes& out, Encode encode, Value value) {
  std::array<unsigned char, 9> head;
  const std::size_t size = encode(value, head.data(), head.size());
  out.insert(out.end(), head.data(), head.data() + size);
}

}  // namespace

std::string_view to_string(CborType type) {
  switch (type) {
    case CborType::kUnsigned:
      return "unsigned integer";
    case CborType::kNegative:
      return "negative integer";
    case CborType::kBytes:
      return "byte string";
    case CborType::kText:
      return "text string";
    case CborType::kArray:
      return "array";
    case CborType::kMap:
      return "map";
    case CborType::kTag:
      return "tag";
    case CborType::kBool:
      return "boolean";
    case CborType::kNull:
      return "null";
    case CborType::kUndefined:
      return "undefined";
  }
  return "unknown";
}

Result<CborReader> CborReader::make(BytesView bytes, CborOptions options) {
  WITAN_TRY(cbor_validate(bytes, options));
  return CborReader(bytes, options);
}

bool CborReader::at_end() const {
  return offset_ >= bytes_.size();
}

std::size_t CborReader::offset() const {
  return offset_;
}

CborType CborReader::peek() const {
  const CborHead head = head_at(bytes_, offset_);
  if (head.kind == CborHead::Kind::kIndefiniteArray) return CborType::kArray;
  if (head.kind == CborHead::Kind::kIndefiniteMap) return CborType::kMap;
  if (head.kind != CborHead::Kind::kItem) {
    throw std::logic_error("CBOR reader asked for an item at the end of a container");
  }
  return head.type;
}

Result<void> CborReader::expect(CborType type, std::string_view name) const {
  if (peek() == type) return {};
  return fail(ErrorCode::kMalformed, std::string(name) + ": expected " +
                                         std::string(to_string(type)) + ", found " +
                                         std::string(to_string(peek())));
}

Result<std::uint64_t> CborReader::read_unsigned() {
  WITAN_ASSIGN(const CborHead head, read_item(bytes_, offset_, CborType::kUnsigned));
  offset_ += head.size;
  return head.value;
}

Result<std::int64_t> CborReader::read_integer() {
  if (at_end()) return wrong(offset_, "the end", "integer");
  const CborHead head = head_at(bytes_, offset_);
  if (head.kind != CborHead::Kind::kItem ||
      (head.type != CborType::kUnsigned && head.type != CborType::kNegative)) {
    return wrong(offset_, found(head), "integer");
  }
  if (head.value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return wrong(offset_, "an integer outside 64 bits with sign", "integer");
  }
  offset_ += head.size;
  const auto value = static_cast<std::int64_t>(head.value);
  return head.type == CborType::kUnsigned ? value : -1 - value;
}

Result<BytesView> CborReader::read_bytes() {
  WITAN_ASSIGN(const CborHead head, read_item(bytes_, offset_, CborType::kBytes));
  offset_ += head.size;
  return head.content();
}

Result<std::string_view> CborReader::read_text() {
  WITAN_ASSIGN(const CborHead head, read_item(bytes_, offset_, CborType::kText));
  offset_ += head.size;
  return as_text(head.content());
}

Result<bool> CborReader::read_bool() {
  WITAN_ASSIGN(const CborHead head, read_item(bytes_, offset_, CborType::kBool));
  offset_ += head.size;
  return head.value != 0;
}

Result<void> CborReader::read_null() {
  WITAN_ASSIGN(const CborHead head, read_item(bytes_, offset_, CborType::kNull));
  offset_ += head.size;
  return {};
}

Result<std::uint64_t> CborReader::read_tag() {
  WITAN_ASSIGN(const CborHead head, read_item(bytes_, offset_, CborType::kTag));
  offset_ += head.size;
  return head.value;
}

Result<std::size_t> CborReader::read_array() {
  return read_container(CborType::kArray);
}

Result<std::size_t> CborReader::read_map() {
  return read_container(CborType::kMap);
}

Result<std::size_t> CborReader::read_container(CborType type) {
  if (at_end()) return wrong(offset_, "the end", to_string(type));
  const CborHead head = head_at(bytes_, offset_);
  const bool indefinite = head.kind == (type == CborType::kMap ? CborHead::Kind::kIndefiniteMap
                                                               : CborHead::Kind::kIndefiniteArray);
  if (!indefinite && (head.kind != CborHead::Kind::kItem || head.type != type)) {
    return wrong(offset_, found(head), to_string(type));
  }
  offset_ += head.size;
  if (options_.indefinite) indefinite_.push_back(indefinite);
  if (!indefinite) return static_cast<std::size_t>(head.value);
  const std::size_t elements = count_elements(bytes_, offset_);
  return type == CborType::kMap ? elements / 2 : elements;
}

void CborReader::end_container() {
  if (!options_.indefinite) return;
  if (indefinite_.empty()) throw std::logic_error("CBOR reader left a container it never entered");
  const bool indefinite = indefinite_.back();
  indefinite_.pop_back();
  if (indefinite) offset_ += head_at(bytes_, offset_).size;
}

BytesView CborReader::skip() {
  const std::size_t begin = offset_;
  offset_ = end_of_item(bytes_, offset_);
  return bytes_.subspan(begin, offset_ - begin);
}

CborWriter& CborWriter::integer(std::int64_t value) {
  if (value >= 0) return unsigned_integer(static_cast<std::uint64_t>(value));
  put(out_, cbor_encode_negint, static_cast<std::uint64_t>(-1 - value));
  return *this;
}

CborWriter& CborWriter::unsigned_integer(std::uint64_t value) {
  put(out_, cbor_encode_uint, value);
  return *this;
}

CborWriter& CborWriter::bytes(BytesView value) {
  put(out_, cbor_encode_bytestring_start, value.size());
  append(out_, value);
  return *this;
}

CborWriter& CborWriter::text(std::string_view value) {
  put(out_, cbor_encode_string_start, value.size());
  append(out_, as_bytes(value));
  return *this;
}

CborWriter& CborWriter::boolean(bool value) {
  put(out_, cbor_encode_bool, value);
  return *this;
}

CborWriter& CborWriter::null() {
  // 22 is null (RFC 8949 section 3.3).
  put(out_, cbor_encode_ctrl, static_cast<std::uint8_t>(22));
  return *this;
}

CborWriter& CborWriter::array(std::size_t elements) {
  put(out_, cbor_encode_array_start, elements);
  return *this;
}

CborWriter& CborWriter::map(std::size_t pairs) {
  put(out_, cbor_encode_map_start, pairs);
  return *this;
}

CborWriter& CborWriter::tag(std::uint64_t number) {
  put(out_, cbor_encode_tag, number);
  return *this;
}

CborWriter& CborWriter::reserve(std::size_t size) {
  out_.reserve(size);
  return *this;
}

CborWriter& CborWriter::raw(BytesView encoded) {
  append(out_, encoded);
  return *this;
}

}  // namespace witan
