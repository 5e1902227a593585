#pragma once
// Checkpoints: the text of a tree head, carried in a signed note.
// Source: C2SP tlog-checkpoint.

#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

struct Checkpoint {
  std::string origin;
  TreeSize size;
  Hash32 root{};
  std::vector<std::string> extensions;  // lines, without newline

  // From a note's text. kMalformed names the line. Only canonical numbers and base64 are accepted;
  // sizes up to 2^63 - 1 parse (other people's), above is kTooLarge.
  static Result<Checkpoint> parse(std::string_view text);
  // "<origin>\n<size>\n<base64 root>\n" and the extension lines.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// Lowercase hex SHA-256 of the origin, as paths of mirrors and witnesses use it.
[[nodiscard]] std::string origin_hash(std::string_view origin);

}  // namespace witan
