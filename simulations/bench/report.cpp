#include "simulations/bench/report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <utility>

#include <nlohmann/json.hpp>

namespace witan::bench {
namespace {

std::string number(double value) {
  std::array<char, 64> text{};
  const int digits = value >= 1'000 ? 0 : value >= 100 ? 1 : value >= 1 ? 2 : 3;
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  std::string out(text.data());
  // Groups of three before the point.
  std::size_t at = std::min(out.find('.'), out.size());
  while (at > 3) {
    at -= 3;
    out.insert(at, ",");
  }
  return out;
}

std::string goal_text(const Figure& figure) {
  std::string out;
  if (figure.goal != Goal::kNone) {
    out = (figure.goal == Goal::kAtLeast ? ">= " : "< ") + number(figure.bound);
  }
  if (figure.ratio_min) {
    out += (out.empty() ? ">= " : ", >= ") + number(*figure.ratio_min * 100) + " %";
  }
  return out;
}

std::string beside_text(const Figure& figure) {
  if (!figure.beside) return "";
  return number(figure.beside->value) + " " + figure.beside->what + " (" +
         number(figure.value / figure.beside->value * 100) + " %)";
}

void print_row(const Figure& figure) {
  const std::string goal = goal_text(figure);
  std::printf("%-15s %-46s %14s %-9s %-14s %-5s %s\n", figure.bench.c_str(), figure.what.c_str(),
              number(figure.value).c_str(), figure.unit.c_str(), goal.c_str(),
              goal.empty()     ? ""
              : figure.holds() ? "yes"
                               : "NO",
              beside_text(figure).c_str());
}

void print_heading() {
  std::printf("%-15s %-46s %14s %-9s %-14s %-5s %s\n", "bench", "what", "measured", "", "goal",
              "held", "beside, in the same run");
}

}  // namespace

bool Figure::holds() const {
  if (goal == Goal::kAtLeast && !(value >= bound)) return false;
  if (goal == Goal::kAtMost && !(value < bound)) return false;
  return !ratio_min || (beside && value >= *ratio_min * beside->value);
}

void Report::add(Figure figure) {
  if (figures_.empty()) print_heading();
  print_row(figure);
  std::fflush(stdout);
  figures_.push_back(std::move(figure));
}

void Report::note(std::string text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
  notes_.push_back(std::move(text));
}

bool Report::all_hold() const {
  return std::all_of(figures_.begin(), figures_.end(), [](const Figure& f) { return f.holds(); });
}

void Report::print_table() const {
  std::printf("\n");
  print_heading();
  for (const Figure& figure : figures_) print_row(figure);
}

Result<void> Report::write_json(const std::string& file) const {
  nlohmann::json out = {{"notes", notes_}, {"figures", nlohmann::json::array()}};
  for (const Figure& figure : figures_) {
    nlohmann::json row = {{"bench", figure.bench},
                          {"what", figure.what},
                          {"value", figure.value},
                          {"unit", figure.unit}};
    if (figure.goal == Goal::kAtLeast) row["at_least"] = figure.bound;
    if (figure.goal == Goal::kAtMost) row["below"] = figure.bound;
    if (figure.beside) {
      row["beside"] = {{"what", figure.beside->what}, {"value", figure.beside->value}};
    }
    if (figure.ratio_min) row["ratio_at_least"] = *figure.ratio_min;
    if (figure.goal != Goal::kNone || figure.ratio_min) row["held"] = figure.holds();
    out["figures"].push_back(std::move(row));
  }
  std::ofstream stream(file);
  stream << out.dump(2) << "\n";
  stream.flush();
  if (!stream) return fail(ErrorCode::kIo, file + ": cannot write");
  return {};
}

}  // namespace witan::bench
