#include "ledger/format/problem_details.h"

#include <iostream>
#include <string>
#include <utility>

#include "ledger/encoding.h"
#include "ledger/format/cbor.h"
#include "ledger/format/statement.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

using namespace witan;
using namespace witan::test;

TEST_CASE("problem details: written, read and written again") {
  const ProblemDetails problem{"Rejected", "the policy lists no issuer \"x\""};
  const Bytes bytes = encode_problem(problem);
  const auto read = decode_problem(bytes);
  REQUIRE(read);
  CHECK(read->title == problem.title);
  CHECK(read->detail == problem.detail);
  CHECK(encode_problem(*read) == bytes);
}

TEST_CASE("problem details: further keys and texts with a language are read") {
  CborWriter out;
  out.map(4).integer(-2).tag(38).array(2).text("en").text("gone");
  out.integer(-4).integer(404).text("own").array(0);
  out.integer(-1).tag(38).array(3).text("en").text("Not Found").boolean(false);
  const auto read = decode_problem(out.data());
  REQUIRE(read);
  CHECK(read->title == "Not Found");
  CHECK(read->detail == "gone");
}

TEST_CASE("problem details: other shapes are refused") {
  const auto refused = [](const Bytes& bytes) { return !decode_problem(bytes).has_value(); };
  CHECK(refused({}));
  CHECK(refused({0x80}));
  CHECK(refused({0xa0}));
  CHECK(refused(CborWriter().map(1).integer(-1).text("only a title").take()));
  CHECK(refused(CborWriter().map(2).integer(-1).integer(1).integer(-2).text("d").take()));
  CHECK(refused(CborWriter()
                    .map(2)
                    .integer(-1)
                    .tag(39)
                    .array(2)
                    .text("en")
                    .text("t")
                    .integer(-2)
                    .text("d")
                    .take()));
  CHECK(refused(
      CborWriter().map(2).integer(-1).tag(38).array(1).text("en").integer(-2).text("d").take()));
  CHECK(refused(CborWriter()
                    .map(2)
                    .integer(-1)
                    .tag(38)
                    .array(2)
                    .integer(1)
                    .text("t")
                    .integer(-2)
                    .text("d")
                    .take()));
  CHECK(refused(CborWriter().map(2).integer(-1).text("a").integer(-1).text("b").take()));
  const Bytes good = encode_problem({"t", "d"});
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(refused(to_bytes(BytesView(good).first(size))));
  }
}

TEST_CASE("problem details: the outside bodies are read and written byte for byte") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "problem details vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const std::pair<std::string, std::string> files[] = {
      {"bad-alg", std::string(scrapi_title(StatementFault::kSignatureAlgorithm))},
      {"malformed", std::string(scrapi_title(StatementFault::kMalformed))},
      {"no-such-key", "No such key"},
      {"payload-missing", std::string(scrapi_title(StatementFault::kPayloadMissing))},
      {"rejected", std::string(scrapi_title(StatementFault::kRejected))}};
  int checked = 0;
  for (const auto& [name, title] : files) {
    INFO(name);
    std::string hex = read_file(*vectors / "scitt" / "problem-details" / (name + ".hex"));
    while (!hex.empty() && hex.back() == '\n') hex.pop_back();
    const Bytes bytes = hex_decode(hex).value();
    const auto problem = decode_problem(bytes);
    REQUIRE(problem);
    CHECK(problem->title == title);
    CHECK(encode_problem(*problem) == bytes);
    ++checked;
  }
  std::cout << "problem details vectors checked: " << checked << "\n";
}
