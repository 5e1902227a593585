#include "enclave/hold.h"

#include <algorithm>

#include "config/limits.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::string_view kHoldHeader = "witan-hold/v1";
constexpr std::string_view kHoldTime = "time ";
constexpr std::string_view kHoldLifted = "lifted";

tl::unexpected<Error> bad_hold(std::size_t line, const std::string& expected) {
  return fail(ErrorCode::kMalformed,
              "the file held, line " + std::to_string(line) + ": expected " + expected);
}

}  // namespace

Result<Hold> Hold::parse(std::string_view text) {
  Hold out;
  std::string_view rest = text;
  std::size_t line = 1;
  for (; !rest.empty(); ++line) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return bad_hold(line, "a newline at its end");
    const std::string_view content = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line == 1) continue;  // compared below
    if (line == 2) {
      const auto time = decimal_decode(content.substr(std::min(content.size(), kHoldTime.size())));
      if (!time) return bad_hold(line, "\"time \" and a number of seconds");
      out.time_s_ = *time;
    } else if (content == kHoldLifted) {
      out.lifted_ = true;
    } else {
      const auto hash = hash_from_hex(content);
      if (!hash) return bad_hold(line, "the SHA-256 of an origin in hex");
      out.released_.insert(out.released_.end(), *hash);
    }
    if (line > limits::kWitnessLogsMax + 3) {
      return fail(ErrorCode::kTooLarge, "the file held names more than " +
                                            std::to_string(limits::kWitnessLogsMax) + " origins");
    }
  }
  if (out.encode() == text) return out;
  return fail(ErrorCode::kMalformed, "the file held is not what this program writes");
}

std::string Hold::encode() const {
  std::string out(kHoldHeader);
  out += "\n" + std::string(kHoldTime) + std::to_string(time_s_) + "\n";
  if (lifted_) return out + std::string(kHoldLifted) + "\n";
  for (const Hash32& hash : released_) out += hex_encode(hash) + "\n";
  return out;
}

}  // namespace witan
