#include "node/cli/printable.h"

#include <array>
#include <cstdint>
#include <cstdio>

#include "ledger/encoding.h"

namespace witan::cli {
namespace {

// The length of the character that starts here; 0 when these are no UTF-8 character.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (length > text.size() || !is_utf8(as_bytes(text.substr(0, length)))) return 0;
  return length;
}

std::uint32_t code_point(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  constexpr std::array<std::uint32_t, 5> kLeadMask{0, 0x7f, 0x1f, 0x0f, 0x07};
  std::uint32_t code = byte(0) & kLeadMask[character.size()];
  for (std::size_t i = 1; i < character.size(); ++i) code = code << 6 | (byte(i) & 0x3fU);
  return code;
}

bool is_harmful(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e ||
         code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

std::string escape(std::uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\t') return "\\t";
  if (code == '\r') return "\\r";
  std::array<char, 16> out{};
  std::snprintf(out.data(), out.size(), code < 0x80 ? "\\x%02x" : "\\u%04x", code);
  return out.data();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) {
      out += "\\x" + hex_encode(as_bytes(text.substr(0, 1)));
      text.remove_prefix(1);
      continue;
    }
    const std::string_view character = text.substr(0, length);
    const std::uint32_t code = code_point(character);
    out += is_harmful(code) ? escape(code) : std::string(character);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace witan::cli
