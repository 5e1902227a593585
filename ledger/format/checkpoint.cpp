#include "ledger/format/checkpoint.h"

#include <algorithm>
#include <limits>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr auto kSizeMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

tl::unexpected<Error> bad_line(std::size_t line, std::string_view what) {
  return fail(ErrorCode::kMalformed,
              "checkpoint line " + std::to_string(line) + ": " + std::string(what));
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<TreeSize> parse_size(std::string_view line) {
  const auto size = decimal_decode(line);
  const bool leading_zero = line.size() > 1 && line.front() == '0';
  if (size ? *size > kSizeMax : is_digits(line) && !leading_zero) {
    return fail(ErrorCode::kTooLarge, "checkpoint line 2: the size is above 2^63 - 1");
  }
  if (!size) return bad_line(2, "the size is not a decimal number without leading zeroes");
  return TreeSize{*size};
}

}  // namespace

Result<Checkpoint> Checkpoint::parse(std::string_view text) {
  if (text.size() > limits::kNoteBytesMax) {
    return fail(ErrorCode::kTooLarge, "checkpoint: " + std::to_string(text.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(limits::kNoteBytesMax));
  }
  if (!is_utf8(as_bytes(text))) return fail(ErrorCode::kMalformed, "checkpoint: not UTF-8");
  Checkpoint out;
  std::size_t line = 0;
  while (!text.empty()) {
    ++line;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return bad_line(line, "no newline at the end");
    const std::string_view content = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (content.empty()) return bad_line(line, "empty");
    if (std::any_of(content.begin(), content.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
      return bad_line(line, "control character");
    }
    if (line == 1) {
      out.origin = content;
    } else if (line == 2) {
      WITAN_ASSIGN(out.size, parse_size(content));
    } else if (line == 3) {
      const auto root = hash_from_base64(content);
      if (!root) return bad_line(line, "the root is not base64 of 32 bytes");
      out.root = *root;
    } else {
      out.extensions.emplace_back(content);
    }
  }
  if (line < 3) {
    return fail(ErrorCode::kMalformed,
                "checkpoint: expected at least 3 lines (origin, size, root), found " +
                    std::to_string(line));
  }
  return out;
}

std::string Checkpoint::text() const {
  std::string out = origin + "\n" + std::to_string(size.value) + "\n" + base64_encode(root) + "\n";
  for (const std::string& extension : extensions) out += extension + "\n";
  return out;
}

std::string origin_hash(std::string_view origin) {
  return hex_encode(sha256(as_bytes(origin)));
}

}  // namespace witan
