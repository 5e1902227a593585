#pragma once
// CBOR (RFC 8949) over libcbor's streaming calls: a strict reader over the original bytes and a
// writer that emits minimal heads. Nothing is ever re-encoded in order to be verified.
//
// The reader refuses: truncation, reserved values, nesting above kCborDepthMax, more than
// kCborItemsMax items, more than kCborMapEntriesMax pairs in a map, invalid UTF-8, map keys that
// are neither integers nor strings, duplicate keys (compared by value: 01 and 18 01 are one key),
// indefinite lengths (unless allowed), floats and unassigned simple values. Non-minimal heads are
// accepted unless CborOptions::minimal.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

enum class CborType {
  kUnsigned,
  kNegative,
  kBytes,
  kText,
  kArray,
  kMap,
  kTag,
  kBool,
  kNull,
  kUndefined
};
[[nodiscard]] std::string_view to_string(CborType type);

struct CborOptions {
  bool minimal = false;     // refuse heads that are longer than needed
  bool indefinite = false;  // accept indefinite-length arrays and maps (not strings)
};

// Checks one whole item: well-formed, within bounds, no duplicate keys, no trailing bytes.
// kMalformed; kTooLarge above the bounds. The message names the offset.
[[nodiscard]] Result<void> cbor_validate(BytesView bytes, CborOptions options = {});

// A cursor over bytes that cbor_validate accepted (make() calls it). Every read says, when it
// fails, at which offset what was found and what was expected.
class CborReader {
 public:
  // Validates all of `bytes` as exactly one item and stands before it.
  static Result<CborReader> make(BytesView bytes, CborOptions options = {});

  [[nodiscard]] bool at_end() const;
  [[nodiscard]] std::size_t offset() const;
  // The next item's type, without moving. Not to be called at the end.
  [[nodiscard]] CborType peek() const;
  // kMalformed, naming `name` and both types, when the next item is of another type.
  [[nodiscard]] Result<void> expect(CborType type, std::string_view name) const;

  Result<std::uint64_t> read_unsigned();
  Result<std::int64_t> read_integer();  // kMalformed when outside int64
  Result<BytesView> read_bytes();       // views into the original bytes
  Result<std::string_view> read_text();
  Result<bool> read_bool();
  Result<void> read_null();
  Result<std::uint64_t> read_tag();  // the tagged item follows
  // The number of elements / of key-value pairs; they follow. (Indefinite ones are counted.)
  Result<std::size_t> read_array();
  Result<std::size_t> read_map();
  // After the last element of an array or map that may be indefinite: steps over its "break".
  void end_container();
  // Steps over the next item with everything in it and gives its encoded bytes.
  BytesView skip();

 private:
  CborReader(BytesView bytes, CborOptions options) : bytes_(bytes), options_(options) {}
  Result<std::size_t> read_container(CborType type);

  BytesView bytes_;
  CborOptions options_;
  std::size_t offset_ = 0;
  std::vector<bool> indefinite_;
};

// Appends items to a byte string, always with minimal heads. Map keys are written in the order
// given: callers keep RFC 8949 section 4.2.1 order themselves.
class CborWriter {
 public:
  CborWriter& integer(std::int64_t value);
  CborWriter& unsigned_integer(std::uint64_t value);
  CborWriter& bytes(BytesView value);
  CborWriter& text(std::string_view value);
  CborWriter& boolean(bool value);
  CborWriter& null();
  CborWriter& array(std::size_t elements);
  CborWriter& map(std::size_t pairs);
  CborWriter& tag(std::uint64_t number);
  // Makes room for that many bytes in all.
  CborWriter& reserve(std::size_t size);
  // Bytes that are already encoded items.
  CborWriter& raw(BytesView encoded);

  [[nodiscard]] const Bytes& data() const { return out_; }
  [[nodiscard]] Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

// RFC 8949 section 8 diagnostic notation, for `inspect`. Depth and width are bounded; long byte
// strings are cut.
[[nodiscard]] Result<std::string> cbor_diagnostic(BytesView bytes);

}  // namespace witan
