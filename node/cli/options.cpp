#include "node/cli/options.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <CLI/CLI.hpp>

#include "node/cli/cli.h"

namespace witan::cli {
namespace {

// CLI11 takes a number above the largest one for the largest one.
std::string too_large(const std::string& number) {
  errno = 0;
  static_cast<void>(std::strtoull(number.c_str(), nullptr, 0));
  return errno == ERANGE ? number + " is too large" : std::string();
}

std::string empty(const std::string& value) {
  return value.empty() ? "found nothing, expected a value" : std::string();
}

}  // namespace

Option& Option::required() {
  option_->required()->check(empty, "");
  return *this;
}

Option& Option::excludes(const Option& other) {
  option_->excludes(other.option_);
  return *this;
}

Option& Option::range(unsigned lowest, unsigned highest) {
  option_->check(CLI::Range(lowest, highest));
  return *this;
}

Option& Option::range(double lowest, double highest) {
  option_->check(CLI::Range(lowest, highest));
  return *this;
}

Option& Option::one_of(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
  return *this;
}

Option& Option::show_default() {
  option_->capture_default_str();
  return *this;
}

Option& Option::hidden() {
  option_->group("");
  return *this;
}

Verb& Verb::verb(const std::string& name, const std::string& help) {
  return verbs_.emplace_back(*app_->add_subcommand(name, help));
}

Option Verb::option(const std::string& names, std::string& into, const std::string& help) {
  return Option(*app_->add_option(names, into, help));
}

Option Verb::option(const std::string& names, std::vector<std::string>& into,
                    const std::string& help) {
  return Option(*app_->add_option(names, into, help));
}

Option Verb::option(const std::string& names, int& into, const std::string& help) {
  return Option(*app_->add_option(names, into, help));
}

Option Verb::option(const std::string& names, std::uint16_t& into, const std::string& help) {
  return Option(*app_->add_option(names, into, help));
}

Option Verb::option(const std::string& names, unsigned& into, const std::string& help) {
  return Option(*app_->add_option(names, into, help));
}

Option Verb::option(const std::string& names, std::uint64_t& into, const std::string& help) {
  return Option(*app_->add_option(names, into, help)->check(too_large, ""));
}

Option Verb::option(const std::string& names, double& into, const std::string& help) {
  return Option(*app_->add_option(names, into, help));
}

Option Verb::flag(const std::string& names, bool& into, const std::string& help) {
  return Option(*app_->add_flag(names, into, help));
}

void Verb::footer(const std::string& text) {
  app_->footer(text);
}

void Verb::hidden() {
  app_->group("");
}

void Verb::needs(const std::string& what, std::function<bool()> given) {
  needs_.push_back({what, std::move(given)});
}

void Verb::require_verbs() {
  if (!verbs_.empty() && !action_) app_->require_subcommand(1);
  for (Verb& verb : verbs_) verb.require_verbs();
}

const Verb* Verb::typed() const {
  for (const Verb& verb : verbs_) {
    if (verb.app_->parsed()) return &verb;
  }
  return nullptr;
}

CommandLine::CommandLine(std::string program, const std::string& help, const std::string& version)
    : program_(std::move(program)), app_(std::make_unique<CLI::App>(help)), top_(*app_) {
  if (!version.empty()) app_->set_version_flag("--version", version);
}

CommandLine::~CommandLine() = default;

tl::expected<Action, int> CommandLine::parse(int argc, const char* const* argv) {
  top_.require_verbs();
  try {
    app_->parse(argc, argv);
    const Verb& chosen = *typed().back();
    for (const Verb::Need& need : chosen.needs_) {
      if (!need.given()) throw CLI::RequiredError(need.what);
    }
    return chosen.action_;
  } catch (const CLI::ParseError& error) {
    if (found_no_verb(argc, argv)) return tl::make_unexpected(kExitUsage);
    return tl::make_unexpected(app_->exit(error) == 0 ? kExitDone : kExitUsage);
  }
}

std::vector<const Verb*> CommandLine::typed() const {
  std::vector<const Verb*> verbs{&top_};
  while (const Verb* next = verbs.back()->typed()) verbs.push_back(next);
  return verbs;
}

// CLI11 only says that a verb is missing, not which word was found in its place.
bool CommandLine::found_no_verb(int argc, const char* const* argv) const {
  const std::vector<const Verb*> verbs = typed();
  const int place = static_cast<int>(verbs.size());
  const bool verb_missing = verbs.back()->app_->get_require_subcommand_min() > 0;
  if (!verb_missing || place >= argc || argv[place][0] == '-') return false;
  std::string before = program_;
  for (int i = 1; i < place; ++i) before += std::string(" ") + argv[i];
  std::fprintf(stderr, "%s: found '%s', expected a verb; `%s --help` lists them\n", before.c_str(),
               argv[place], before.c_str());
  return true;
}

}  // namespace witan::cli
