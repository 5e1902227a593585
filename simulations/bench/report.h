#pragma once
// What was measured, each figure beside its limit, as a table and as JSON.

#include <optional>
#include <string>
#include <vector>

#include "config/result.h"

namespace witan::bench {

enum class Goal { kNone, kAtLeast, kAtMost };

// A limit that was measured in the same run; the ratio is the figure's value over it.
struct Beside {
  std::string what;
  double value = 0;
};

struct Figure {
  std::string bench;
  std::string what;
  double value = 0;
  std::string unit;
  Goal goal = Goal::kNone;
  double bound = 0;  // of the value
  std::optional<Beside> beside = std::nullopt;
  std::optional<double> ratio_min = std::nullopt;

  // Goal and least ratio, as far as there are any.
  [[nodiscard]] bool holds() const;
};

class Report {
 public:
  // Prints the figure at once, so that a long run shows where it is.
  void add(Figure figure);
  // A line about the run: what was checked, under which load.
  void note(std::string text);

  [[nodiscard]] bool all_hold() const;
  void print_table() const;
  [[nodiscard]] Result<void> write_json(const std::string& file) const;

 private:
  std::vector<Figure> figures_;
  std::vector<std::string> notes_;
};

}  // namespace witan::bench
