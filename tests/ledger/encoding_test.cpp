#include "ledger/encoding.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace witan {
namespace {

Bytes counting(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + size);
  return bytes;
}

}  // namespace

TEST_CASE("encoding: the test vectors of RFC 4648") {
  const std::vector<std::pair<std::string, std::string>> base64 = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [text, encoded] : base64) {
    CHECK(base64_encode(as_bytes(text)) == encoded);
    CHECK(base64url_encode(as_bytes(text)) == encoded.substr(0, encoded.find('=')));
  }
  CHECK(hex_encode(as_bytes("foobar")) == "666f6f626172");
  const Bytes high = {0xfb, 0xff};
  CHECK(base64_encode(high) == "+/8=");
  CHECK(base64url_encode(high) == "-_8");
}

TEST_CASE("encoding: every length goes there and back") {
  for (std::size_t size = 0; size < 100; ++size) {
    const Bytes bytes = counting(size);
    CHECK(hex_decode(hex_encode(bytes)) == bytes);
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
    CHECK(base64url_decode(base64url_encode(bytes)) == bytes);
  }
}

TEST_CASE("encoding: hex that the encoder does not write is refused") {
  for (const std::string_view text :
       {"0", "0g", "AB", "aB", "0x00", " 00", "00 ", "00\n", "0:0:", "\xff\xff", "000"}) {
    INFO(text);
    const auto decoded = hex_decode(text);
    REQUIRE(!decoded);
    CHECK(decoded.error().code == ErrorCode::kMalformed);
  }
  CHECK(!hex_decode(std::string_view("00\0\0", 4)));
}

TEST_CASE("encoding: base64 that the encoder does not write is refused") {
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v=", "Zm9vYg", "Zm 9v", "Zm9v\n", " Zm9v",
        "-_8=", "====", "=", "Zg==Zg==", "Zm9v!", "\xff\xff\xff\xff"}) {
    INFO(text);
    const auto decoded = base64_decode(text);
    REQUIRE(!decoded);
    CHECK(decoded.error().code == ErrorCode::kMalformed);
  }
  for (const std::string_view text : {"Z", "Zg==", "Zh", "Zm9", "+/8", "Zm9v=", "Zm 9v", "-_8="}) {
    INFO(text);
    CHECK(!base64url_decode(text));
  }
  CHECK(!base64_decode(std::string_view("Zm9\0", 4)));
  CHECK(!base64_decode(std::string(1'000'001, 'A')));
}

TEST_CASE("encoding: stray bits in the last character are refused") {
  // "Zg==" is one byte; of the 64 characters in place of "g" those with stray bits are refused.
  int accepted = 0;
  for (int character = 1; character < 256; ++character) {
    const std::string text = {'Z', static_cast<char>(character), '=', '='};
    if (base64_decode(text)) ++accepted;
  }
  CHECK(accepted == 4);
}

TEST_CASE("encoding: hashes have 32 bytes") {
  const Bytes bytes = counting(32);
  CHECK(equal(hash_from_bytes(bytes).value(), bytes));
  CHECK(equal(hash_from_hex(hex_encode(bytes)).value(), bytes));
  CHECK(equal(hash_from_base64(base64_encode(bytes)).value(), bytes));
  // The last two bits before the padding must be zero, and nothing but the alphabet is skipped.
  std::string text = base64_encode(bytes);
  for (const char last : {text[42], static_cast<char>(text[42] + 1), ' ', '\n', '=', '\0'}) {
    text[42] = last;
    CHECK(hash_from_base64(text).has_value() == (text == base64_encode(bytes)));
  }
  for (const std::size_t size : {0u, 31u, 33u, 64u}) {
    const auto hash = hash_from_bytes(counting(size));
    REQUIRE(!hash);
    CHECK(hash.error().message == "hash of " + std::to_string(size) + " bytes, expected 32");
    CHECK(!hash_from_hex(hex_encode(counting(size))));
    CHECK(!hash_from_base64(base64_encode(counting(size))));
  }
}

TEST_CASE("encoding: decimal numbers have one spelling") {
  CHECK(decimal_decode("0") == 0u);
  CHECK(decimal_decode("10") == 10u);
  CHECK(decimal_decode("18446744073709551615") == ~std::uint64_t{0});
  for (const std::string_view text :
       {"", "-0", "-1", "+1", "00", "01", " 1", "1 ", "1\n", "1.0", "1e3", "0x1", "a",
        "18446744073709551616", "99999999999999999999999999", "\xd9\xa1"}) {
    INFO(text);
    const auto decoded = decimal_decode(text);
    REQUIRE(!decoded);
    CHECK(decoded.error().code == ErrorCode::kMalformed);
  }
  CHECK(!decimal_decode(std::string_view("1\0", 2)));
}

TEST_CASE("encoding: UTF-8 is valid up to U+10FFFF in its shortest form") {
  for (const std::string_view text :
       {"", "plain", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xe2\x80\x94 name"}) {
    INFO(hex_encode(as_bytes(text)));
    CHECK(is_utf8(as_bytes(text)));
  }
  for (const std::string_view text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x80\x80", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xe2\x80", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x90\x80", "\xff", "a\xfe"}) {
    INFO(hex_encode(as_bytes(text)));
    CHECK(!is_utf8(as_bytes(text)));
  }
}

TEST_CASE("encoding: of all strings of two bytes those that are UTF-8 are counted") {
  // 128 * 128 pairs of ASCII and 30 * 64 characters of two bytes.
  int valid = 0;
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const Bytes bytes = {static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(second)};
      if (is_utf8(bytes)) ++valid;
    }
  }
  CHECK(valid == 128 * 128 + 30 * 64);
}

}  // namespace witan
