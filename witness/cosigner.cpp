#include "witness/cosigner.h"

#include "config/limits.h"

namespace witan {

Result<std::vector<OriginMark>> all_marks(Cosigner& cosigner) {
  std::vector<OriginMark> out;
  for (;;) {
    WITAN_ASSIGN(const std::vector<OriginMark> page, cosigner.marks(out.size()));
    out.insert(out.end(), page.begin(), page.end());
    if (page.size() < limits::kMarksPageMax) return out;
    if (out.size() > limits::kWitnessLogsMax) {
      return fail(ErrorCode::kUnavailable, "the signer gave " + std::to_string(out.size()) +
                                               " marks, expected at most " +
                                               std::to_string(limits::kWitnessLogsMax));
    }
  }
}

}  // namespace witan
