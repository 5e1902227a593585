#pragma once
// What happened to the checkpoints of each log since the process began, and the series of it that
// Prometheus gets: their number is bounded, and what has none of its own is summed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/ports/clock.h"
#include "node/metrics.h"

namespace witan {

// Why a checkpoint of a log that is known was refused: names of CosignRefusal, and of limits.
inline constexpr std::array<std::string_view, 9> kLogRefusals{
    "malformed",  "bad-signature", "disabled",    "conflict", "unprocessable",
    "over-quota", "queue-full",    "unavailable", "held"};

struct LogFigures {
  std::uint64_t cosigned = 0;
  std::array<std::uint64_t, kLogRefusals.size()> refused{};  // as kLogRefusals
  std::uint64_t time_s = 0;   // of the newest cosignature, of this process or before; 0: none
  std::uint64_t answers = 0;  // that waited for the signer
  double answer_seconds = 0;  // of all of them

  [[nodiscard]] std::uint64_t refused_sum() const;
};

// Any thread.
class LogFiguresTable {
 public:
  // `picked` are the origins with series of their own; with none, the first that are cosigned have
  // some. limits::kWitnessLogMetricsMax at most. Both must outlive it.
  LogFiguresTable(Metrics& metrics, const Clock& clock, const std::vector<std::string>& picked);

  // A checkpoint was cosigned: by this process, when `now`.
  void cosigned(const std::string& origin, std::uint64_t time_s, bool now);
  // `origin` is of a known log. Other reasons than those of kLogRefusals count as nothing.
  void refused(const std::string& origin, std::string_view reason);
  void answered(const std::string& origin, double seconds);

  // All zeroes for a log of which nothing was heard.
  [[nodiscard]] LogFigures of(const std::string& origin) const;

 private:
  struct Log;
  struct Shared;
  // Runs `change` on the log's figures, or on those of the rest; gives it series when it may have.
  template <typename Change>
  void change(const std::string& origin, const Change& change);
  void show(const std::string& origin);
  void show_refusal(const std::string& origin, std::size_t reason);

  Metrics& metrics_;
  const std::shared_ptr<Shared> shared_;  // with the series, which outlive this object
};

}  // namespace witan
