#include "ledger/format/problem_details.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "ledger/format/cbor.h"

namespace witan {
namespace {

constexpr std::int64_t kTitle = -1;
constexpr std::int64_t kDetail = -2;
// RFC 9290 appendix A: a text with its language and, possibly, its direction.
constexpr std::uint64_t kTagLanguage = 38;

Result<std::string> read_title_or_detail(CborReader& reader, std::string_view name) {
  const bool tagged = reader.peek() == CborType::kTag;
  std::size_t rest = 0;
  if (tagged) {
    WITAN_ASSIGN(const std::uint64_t tag, reader.read_tag());
    if (tag != kTagLanguage || reader.peek() != CborType::kArray) {
      return fail(
          ErrorCode::kMalformed,
          std::string(name) + ": expected text or tag 38, found tag " + std::to_string(tag));
    }
    WITAN_ASSIGN(const std::size_t count, reader.read_array());
    if (count != 2 && count != 3) {
      return fail(ErrorCode::kMalformed, std::string(name) +
                                             ": expected 2 or 3 elements under tag 38, found " +
                                             std::to_string(count));
    }
    WITAN_TRY(reader.read_text());  // the language
    rest = count - 2;
  }
  if (reader.peek() != CborType::kText) {
    return fail(ErrorCode::kMalformed, std::string(name) + ": expected text, found " +
                                           std::string(to_string(reader.peek())));
  }
  WITAN_ASSIGN(const std::string_view text, reader.read_text());
  for (std::size_t i = 0; i < rest; ++i) reader.skip();
  return std::string(text);
}

}  // namespace

Bytes encode_problem(const ProblemDetails& problem) {
  CborWriter out;
  out.map(2).integer(kTitle).text(problem.title).integer(kDetail).text(problem.detail);
  return out.take();
}

Result<ProblemDetails> decode_problem(BytesView bytes) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(bytes));
  if (reader.peek() != CborType::kMap) {
    return fail(ErrorCode::kMalformed,
                "problem details: expected a map, found " + std::string(to_string(reader.peek())));
  }
  WITAN_ASSIGN(const std::size_t count, reader.read_map());
  std::optional<std::string> title;
  std::optional<std::string> detail;
  for (std::size_t i = 0; i < count; ++i) {
    if (reader.peek() != CborType::kNegative) {
      reader.skip();
      reader.skip();
      continue;
    }
    WITAN_ASSIGN(const std::int64_t key, reader.read_integer());
    if (key == kTitle) {
      WITAN_ASSIGN(title, read_title_or_detail(reader, "title (-1)"));
    } else if (key == kDetail) {
      WITAN_ASSIGN(detail, read_title_or_detail(reader, "detail (-2)"));
    } else {
      reader.skip();
    }
  }
  if (!title || !detail) {
    return fail(ErrorCode::kMalformed,
                std::string("problem details: no ") + (title ? "detail (-2)" : "title (-1)"));
  }
  return ProblemDetails{*std::move(title), *std::move(detail)};
}

}  // namespace witan
