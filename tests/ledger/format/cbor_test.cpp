// The CBOR reader, writer and diagnostic notation: RFC 8949's own examples, and what is refused.

#include "ledger/format/cbor.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

Bytes hex(std::string_view text) {
  return hex_decode(text).value();
}

ErrorCode refused(const Bytes& bytes, CborOptions options = {}) {
  const auto result = cbor_validate(bytes, options);
  REQUIRE_FALSE(result.has_value());
  CHECK_THAT(result.error().message, ContainsSubstring("CBOR at offset"));
  return result.error().code;
}

ErrorCode refused(std::string_view text, CborOptions options = {}) {
  INFO(text);
  return refused(hex(text), options);
}

std::string diagnostic(std::string_view text) {
  return cbor_diagnostic(hex(text)).value();
}

constexpr CborOptions kIndefinite = {.minimal = false, .indefinite = true};
constexpr CborOptions kMinimal = {.minimal = true, .indefinite = false};

}  // namespace

TEST_CASE("cbor: the examples of RFC 8949 appendix A") {
  struct Example {
    std::string_view encoded;
    std::string_view shown;
  };
  const std::vector<Example> examples = {
      {"00", "0"},
      {"17", "23"},
      {"1818", "24"},
      {"1903e8", "1000"},
      {"1a000f4240", "1000000"},
      {"1bffffffffffffffff", "18446744073709551615"},
      {"20", "-1"},
      {"3903e7", "-1000"},
      {"3b7fffffffffffffff", "-9223372036854775808"},
      {"3b8000000000000000", "-9223372036854775809"},
      {"3bffffffffffffffff", "-18446744073709551616"},
      {"f4", "false"},
      {"f5", "true"},
      {"f6", "null"},
      {"f7", "undefined"},
      {"c11a514b67b0", "1(1363896240)"},
      {"d74401020304", "23(h'01020304')"},
      {"d818456449455446", "24(h'6449455446')"},
      {"d28440a04000", "18([h'', {}, h'', 0])"},
      {"40", "h''"},
      {"60", "\"\""},
      {"6449455446", "\"IETF\""},
      {"62225c", "\"\\\"\\\\\""},
      {"62c3bc", "\"\u00fc\""},
      {"64f0908591", "\"\U00010151\""},
      {"611b", "\"\\u001b\""},
      {"62c29b", "\"\\u009b\""},
      {"80", "[]"},
      {"8301820203820405", "[1, [2, 3], [4, 5]]"},
      {"a0", "{}"},
      {"a201020304", "{1: 2, 3: 4}"},
      {"a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}"},
      {"9fff", "[]"},
      {"9f018202039f0405ffff", "[1, [2, 3], [4, 5]]"},
      {"bf61610161629f0203ffff", "{\"a\": 1, \"b\": [2, 3]}"},
  };
  for (const Example& example : examples) {
    INFO(example.encoded);
    CHECK(diagnostic(example.encoded) == example.shown);
  }
}

TEST_CASE("cbor: every one-byte tag is read, those that libcbor 0.8 refuses too") {
  for (std::uint8_t tag = 0; tag < 24; ++tag) {
    const Bytes bytes = {static_cast<std::uint8_t>(0xc0 + tag), 0x05};
    auto reader = CborReader::make(bytes, kMinimal);
    REQUIRE(reader.has_value());
    CHECK(reader->read_tag().value() == tag);
    CHECK(reader->read_unsigned().value() == 5);
    CHECK(reader->at_end());
    CHECK(cbor_validate(BytesView(bytes).first(1)).error().code == ErrorCode::kMalformed);
  }
}

TEST_CASE("cbor: what the writer writes, the reader reads back") {
  const std::vector<std::int64_t> numbers = {0,
                                             23,
                                             24,
                                             255,
                                             256,
                                             65535,
                                             65536,
                                             4294967295,
                                             4294967296,
                                             std::numeric_limits<std::int64_t>::max(),
                                             -1,
                                             -24,
                                             -25,
                                             -256,
                                             -257,
                                             -65537,
                                             std::numeric_limits<std::int64_t>::min()};
  CborWriter writer;
  writer.array(numbers.size());
  for (const std::int64_t number : numbers) writer.integer(number);
  auto reader = CborReader::make(writer.data(), kMinimal).value();
  CHECK(reader.read_array().value() == numbers.size());
  for (const std::int64_t number : numbers) CHECK(reader.read_integer().value() == number);
  CHECK(reader.at_end());

  const Bytes long_string(70'000, 0x61);
  for (const std::size_t size : {0u, 23u, 24u, 255u, 256u, 65'535u, 65'536u, 70'000u}) {
    const BytesView part = BytesView(long_string).first(size);
    CborWriter strings;
    strings.tag(size).map(1).text(as_text(part)).bytes(part);
    auto again = CborReader::make(strings.data(), kMinimal).value();
    CHECK(again.read_tag().value() == size);
    CHECK(again.read_map().value() == 1);
    CHECK(equal(as_bytes(again.read_text().value()), part));
    CHECK(equal(again.read_bytes().value(), part));
  }
  CborWriter simple;
  simple.array(4).boolean(true).boolean(false).null().unsigned_integer(UINT64_MAX);
  CHECK(hex_encode(simple.data()) == "84f5f4f61bffffffffffffffff");
  CHECK(hex_encode(CborWriter().array(1).raw(hex("a0")).take()) == "81a0");
}

TEST_CASE("cbor: truncation anywhere is refused") {
  const Bytes whole =
      hex("d28443a10126a20442313105830102f65818000102030405060708090a0b0c0d0e0f1011121314151617"
          "6568656c6c6f");
  REQUIRE(cbor_validate(whole).has_value());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    REQUIRE(refused(to_bytes(BytesView(whole).first(size))) == ErrorCode::kMalformed);
  }
}

TEST_CASE("cbor: trailing bytes, reserved and unassigned values, floats are refused") {
  for (const std::string_view text : {"0000", "a0a0", "1c",     "1d",         "1e",
                                      "1f",   "3c",   "3f",     "5c",         "7d",
                                      "9c",   "bd",   "dc",     "df",         "fc",
                                      "fd",   "fe",   "e0",     "f3",         "f800",
                                      "f818", "f8ff", "f90000", "fa00000000", "fb0000000000000000",
                                      "ff",   "81ff", "a1ff",   "c1ff",       "8180ff"}) {
    CHECK(refused(text) == ErrorCode::kMalformed);
    CHECK(refused(text, kIndefinite) == ErrorCode::kMalformed);
  }
}

TEST_CASE("cbor: claims beyond the input are refused at once") {
  for (const std::string_view text :
       {"5bffffffffffffffff", "7bffffffffffffffff", "9bffffffffffffffff", "bbffffffffffffffff",
        "9a40000000", "ba40000000", "5a40000000", "bb8000000000000001", "820000ff", "8200",
        "98ff00"}) {
    CHECK(refused(text) == ErrorCode::kMalformed);
  }
}

TEST_CASE("cbor: text that is not UTF-8 is refused") {
  for (const std::string_view text : {"61ff", "62c080", "63eda080", "64f4908080", "61c3", "6180"}) {
    CHECK(refused(text) == ErrorCode::kMalformed);
  }
}

TEST_CASE("cbor: indefinite lengths are refused unless allowed, in strings always") {
  for (const std::string_view text : {"9fff", "bfff", "9f01ff", "bf0102ff", "829fff00"}) {
    CHECK(refused(text) == ErrorCode::kMalformed);
    CHECK(cbor_validate(hex(text), kIndefinite).has_value());
  }
  for (const std::string_view text : {"5f4101ff", "7f6161ff", "5fff", "bf01ff", "9f01", "bf0102",
                                      "bf01020103ff", "9fffff", "82ff00", "c1ff", "bf01c1ff"}) {
    CHECK(refused(text, kIndefinite) == ErrorCode::kMalformed);
  }
}

TEST_CASE("cbor: heads longer than needed are refused only on request") {
  for (const std::string_view text : {"1800", "190017", "1a0000ffff", "1b00000000ffffffff", "3817",
                                      "5800", "780161", "9800", "b800", "d81200", "d90001f6"}) {
    CHECK(cbor_validate(hex(text)).has_value());
    CHECK(refused(text, kMinimal) == ErrorCode::kMalformed);
  }
}

TEST_CASE("cbor: a key twice in one map is refused, however it is written") {
  for (const std::string_view text :
       {"a201000100", "a20100180100", "a2010019000100", "a220003a0000000000", "a241610058016100",
        "a2616100616100", "a340004040f500", "a3010002000100", "81a20181a10102010000"}) {
    CHECK(refused(text) == ErrorCode::kMalformed);
  }
  CHECK_THAT(cbor_validate(hex("a20100180100")).error().message,
             ContainsSubstring("same key twice"));
  // The same value of another type, and the same key in another map, are something else.
  for (const std::string_view text : {"a3010020004101f6", "a241610061610a", "a201a1010202a10102",
                                      "a101a101a10102", "82a10102a10102"}) {
    CHECK(cbor_validate(hex(text)).has_value());
  }
}

TEST_CASE("cbor: duplicates are found among many keys in any order") {
  const std::size_t pairs = 500;
  for (const std::size_t duplicate : {std::size_t{0}, pairs / 2, pairs}) {
    CborWriter writer;
    writer.map(pairs + 1);
    for (std::size_t i = 0; i < pairs; ++i) {
      writer.integer(static_cast<std::int64_t>(i * 7919 % pairs)).map(1).integer(1).null();
    }
    writer.integer(static_cast<std::int64_t>(duplicate)).null();
    CHECK(cbor_validate(writer.data()).has_value() == (duplicate == pairs));
  }
}

TEST_CASE("cbor: map keys are integers or strings") {
  for (const std::string_view text :
       {"a1f600", "a1f500", "a18000", "a1a000", "a1c10100", "a1f700"}) {
    CHECK(refused(text) == ErrorCode::kMalformed);
  }
}

TEST_CASE("cbor: depth, items and map entries are bounded") {
  for (const std::uint8_t head : {0x81, 0xc1, 0x9f}) {
    const bool indefinite = head == 0x9f;
    Bytes deep(limits::kCborDepthMax, head);
    deep.push_back(0x00);
    if (indefinite) deep.insert(deep.end(), limits::kCborDepthMax, std::uint8_t{0xff});
    CHECK(cbor_validate(deep, kIndefinite).has_value());
    CHECK(cbor_diagnostic(deep).has_value());
    auto reader = CborReader::make(deep, kIndefinite).value();
    CHECK(reader.skip().size() == deep.size());
    deep.insert(deep.begin(), head);
    if (indefinite) deep.push_back(0xff);
    CHECK(refused(deep, kIndefinite) == ErrorCode::kTooLarge);
    CHECK_FALSE(cbor_validate(Bytes(1u << 20, head), kIndefinite).has_value());
  }
  Bytes maps;
  for (std::size_t i = 0; i < 200'000; ++i) append(maps, hex("a101"));
  CHECK(refused(maps) == ErrorCode::kTooLarge);

  const auto array = [](std::size_t elements) {
    CborWriter writer;
    writer.array(elements);
    for (std::size_t i = 0; i < elements; ++i) writer.null();
    return writer.take();
  };
  CHECK(cbor_validate(array(limits::kCborItemsMax - 1)).has_value());
  CHECK(refused(array(limits::kCborItemsMax)) == ErrorCode::kTooLarge);
  const auto map = [](std::size_t pairs) {
    CborWriter writer;
    writer.map(pairs);
    for (std::size_t i = 0; i < pairs; ++i) writer.unsigned_integer(pairs - i).null();
    return writer.take();
  };
  CHECK(cbor_validate(map(limits::kCborMapEntriesMax)).has_value());
  CHECK(refused(map(limits::kCborMapEntriesMax + 1)) == ErrorCode::kTooLarge);
}

TEST_CASE("cbor: a read of another type says what was found, and does not move") {
  const Bytes bytes = hex("826161f6");
  auto reader = CborReader::make(bytes).value();
  CHECK_FALSE(reader.read_map().has_value());
  CHECK(reader.read_array().value() == 2);
  CHECK(reader.offset() == 1);
  const auto error = reader.read_unsigned().error();
  CHECK(error.code == ErrorCode::kMalformed);
  CHECK_THAT(error.message, ContainsSubstring("offset 1") && ContainsSubstring("text string") &&
                                ContainsSubstring("unsigned integer"));
  CHECK_FALSE(reader.read_integer().has_value());
  CHECK_FALSE(reader.read_bytes().has_value());
  CHECK_FALSE(reader.read_bool().has_value());
  CHECK_FALSE(reader.read_null().has_value());
  CHECK_FALSE(reader.read_tag().has_value());
  CHECK_FALSE(reader.read_array().has_value());
  CHECK(reader.peek() == CborType::kText);
  CHECK(reader.read_text().value() == "a");
  CHECK_FALSE(reader.read_text().has_value());
  CHECK(reader.read_null().has_value());
  CHECK(reader.at_end());
  CHECK_FALSE(reader.read_null().has_value());
  CHECK_FALSE(reader.read_array().has_value());
  CHECK_FALSE(reader.read_integer().has_value());
}

TEST_CASE("cbor: integers outside int64 are refused as integers") {
  for (const std::string_view text : {"1b8000000000000000", "3b8000000000000000"}) {
    const Bytes bytes = hex(text);
    auto reader = CborReader::make(bytes).value();
    CHECK(reader.read_integer().error().code == ErrorCode::kMalformed);
  }
}

TEST_CASE("cbor: skip gives the encoded item, indefinite ones counted and left") {
  const Bytes bytes = hex("9f01bf029f0304ff05a1069f80ffffa0c18207f6ff");
  auto reader = CborReader::make(bytes, kIndefinite).value();
  CHECK(reader.read_array().value() == 4);
  CHECK(hex_encode(reader.skip()) == "01");
  CHECK(hex_encode(reader.skip()) == "bf029f0304ff05a1069f80ffff");
  CHECK(reader.read_map().value() == 0);
  reader.end_container();
  CHECK(hex_encode(reader.skip()) == "c18207f6");
  reader.end_container();
  CHECK(reader.at_end());

  auto inner = CborReader::make(bytes, kIndefinite).value();
  CHECK(inner.read_array().value() == 4);
  inner.skip();
  CHECK(inner.peek() == CborType::kMap);
  CHECK(inner.read_map().value() == 2);
  CHECK(inner.read_unsigned().value() == 2);
  CHECK(inner.peek() == CborType::kArray);
  CHECK(inner.read_array().value() == 2);
  inner.skip();
  inner.skip();
  inner.end_container();
  CHECK(inner.read_unsigned().value() == 5);
  inner.skip();
  inner.end_container();
  inner.skip();
  inner.skip();
  inner.end_container();
  CHECK(inner.at_end());
}

TEST_CASE("cbor: diagnostic notation cuts what is long") {
  const Bytes bytes = CborWriter().bytes(Bytes(100'000, 0xab)).take();
  const std::string shown = cbor_diagnostic(bytes).value();
  CHECK(shown.size() < 200);
  CHECK_THAT(shown, ContainsSubstring("100000 bytes"));
  std::string text;
  for (int i = 0; i < 2'000; ++i) text += "\u00fc";
  const std::string cut = cbor_diagnostic(CborWriter().text("x" + text).take()).value();
  CHECK(cut.size() < 1'100);
  CHECK(is_utf8(as_bytes(cut)));
  CHECK_FALSE(cbor_diagnostic(hex("0000")).has_value());
}

}  // namespace witan
