#pragma once
// One CBOR head at a time, decoded by libcbor. For cbor.cpp and its neighbours only: what is
// allowed where is decided there.

#include <cstdint>
#include <optional>

#include "ledger/bytes.h"
#include "ledger/format/cbor.h"

namespace witan::detail {

struct CborHead {
  enum class Kind : std::uint8_t {
    kItem,              // one of CborType, described by the other members
    kIndefiniteArray,   // items follow until a break
    kIndefiniteMap,     // pairs follow until a break
    kIndefiniteString,  // never accepted
    kFloat,             // never accepted
    kBreak,
  };
  Kind kind = Kind::kItem;
  CborType type = CborType::kNull;
  // kUnsigned: the value. kNegative: -1 - value. kTag: the number. kBool: 0 or 1. kArray, kMap: how
  // many elements or pairs follow. kBytes, kText: the length.
  std::uint64_t value = 0;
  // kBytes, kText: the content, inside the input.
  const std::uint8_t* data = nullptr;
  // Bytes taken from the input, the content of strings included.
  std::size_t size = 0;
  // Whether the head is as short as it can be.
  bool minimal = true;

  [[nodiscard]] BytesView content() const { return {data, static_cast<std::size_t>(value)}; }
};

enum class CborHeadError { kTruncated, kReserved };

// The head at the beginning of `input`; for strings all of the content has to be there.
[[nodiscard]] tl::expected<CborHead, CborHeadError> read_cbor_head(BytesView input);

}  // namespace witan::detail
