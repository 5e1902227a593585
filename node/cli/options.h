#pragma once
// The verbs and options of a program, and what was typed of them. Hides CLI11, whose templates cost
// every file that sees them seconds of compiling.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
class Option;
}  // namespace CLI

namespace witan::cli {

// What a verb does; gives the program's exit code.
using Action = std::function<int()>;

// An option that a verb has: refine it with these. A reference to it, so copies are the same
// option.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  // A usage error when it is missing or empty.
  Option& required();
  // A usage error when both are given.
  Option& excludes(const Option& other);
  // The lowest and the highest value that are accepted.
  Option& range(unsigned lowest, unsigned highest);
  Option& range(double lowest, double highest);
  // The values that are accepted.
  Option& one_of(const std::vector<std::string>& values);
  // Shows the value that the variable has now in the help, as the default.
  Option& show_default();
  // Leaves it out of the help.
  Option& hidden();

 private:
  CLI::Option* option_;
};

// A verb with its options, or the program itself, which has options and verbs as any verb has.
class Verb {
 public:
  explicit Verb(CLI::App& app) : app_(&app) {}
  Verb(const Verb&) = delete;
  Verb& operator=(const Verb&) = delete;

  // Adds a verb below this one. The reference stays valid. A verb with verbs below it needs one of
  // them to be typed, unless it runs something itself.
  Verb& verb(const std::string& name, const std::string& help);

  // Adds an option that takes a value, or any number of values. `names` is "--long",
  // "-s,--long" or, for what is known by its place, "name". Parsing writes what was typed to
  // `into`, which must live until then, and leaves it alone when the option is not given. A value
  // that is not of the type is a usage error.
  Option option(const std::string& names, std::string& into, const std::string& help);
  Option option(const std::string& names, std::vector<std::string>& into, const std::string& help);
  Option option(const std::string& names, int& into, const std::string& help);
  Option option(const std::string& names, std::uint16_t& into, const std::string& help);
  Option option(const std::string& names, unsigned& into, const std::string& help);
  Option option(const std::string& names, std::uint64_t& into, const std::string& help);
  Option option(const std::string& names, double& into, const std::string& help);
  // Adds an option without a value.
  Option flag(const std::string& names, bool& into, const std::string& help);

  // Text below the options in the help: an example.
  void footer(const std::string& text);
  // Leaves the verb out of the help.
  void hidden();
  // The usage error "WHAT is required" unless `given` finds, after parsing, that it is there: for
  // what no single option can require.
  void needs(const std::string& what, std::function<bool()> given);
  // What happens when this verb is typed, and none below it.
  void runs(Action action) { action_ = std::move(action); }

 private:
  friend class CommandLine;
  // Tells the library which verbs need one below them.
  void require_verbs();
  // The verb below this one that was typed, or null.
  [[nodiscard]] const Verb* typed() const;

  struct Need {
    std::string what;
    std::function<bool()> given;
  };
  CLI::App* app_;
  std::list<Verb> verbs_;
  std::vector<Need> needs_;
  Action action_;
};

// A program's whole command line.
class CommandLine {
 public:
  // `version` is what --version prints; without it there is no such option.
  CommandLine(std::string program, const std::string& help, const std::string& version = "");
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine();

  // The program itself: add options and verbs to it.
  [[nodiscard]] Verb& top() { return top_; }

  // What the typed verb runs; or, when there is nothing to run, the exit code to end with:
  // kExitDone after printing the help or the version, kExitUsage after a message about a usage
  // error.
  [[nodiscard]] tl::expected<Action, int> parse(int argc, const char* const* argv);

 private:
  // The program and the verbs that were typed, outermost first.
  [[nodiscard]] std::vector<const Verb*> typed() const;
  // Whether a verb is missing and another word is in its place; if so, says which.
  [[nodiscard]] bool found_no_verb(int argc, const char* const* argv) const;

  std::string program_;
  std::unique_ptr<CLI::App> app_;
  Verb top_;
};

}  // namespace witan::cli
