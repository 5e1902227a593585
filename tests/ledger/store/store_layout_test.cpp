#include <cstdint>
#include <string>

#include "ledger/encoding.h"
#include "ledger/store/layout.h"
#include "tests/ledger/store/store_fixture.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::store;
using witan::test::published_head;

TEST_CASE("store layout: numbers and keys sort as their values do") {
  CHECK(hex_encode(encode64(0x0102030405060708)) == "0102030405060708");
  CHECK(decode64(encode64(0xfedcba9876543210)) == 0xfedcba9876543210);
  CHECK(decode32(encode32(0xfedcba98)) == 0xfedcba98);
  CHECK(encode64(255) < encode64(256));
  CHECK(tile_key({1, 256}) < tile_key({2, 0}));
  CHECK(hex_encode(tile_key({3, 258})) == "030000000000000102");
}

TEST_CASE("store layout: the register and heads read back, and are golden") {
  TreeHead head{TreeSize{258}, {}, 1'700'000'000'000};
  head.root.fill(0xab);
  CHECK(hex_encode(encode_register(head)) ==
        "0000000000000102"
        "0000018bcfe56800"
        "abababababababababababababababababababababababababababababababab");
  CHECK(decode_register(encode_register(head)).value() == head);
  for (const std::uint64_t size : {2, 7, 300}) {
    CHECK(decode_head(TreeSize{size}, encode_head(published_head(size))).value() ==
          published_head(size));
  }
}

TEST_CASE("store layout: damaged values are errors, whatever their length") {
  const Bytes good = encode_head(published_head(6));
  for (std::size_t size = 0; size < 172 + 6; ++size) {
    const auto result = decode_head(TreeSize{6}, BytesView(good).first(size));
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::kIo);
  }
  for (std::size_t size = 0; size < 60; ++size) {
    CHECK(decode_register(Bytes(size, 1)).has_value() == (size == 48));
  }
  for (const std::size_t size : {0u, 3u, 4u, 1023u, 1024u, 1028u}) {
    CHECK_FALSE(packed_range(Bytes(size, 1), 0, 1));
  }
  CHECK_FALSE(packed_range(Bytes(1024, 0), 256, 1));
  CHECK_FALSE(packed_range(Bytes(1024, 0), 0, 257));
  CHECK_FALSE(packed_range(Bytes(1024, 0), 0, 0));
  Bytes falling(1024 + 100, 0);
  falling[3] = 50;  // the first ends at 50, the second at 0
  CHECK_FALSE(packed_range(falling, 1, 1));
  CHECK(packed_range(falling, 0, 1).value().size() == 50);
  CHECK_FALSE(row_statement(Bytes{0, 0, 0}));
  CHECK_FALSE(row_statement(Bytes{0, 0, 0, 2, 1}));
  CHECK_FALSE(row_statement(Bytes{0, 0, 0, 0, 1}));
  CHECK(row_statement(Bytes{0, 0, 0, 1, 9}).value().size() == 1);
}
