#pragma once
// Which origins a signer may not cosign because its marks may be old: after a backup was restored,
// every origin is held until somebody shows or says where it stands. Format:
// docs/enclave-protocol.md, section "Held and retired folders".

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

class Hold {
 public:
  // Accepts only what encode() writes. kMalformed naming the line, kTooLarge.
  static Result<Hold> parse(std::string_view text);
  [[nodiscard]] std::string encode() const;

  [[nodiscard]] bool holds(const Hash32& origin_hash) const {
    return !lifted_ && released_.count(origin_hash) == 0;
  }
  void release(const Hash32& origin_hash) { released_.insert(origin_hash); }
  // Nothing is held any more.
  void lift() {
    lifted_ = true;
    released_.clear();
  }
  [[nodiscard]] bool lifted() const { return lifted_; }
  [[nodiscard]] std::size_t released() const { return released_.size(); }

  // Cosignatures were seen that were made at this time: later ones carry none that is lower.
  void saw_time(std::uint64_t time_s) { time_s_ = time_s > time_s_ ? time_s : time_s_; }
  [[nodiscard]] std::uint64_t time_s() const { return time_s_; }

 private:
  std::set<Hash32> released_;
  std::uint64_t time_s_ = 0;
  bool lifted_ = false;
};

}  // namespace witan
