#include "node/witnessing_options.h"

#include <utility>

#include "config/file.h"
#include "config/limits.h"

namespace witan {

Result<WitnessingOptions> read_witnessing_options(const WitnessesConfig& config,
                                                  const std::filesystem::path& dir) {
  const std::string file = (dir / config.policy).string();
  WITAN_ASSIGN(const std::string text, read_text_file(file, limits::kTlogPolicyBytesMax));
  auto policy = TlogPolicy::parse(text);
  if (!policy) return fail(ErrorCode::kUsage, file + ": " + policy.error().message);
  WitnessingOptions out;
  out.policy = *std::move(policy);
  out.collector.deadline_ms = static_cast<std::uint64_t>(config.deadline.count());
  out.collector.beyond_quorum_ms = static_cast<std::uint64_t>(config.beyond_quorum.count());
  out.head_interval = config.head_interval;
  if (config.publish_unwitnessed_after) {
    out.collector.unwitnessed_after_ms =
        static_cast<std::uint64_t>(config.publish_unwitnessed_after->count());
  }
  if (config.ca) out.ca_file = (dir / *config.ca).string();
  return out;
}

}  // namespace witan
