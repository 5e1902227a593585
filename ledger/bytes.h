#pragma once
// Byte strings and the fixed-size values that all formats share.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace witan {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

using Hash32 = std::array<std::uint8_t, 32>;
using Signature64 = std::array<std::uint8_t, 64>;

// Number of leaves of a tree. Not an index: the last leaf of a tree of size n is n - 1.
struct TreeSize {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(TreeSize, TreeSize) = default;
};

// Position of a leaf, from 0.
struct LeafIndex {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(LeafIndex, LeafIndex) = default;
};

// Whether the leaf is part of a tree of that size.
[[nodiscard]] constexpr bool operator<(LeafIndex index, TreeSize size) {
  return index.value < size.value;
}

[[nodiscard]] inline BytesView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline Bytes to_bytes(BytesView bytes) {
  return {bytes.begin(), bytes.end()};
}
inline void append(Bytes& out, BytesView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Whether both are the same bytes. For public values only: see crypto/secret.h for secrets.
[[nodiscard]] bool equal(BytesView a, BytesView b);

}  // namespace witan
