#include "ledger/store/layout.h"

#include <algorithm>

namespace witan::store {

namespace {

constexpr std::size_t kRegisterBytes = 48;
constexpr std::size_t kHeadFixedBytes = 8 + 32 + 64 + 64 + 4;

template <std::size_t N>
std::array<std::uint8_t, N> encode(std::uint64_t value) {
  std::array<std::uint8_t, N> out{};
  for (std::size_t i = 0; i < N; ++i) {
    out[N - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  return out;
}

template <std::size_t N>
std::uint64_t decode(BytesView bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < N; ++i) value = (value << 8) | bytes[i];
  return value;
}

// Copies the front of the view into a fixed array and moves the view on.
template <std::size_t N>
void take(BytesView& bytes, std::array<std::uint8_t, N>& out) {
  std::copy_n(bytes.begin(), N, out.begin());
  bytes = bytes.subspan(N);
}

tl::unexpected<Error> damaged(std::string what) {
  return fail(ErrorCode::kIo, "the store is damaged: " + std::move(what));
}

}  // namespace

Key4 encode32(std::uint32_t value) {
  return encode<4>(value);
}
Key8 encode64(std::uint64_t value) {
  return encode<8>(value);
}
std::uint32_t decode32(BytesView bytes) {
  return static_cast<std::uint32_t>(decode<4>(bytes));
}
std::uint64_t decode64(BytesView bytes) {
  return decode<8>(bytes);
}

Key9 tile_key(TileId tile) {
  Key9 key{};
  key[0] = static_cast<std::uint8_t>(tile.level);
  const Key8 index = encode64(tile.index);
  std::copy(index.begin(), index.end(), key.begin() + 1);
  return key;
}

Bytes encode_register(const TreeHead& head) {
  Bytes out;
  out.reserve(kRegisterBytes);
  append(out, encode64(head.size.value));
  append(out, encode64(head.time_ms));
  append(out, head.root);
  return out;
}

Result<TreeHead> decode_register(BytesView bytes) {
  if (bytes.size() != kRegisterBytes) {
    return damaged("its head register has " + std::to_string(bytes.size()) + " bytes, expected " +
                   std::to_string(kRegisterBytes));
  }
  TreeHead head;
  head.size = TreeSize{decode64(bytes)};
  head.time_ms = decode64(bytes.subspan(8));
  bytes = bytes.subspan(16);
  take(bytes, head.root);
  return head;
}

Bytes encode_head(const PublishedHead& head) {
  const SignedHead& sealed = head.head;
  Bytes out;
  out.reserve(kHeadFixedBytes + sealed.cose_protected.size() + head.checkpoint.size());
  append(out, encode64(sealed.head.time_ms));
  append(out, sealed.head.root);
  append(out, sealed.note_signature);
  append(out, sealed.cose_signature);
  append(out, encode32(static_cast<std::uint32_t>(sealed.cose_protected.size())));
  append(out, sealed.cose_protected);
  append(out, as_bytes(head.checkpoint));
  return out;
}

Result<PublishedHead> decode_head(TreeSize size, BytesView bytes) {
  const std::string name = "its published head of size " + std::to_string(size.value);
  if (bytes.size() < kHeadFixedBytes) {
    return damaged(name + " has " + std::to_string(bytes.size()) + " bytes, expected at least " +
                   std::to_string(kHeadFixedBytes));
  }
  PublishedHead out;
  out.head.head.size = size;
  out.head.head.time_ms = decode64(bytes);
  bytes = bytes.subspan(8);
  take(bytes, out.head.head.root);
  take(bytes, out.head.note_signature);
  take(bytes, out.head.cose_signature);
  const std::size_t length = decode32(bytes);
  bytes = bytes.subspan(4);
  if (bytes.size() < length) {
    return damaged(name + " says " + std::to_string(length) + " bytes of COSE header and has " +
                   std::to_string(bytes.size()));
  }
  out.head.cose_protected = to_bytes(bytes.first(length));
  out.checkpoint = std::string(as_text(bytes.subspan(length)));
  return out;
}

Result<BytesView> packed_range(BytesView value, std::uint32_t first, std::uint32_t count) {
  if (value.size() < kOffsetTableBytes || first > kTileWidth || count > kTileWidth - first ||
      count == 0) {
    return damaged("a statement bundle of " + std::to_string(value.size()) +
                   " bytes has no statements " + std::to_string(first) + " to " +
                   std::to_string(std::uint64_t{first} + count));
  }
  const BytesView served = value.subspan(kOffsetTableBytes);
  const auto end_of = [&](std::uint32_t position) -> std::size_t {
    return decode32(value.subspan(position * kLengthBytes));
  };
  const std::size_t begin = first == 0 ? 0 : end_of(first - 1);
  const std::size_t end = end_of(first + count - 1);
  if (begin > end || end > served.size()) {
    return damaged("a statement bundle of " + std::to_string(served.size()) +
                   " bytes has offsets " + std::to_string(begin) + " to " + std::to_string(end));
  }
  return served.subspan(begin, end - begin);
}

Result<BytesView> row_statement(BytesView row) {
  if (row.size() < kLengthBytes || decode32(row) != row.size() - kLengthBytes) {
    return damaged("a statement row of " + std::to_string(row.size()) +
                   " bytes does not have the length it says");
  }
  return row.subspan(kLengthBytes);
}

}  // namespace witan::store
