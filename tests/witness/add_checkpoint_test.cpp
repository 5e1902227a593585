#include "witness/add_checkpoint.h"

#include <cstdint>
#include <string>
#include <vector>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

const std::string kAnyNote = "o\n1\nAAAA\n\n\xe2\x80\x94 o AAAAAAA=\n";

std::string hash_line(std::uint8_t seed) {
  return base64_encode(sha256(BytesView(&seed, 1))) + "\n";
}

std::string hash_lines(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += hash_line(static_cast<std::uint8_t>(i));
  return out;
}

// Whatever is accepted is written again as it came; everything that is cut off, or has a hostile
// byte somewhere before the note, is one of both.
template <typename Request>
void check_hostile_bytes(const std::string& body) {
  REQUIRE(Request::parse(body));
  const std::size_t head = body.size() - kAnyNote.size();
  const auto same_or_refused = [](const std::string& bytes) {
    const auto parsed = Request::parse(bytes);
    return !parsed || parsed->encode() == bytes;
  };
  for (std::size_t i = 0; i < body.size(); ++i) {
    INFO(i);
    REQUIRE(same_or_refused(body.substr(0, i)));
    if (i <= head) REQUIRE_FALSE(Request::parse(body.substr(0, i)));
    for (const char c : {'\0', '\r', '\n', ' ', '0', '+', '=', '-', '_', '\xff'}) {
      std::string changed = body;
      changed[i] = c;
      REQUIRE(same_or_refused(changed));
      REQUIRE(same_or_refused(body.substr(0, i) + c + body.substr(i)));
    }
  }
}

TEST_CASE("add-checkpoint: the parts of a request, and its bytes again") {
  const std::string body = "old 20852014\n" + hash_lines(4) + "\n" + kAnyNote;
  const auto request = AddCheckpointRequest::parse(body);
  REQUIRE(request);
  CHECK(request->old_size == 20'852'014);
  REQUIRE(request->proof.size() == 4);
  CHECK(base64_encode(request->proof[3]) + "\n" == hash_line(3));
  CHECK(request->note == kAnyNote);
  CHECK(request->encode() == body);
  CHECK(AddCheckpointRequest::parse("old 0\n\n" + kAnyNote)->encode() == "old 0\n\n" + kAnyNote);
  CHECK(AddCheckpointRequest::parse("old 18446744073709551615\n\nx")->old_size ==
        ~std::uint64_t{0});
}

TEST_CASE("add-checkpoint: malformed requests are refused with the line") {
  const auto refused = [](const std::string& body, const std::string& reason) {
    const auto request = AddCheckpointRequest::parse(body);
    INFO(body);
    REQUIRE_FALSE(request);
    CHECK(request.error().code == ErrorCode::kMalformed);
    CHECK_THAT(request.error().message, ContainsSubstring(reason));
  };
  const std::string rest = "\n\n" + kAnyNote;
  const std::string hash = hash_line(1);
  refused("", "line 1: no newline");
  refused("old 1", "line 1: no newline");
  refused("\n" + kAnyNote, "line 1: expected \"old \"");
  refused("Old 1" + rest, "line 1: expected \"old \"");
  refused(" old 1" + rest, "line 1: expected \"old \"");
  refused("old\t1" + rest, "line 1: expected \"old \"");
  refused("old" + rest, "line 1: expected \"old \"");
  refused(hash + "old 1" + rest, "line 1: expected \"old \"");
  for (const std::string size : {"", " 1", "1 ", "01", "00", "+1", "-1", "1.0", "1e3", "0x1", "one",
                                 "1\r", "18446744073709551616", "\xef\xbc\x91"}) {
    refused("old " + size + rest, "line 1: the old size");
  }
  refused(std::string("old 1\0", 6) + rest, "line 1: the old size");
  refused("old " + std::string(10'000, '9') + rest, "line 1: the old size");
  refused("old 1\n", "line 2: no newline");
  refused("old 1\n" + hash, "line 3: no newline");
  refused("old 1\n" + hash + "\n", "line 3: nothing after it");
  refused("old 1\n\n", "line 2: nothing after it");
  refused("old 1\r\n\r\n" + kAnyNote, "line 1: the old size");
  refused("old 1\n\r\n" + kAnyNote, "line 2: expected a proof hash");
  refused("old 1\n" + kAnyNote, "line 2: expected a proof hash");
  refused("old 1\n" + hash.substr(0, 43) + rest, "line 2: expected a proof hash");
  refused("old 1\n" + hash.substr(0, 42) + "=" + rest, "line 2: expected a proof hash");
  refused("old 1\n " + hash + rest, "line 2: expected a proof hash");
  refused("old 1\n" + hash + "AAAA" + rest, "line 3: expected a proof hash");
  refused("old 1\n" + std::string(43, 'A') + "=" + "A" + rest, "line 2: expected a proof hash");
  // Stray bits in the last character, and the other alphabet.
  refused("old 1\n" + std::string(42, 'A') + "B=" + rest, "line 2: expected a proof hash");
  refused("old 1\n" + std::string(42, '_') + "8=" + rest, "line 2: expected a proof hash");
  refused("old 1\n" + std::string(60'000, 'A') + rest, "line 2: expected a proof hash");
}

TEST_CASE("add-checkpoint: 63 proof hashes are read, one more is refused") {
  CHECK(AddCheckpointRequest::parse("old 1\n" + hash_lines(63) + "\n" + kAnyNote)->proof.size() ==
        63);
  const auto more = AddCheckpointRequest::parse("old 1\n" + hash_lines(64) + "\n" + kAnyNote);
  REQUIRE_FALSE(more);
  CHECK(more.error().code == ErrorCode::kMalformed);
  CHECK_THAT(more.error().message, ContainsSubstring("line 65: more than 63"));
}

TEST_CASE("add-checkpoint: a body up to the limit") {
  const std::string head = "old 1\n\n";
  const std::string note(limits::kNoteBytesMax, 'x');
  CHECK(AddCheckpointRequest::parse(head + note));
  CHECK(AddCheckpointRequest::parse(head + note + "x").error().code == ErrorCode::kTooLarge);
  const std::string longest(limits::kAddCheckpointBytesMax + 1, 'x');
  CHECK(AddCheckpointRequest::parse(longest).error().code == ErrorCode::kTooLarge);
  CHECK(SignSubtreeRequest::parse(longest).error().code == ErrorCode::kTooLarge);
  // The largest request that may be right fits.
  const std::string largest = "old 4611686018427387904\n" + hash_lines(63) + "\n";
  CHECK(largest.size() + limits::kNoteBytesMax <= limits::kAddCheckpointBytesMax);
}

TEST_CASE("add-checkpoint: hostile bytes are refused or written again as they came") {
  check_hostile_bytes<AddCheckpointRequest>("old 10\n" + hash_lines(2) + "\n" + kAnyNote);
  check_hostile_bytes<SignSubtreeRequest>("subtree 8 13\n" + hash_lines(3) + "\n" + kAnyNote);
}

TEST_CASE("sign-subtree: the parts of a request, and its bytes again") {
  const std::string body = "subtree 8 13\n" + hash_lines(5) + "\n" + kAnyNote;
  const auto request = SignSubtreeRequest::parse(body);
  REQUIRE(request);
  CHECK(request->subtree.start == 8);
  CHECK(request->subtree.end == 13);
  CHECK(base64_encode(request->hash) + "\n" == hash_line(0));
  CHECK(request->proof.size() == 4);
  CHECK(request->note == kAnyNote);
  CHECK(request->encode() == body);
}

TEST_CASE("sign-subtree: malformed requests and ranges are refused with the line") {
  const auto refused = [](const std::string& body, const std::string& reason) {
    const auto request = SignSubtreeRequest::parse(body);
    INFO(body);
    REQUIRE_FALSE(request);
    CHECK(request.error().code == ErrorCode::kMalformed);
    CHECK_THAT(request.error().message, ContainsSubstring(reason));
  };
  const std::string hash = hash_line(1);
  const std::string rest = "\n" + hash + "\n" + kAnyNote;
  refused("", "line 1: no newline");
  refused("subtree" + rest, "line 1: expected \"subtree \"");
  refused("subtree 8" + rest, "line 1: expected \"subtree \"");
  refused("subtre  8 13" + rest, "line 1: expected \"subtree \"");
  refused("old 8" + rest, "line 1: expected \"subtree \"");
  for (const std::string range :
       {"8 ", " 8 13", "8  13", "8 13 ", "08 13", "8 013", "+8 13", "8 -13", "8 1e3", "8 13\r",
        "8 18446744073709551616", "8 13 14"}) {
    refused("subtree " + range + rest, "line 1: start or end");
  }
  // Empty, backwards, misaligned, too large.
  for (const std::string range :
       {"0 0", "8 8", "13 8", "8 17", "1 3", "4 9", "12 18", "0 4611686018427387905",
        "0 18446744073709551615", "18446744073709551615 18446744073709551615"}) {
    refused("subtree " + range + rest, "not a valid subtree");
  }
  CHECK(SignSubtreeRequest::parse("subtree 0 4611686018427387904" + rest));
  refused("subtree 8 13\n\n" + kAnyNote, "line 2: expected the subtree's hash");
  refused("subtree 8 13\nAAAA\n\n" + kAnyNote, "line 2: expected the subtree's hash");
  refused("subtree 8 13\n" + hash + hash_lines(64) + "\n" + kAnyNote, "line 66: more than 63");
  refused("subtree 8 13\n" + hash + "\n", "line 3: nothing after it");
}

TEST_CASE("signature lines: written and read again") {
  const std::vector<NoteSignature> lines = {{"w.example/1", {1, 2, 3, 4}, Bytes(72, 5)},
                                            {"w.example/1", {1, 2, 3, 5}, Bytes(2'428, 6)},
                                            {"\xc3\xa9", {0, 0, 0, 0}, Bytes(1, 7)}};
  const std::string body = encode_signature_lines(lines);
  CHECK(body.substr(0, 16) == "\xe2\x80\x94 w.example/1 ");
  CHECK(body.back() == '\n');
  const auto read = parse_signature_lines(body);
  REQUIRE(read);
  CHECK(*read == lines);
  CHECK(encode_signature_lines({}).empty());
}

TEST_CASE("signature lines: hostile answers are refused") {
  const std::string line = encode_signature_lines({{"w", {1, 2, 3, 4}, Bytes(72, 5)}});
  REQUIRE(parse_signature_lines(line));
  const auto refused = [](const std::string& body) {
    INFO(body);
    const auto read = parse_signature_lines(body);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::kMalformed);
  };
  refused("");
  refused("\n");
  refused("\n" + line);
  refused(line + "\n");
  refused(line + "\n" + line);
  refused("x\n\n" + line);
  refused(line.substr(0, line.size() - 1));
  refused(line.substr(0, line.size() - 1) + "\r\n");
  refused(" " + line);
  refused("-" + line.substr(3));
  refused("\xe2\x80\x94 w\n");
  refused("\xe2\x80\x94  AAAAAAA=\n");
  refused("\xe2\x80\x94 w+w AAAAAAA=\n");
  refused("\xe2\x80\x94 w AAAAAA==\n");  // a key id and no signature
  refused("\xe2\x80\x94 w AAAAAAB=\n");  // stray bits
  refused("\xe2\x80\x94 w AAAAAAA=" + std::string(1, '\0') + "\n" + line);
  refused("\xe2\x80\x94 " + std::string(256, 'w') + " AAAAAAA=\n");
  refused("<html>\n");
  for (std::size_t i = 0; i < line.size(); ++i) refused(line.substr(0, i));

  std::vector<NoteSignature> many(limits::kNoteSignaturesMax, {"w", {1, 2, 3, 4}, Bytes(2, 5)});
  CHECK(parse_signature_lines(encode_signature_lines(many)));
  many.push_back(many.front());
  CHECK(parse_signature_lines(encode_signature_lines(many)).error().code == ErrorCode::kTooLarge);
  CHECK(parse_signature_lines(std::string(limits::kNoteBytesMax + 1, 'x')).error().code ==
        ErrorCode::kTooLarge);
}

TEST_CASE("tlog size: the body of a conflict is a number and a newline, and nothing else") {
  CHECK(encode_tlog_size(0) == "0\n");
  CHECK(encode_tlog_size(20'852'014) == "20852014\n");
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{5}, ~std::uint64_t{0}}) {
    CHECK(parse_tlog_size(encode_tlog_size(size)).value() == size);
  }
  for (const std::string body : {"", "\n", "5", "05\n", "+5\n", "-5\n", " 5\n", "5 \n", "5\n\n",
                                 "5\r\n", "18446744073709551616\n", "5\n6\n", "{}\n"}) {
    INFO(body);
    const auto size = parse_tlog_size(body);
    REQUIRE_FALSE(size);
    CHECK(size.error().code == ErrorCode::kMalformed);
  }
  CHECK_FALSE(parse_tlog_size(std::string(2'000'000, '1') + "\n"));
}

}  // namespace
}  // namespace witan
