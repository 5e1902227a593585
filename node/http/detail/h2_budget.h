#pragma once
// What a peer may cost besides its requests: so much at once and a second, more for requests that
// it has answered or takes back. See config/limits.h (kH2Control...).

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "config/limits.h"

namespace witan::http::detail {

class H2Budget {
 public:
  explicit H2Budget(std::uint64_t now_ms) : refilled_ms_(now_ms) {}

  // Takes so much; false, from then on, when there was not enough.
  bool charge(std::uint64_t cost, std::uint64_t now_ms) {
    earn(static_cast<double>(now_ms - refilled_ms_) * limits::kH2ControlPerSecond / 1000);
    refilled_ms_ = now_ms;
    left_ -= static_cast<double>(cost);
    exceeded_ = exceeded_ || left_ < 0;
    return !exceeded_;
  }
  // A request is done with: answered, or taken back. Whoever asks the peer may do that to it, so
  // that it costs the peer nothing.
  void earn_request() { earn(limits::kH2ControlPerRequest); }
  // So much of an answer was sent: the peer opens the windows for it again.
  void earn_bytes(std::size_t bytes) {
    earn(static_cast<double>(bytes) / limits::kH2BytesPerControl);
  }
  void exceed() { exceeded_ = true; }
  [[nodiscard]] bool exceeded() const { return exceeded_; }

 private:
  void earn(double more) { left_ = std::min<double>(left_ + more, limits::kH2ControlBurst); }

  double left_ = limits::kH2ControlBurst;
  std::uint64_t refilled_ms_;
  bool exceeded_ = false;
};

}  // namespace witan::http::detail
