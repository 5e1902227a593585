#include "witness/sigsum_policy.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::string_view kSigsumSpaces = " \t\r\v\f";
constexpr std::size_t kSigsumKeyBytes = 32;

std::vector<std::string_view> sigsum_fields(std::string_view line) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t start = line.find_first_not_of(kSigsumSpaces);
    if (start == std::string_view::npos) return out;
    line.remove_prefix(start);
    const std::size_t end = std::min(line.find_first_of(kSigsumSpaces), line.size());
    out.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

Result<Bytes> sigsum_key(std::string_view hex) {
  std::string lower(hex);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  auto key = hex_decode(lower);
  if (key && key->size() == kSigsumKeyBytes) return key;
  return fail(ErrorCode::kMalformed,
              "expected a key of 64 hex digits, found \"" + std::string(hex.substr(0, 80)) + "\"");
}

class SigsumPolicyParser {
 public:
  Result<void> take_line(std::string_view text) {
    if (!is_utf8(as_bytes(text))) return fail(ErrorCode::kMalformed, "not UTF-8");
    const std::vector<std::string_view> fields = sigsum_fields(text);
    if (fields.empty() || fields[0].front() == '#') return {};
    const std::string_view word = fields[0];
    if (word == "log") return take_log(fields);
    if (word == "witness") {
      WITAN_TRY(expect(fields, 3, 4, "witness NAME KEY [URL]"));
      WITAN_TRY(sigsum_key(fields[2]));
      return {};
    }
    if (word == "group") return expect(fields, 4, SIZE_MAX, "group NAME COUNT MEMBER...");
    if (word == "quorum") return expect(fields, 2, 2, "quorum NAME");
    return fail(ErrorCode::kMalformed, "expected log, witness, group or quorum, found \"" +
                                           std::string(word.substr(0, 32)) + "\"");
  }

  LogList list;
  std::size_t line = 0;

 private:
  static Result<void> expect(const std::vector<std::string_view>& fields, std::size_t min,
                             std::size_t max, std::string_view shape) {
    if (fields.size() >= min && fields.size() <= max) return {};
    return fail(ErrorCode::kMalformed, "expected \"" + std::string(shape) + "\"");
  }

  Result<void> take_log(const std::vector<std::string_view>& fields) {
    WITAN_TRY(expect(fields, 2, 3, "log KEY [URL]"));
    WITAN_ASSIGN(const Bytes raw, sigsum_key(fields[1]));
    const std::string origin = sigsum_origin(raw);
    WITAN_ASSIGN(VerifierKey key, VerifierKey::make(origin, NoteAlgorithm::kEd25519, raw));
    if (!seen_.insert(origin).second) {
      add_list_warning(list.warnings,
                       "Sigsum policy line " + std::to_string(line) + ": the same log again");
      return {};
    }
    if (list.logs.size() == limits::kWitnessLogsMax) {
      return fail(ErrorCode::kTooLarge,
                  "more than " + std::to_string(limits::kWitnessLogsMax) + " logs");
    }
    list.logs.push_back({std::move(key), origin, {}, ""});
    return {};
  }

  std::set<std::string> seen_;
};

}  // namespace

std::string sigsum_origin(BytesView raw_key) {
  return "sigsum.org/v1/tree/" + hex_encode(sha256(raw_key));
}

Result<LogList> parse_sigsum_logs(std::string_view text) {
  if (text.size() > limits::kLogListBytesMax) {
    return fail(ErrorCode::kTooLarge, "Sigsum policy: " + std::to_string(text.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(limits::kLogListBytesMax));
  }
  SigsumPolicyParser parser;
  while (!text.empty()) {
    ++parser.line;
    const std::size_t end = std::min(text.find('\n'), text.size());
    auto taken = parser.take_line(text.substr(0, end));
    if (!taken) {
      return fail(taken.error().within("Sigsum policy line " + std::to_string(parser.line)));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(parser.list);
}

}  // namespace witan
