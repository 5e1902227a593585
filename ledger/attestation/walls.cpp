#include "ledger/attestation/walls.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace witan {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

tl::unexpected<Error> too_many(std::string_view what, std::size_t found, std::size_t expected) {
  return fail(ErrorCode::kTooLarge, "walls: " + std::to_string(found) + " " + std::string(what) +
                                        ", expected at most " + std::to_string(expected));
}

Result<std::string> read_wall_name(CborReader& reader) {
  WITAN_ASSIGN(const std::string_view name, reader.read_text());
  if (name.size() > kWallNameBytesMax) {
    return too_many("bytes of a name", name.size(), kWallNameBytesMax);
  }
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_name_character)) {
    return fail(ErrorCode::kMalformed,
                "walls: a name that is not of lower-case letters, digits and '-'");
  }
  return std::string(name);
}

Result<std::string> read_reason(CborReader& reader) {
  if (reader.peek() == CborType::kNull) {
    WITAN_TRY(reader.read_null());
    return std::string();
  }
  WITAN_ASSIGN(const std::string_view reason, reader.read_text());
  if (reason.size() > kWallReasonBytesMax) {
    return too_many("bytes of a reason", reason.size(), kWallReasonBytesMax);
  }
  if (reason.empty() || !std::all_of(reason.begin(), reason.end(), is_printable)) {
    return fail(ErrorCode::kMalformed, "walls: a reason that is not of printable ASCII");
  }
  return std::string(reason);
}

}  // namespace

void write_walls(CborWriter& writer, const WallStates& states) {
  writer.array(states.size());
  for (const WallState& wall : states) {
    writer.array(2).text(wall.name);
    if (wall.why_not.empty()) {
      writer.null();
      continue;
    }
    std::string reason = wall.why_not.substr(0, kWallReasonBytesMax);
    std::replace_if(
        reason.begin(), reason.end(), [](char c) { return !is_printable(c); }, '?');
    writer.text(reason);
  }
}

Result<WallStates> read_walls(CborReader& reader) {
  WITAN_ASSIGN(const std::size_t count, reader.read_array());
  if (count > kWallsMax) return too_many("walls", count, kWallsMax);
  WallStates out;
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_ASSIGN(const std::size_t elements, reader.read_array());
    if (elements != 2) {
      return fail(ErrorCode::kMalformed, "walls: one of " + std::to_string(elements) +
                                             " elements, expected 2 (name, reason)");
    }
    WallState wall;
    WITAN_ASSIGN(wall.name, read_wall_name(reader));
    WITAN_ASSIGN(wall.why_not, read_reason(reader));
    for (const WallState& other : out) {
      if (other.name == wall.name) {
        return fail(ErrorCode::kMalformed, "walls: " + wall.name + " is there twice");
      }
    }
    out.push_back(std::move(wall));
  }
  return out;
}

}  // namespace witan
