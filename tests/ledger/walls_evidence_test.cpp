// The walls as they are written into evidence.

#include <string>

#include "ledger/attestation/walls.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

const WallStates kSome{{"landlock", ""}, {"own-uid", "root's folder"}};

Bytes encoded_walls(const WallStates& states) {
  CborWriter writer;
  write_walls(writer, states);
  return writer.take();
}

Result<WallStates> decoded_walls(BytesView bytes) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(bytes, {.minimal = true, .indefinite = false}));
  return read_walls(reader);
}

ErrorCode code_of_walls(BytesView bytes) {
  const auto decoded = decoded_walls(bytes);
  REQUIRE(!decoded);
  return decoded.error().code;
}

}  // namespace

TEST_CASE("walls: written and read again, and no piece of them is") {
  const Bytes bytes = encoded_walls(kSome);
  const auto decoded = decoded_walls(bytes);
  REQUIRE(decoded);
  CHECK(*decoded == kSome);
  CHECK(decoded_walls(encoded_walls({}))->empty());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    CHECK(!decoded_walls(BytesView(bytes).first(cut)));
  }
  CHECK(walls_in_force(kSome) == "landlock");
  CHECK(walls_missing(kSome) == "own-uid (root's folder)");
}

TEST_CASE("walls: a reason is cut and made printable, so that what is written can be read") {
  const auto decoded = decoded_walls(encoded_walls({{"seccomp", "\n" + std::string(300, 'x')}}));
  REQUIRE(decoded);
  CHECK(decoded->front().why_not == "?" + std::string(kWallReasonBytesMax - 1, 'x'));
}

TEST_CASE("walls: hostile ones are refused") {
  CHECK(code_of_walls(encoded_walls({{"a", ""}, {"a", "b"}})) == ErrorCode::kMalformed);
  CHECK(code_of_walls(encoded_walls({{"", ""}})) == ErrorCode::kMalformed);
  CHECK(code_of_walls(encoded_walls({{"A", ""}})) == ErrorCode::kMalformed);
  CHECK(code_of_walls(encoded_walls({{std::string(33, 'a'), ""}})) == ErrorCode::kTooLarge);
  WallStates many;
  for (int i = 0; i < 17; ++i) many.push_back({"wall-" + std::to_string(i), ""});
  CHECK(code_of_walls(encoded_walls(many)) == ErrorCode::kTooLarge);
  CborWriter empty_reason;
  empty_reason.array(1).array(2).text("a").text("");
  CHECK(code_of_walls(empty_reason.data()) == ErrorCode::kMalformed);
  CborWriter line_break;
  line_break.array(1).array(2).text("a").text("b\nc");
  CHECK(code_of_walls(line_break.data()) == ErrorCode::kMalformed);
  CborWriter long_reason;
  long_reason.array(1).array(2).text("a").text(std::string(201, 'b'));
  CHECK(code_of_walls(long_reason.data()) == ErrorCode::kTooLarge);
  CborWriter three;
  three.array(1).array(3).text("a").null().null();
  CHECK(code_of_walls(three.data()) == ErrorCode::kMalformed);
  CborWriter number;
  number.array(1).array(2).text("a").unsigned_integer(1);
  CHECK(code_of_walls(number.data()) == ErrorCode::kMalformed);
}

}  // namespace witan::test
