#include "ledger/encoding.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

#include <sodium.h>

#include "ledger/crypto/base64.h"

namespace witan {
namespace {

std::string base64(BytesView bytes, int variant) {
  if (variant == sodium_base64_VARIANT_ORIGINAL && bytes.size() <= kFastBase64BytesMax) {
    return fast_base64_encode(bytes);
  }
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
  text.pop_back();  // the terminator that libsodium writes
  return text;
}

Result<Bytes> from_base64(std::string_view text, int variant, std::string_view name) {
  Bytes bytes(text.size() / 4 * 3 + 3);
  std::size_t size = 0;
  const bool decoded =
      (variant == sodium_base64_VARIANT_ORIGINAL && fast_base64_decode(text, bytes, size)) ||
      sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size,
                        nullptr, variant) == 0;
  bytes.resize(decoded ? size : 0);
  // One form for each value: whatever else a decoder lets pass does not survive the way back.
  if (!decoded || base64(bytes, variant) != text) {
    return fail(ErrorCode::kMalformed, "text of " + std::to_string(text.size()) +
                                           " characters is not canonical " + std::string(name));
  }
  return bytes;
}

// Bytes that follow a UTF-8 lead byte; 0 for ASCII, 4 for a byte that leads nothing.
std::size_t continuation_count(std::uint8_t lead) {
  if (lead < 0x80) return 0;
  if (lead >= 0xc2 && lead <= 0xdf) return 1;
  if (lead >= 0xe0 && lead <= 0xef) return 2;
  if (lead >= 0xf0 && lead <= 0xf4) return 3;
  return 4;
}

}  // namespace

std::string hex_encode(BytesView bytes) {
  std::string text(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  text.pop_back();
  return text;
}

Result<Bytes> hex_decode(std::string_view text) {
  if (text.empty()) return Bytes{};
  // One byte more than needed, as libsodium takes no null pointers.
  Bytes bytes(text.size() / 2 + 1);
  std::size_t size = 0;
  const bool decoded = sodium_hex2bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr,
                                      &size, nullptr) == 0;
  bytes.resize(text.size() / 2);
  if (!decoded || size != bytes.size() || hex_encode(bytes) != text) {
    return fail(ErrorCode::kMalformed, "text of " + std::to_string(text.size()) +
                                           " characters is not pairs of lower-case hex digits");
  }
  return bytes;
}

std::string base64_encode(BytesView bytes) {
  return base64(bytes, sodium_base64_VARIANT_ORIGINAL);
}

Result<Bytes> base64_decode(std::string_view text) {
  return from_base64(text, sodium_base64_VARIANT_ORIGINAL, "padded base64");
}

std::string base64url_encode(BytesView bytes) {
  return base64(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

Result<Bytes> base64url_decode(std::string_view text) {
  return from_base64(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING, "unpadded base64url");
}

Result<Hash32> hash_from_hex(std::string_view text) {
  WITAN_ASSIGN(const Bytes bytes, hex_decode(text));
  return hash_from_bytes(bytes);
}

Result<Hash32> hash_from_base64(std::string_view text) {
  // A witness reads dozens of them a request: without memory of their own, and once.
  constexpr std::size_t kHashChars = 44;
  Hash32 hash{};
  std::array<std::uint8_t, kHashChars / 4 * 3> bytes_and_padding{};
  std::size_t size = 0;
  if (text.size() == kHashChars && fast_base64_decode(text, bytes_and_padding, size) &&
      size == hash.size()) {
    std::copy_n(bytes_and_padding.begin(), hash.size(), hash.begin());
    std::array<char, kHashChars + 1> again{};
    fast_base64_encode(hash, again);
    if (std::equal(text.begin(), text.end(), again.begin())) return hash;
  }
  // What is wrong with it, in words.
  WITAN_ASSIGN(const Bytes bytes, base64_decode(text));
  return hash_from_bytes(bytes);
}

Result<Hash32> hash_from_bytes(BytesView bytes) {
  Hash32 hash{};
  if (bytes.size() != hash.size()) {
    return fail(ErrorCode::kMalformed,
                "hash of " + std::to_string(bytes.size()) + " bytes, expected 32");
  }
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

Result<std::uint64_t> decimal_decode(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  const bool leading_zero = text.size() > 1 && text.front() == '0';
  if (error != std::errc() || stop != end || leading_zero) {
    return fail(ErrorCode::kMalformed,
                "text of " + std::to_string(text.size()) +
                    " characters is not a decimal number below 2^64 without leading zeroes");
  }
  return value;
}

bool is_utf8(BytesView bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::uint8_t lead = bytes[at++];
    const std::size_t count = continuation_count(lead);
    if (count > 3 || count > bytes.size() - at) return false;
    for (std::size_t i = 0; i < count; ++i) {
      if ((bytes[at + i] & 0xc0) != 0x80) return false;
    }
    // The second byte rules out overlong forms, surrogates and what is above U+10FFFF.
    if (lead == 0xe0 && bytes[at] < 0xa0) return false;
    if (lead == 0xed && bytes[at] > 0x9f) return false;
    if (lead == 0xf0 && bytes[at] < 0x90) return false;
    if (lead == 0xf4 && bytes[at] > 0x8f) return false;
    at += count;
  }
  return true;
}

}  // namespace witan
