#pragma once
// A text file that proves one entry's inclusion offline.
// Source: C2SP tlog-proof.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

struct TlogProof {
  std::optional<Bytes> extra;
  LeafIndex index;
  std::vector<Hash32> path;
  std::string checkpoint;  // the signed note, verbatim

  // kMalformed naming the line, kTooLarge.
  static Result<TlogProof> parse(std::string_view text);
  [[nodiscard]] std::string encode() const;
};

}  // namespace witan
