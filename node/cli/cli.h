#pragma once
// The command line: one function a verb. Exit codes: 0 done, 1 a check failed, 2 usage, 3 could not
// reach or read.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace witan::cli {

inline constexpr int kExitDone = 0, kExitCheckFailed = 1, kExitUsage = 2, kExitUnreachable = 3;

// The exit code for an error that ends a verb.
[[nodiscard]] int exit_code(ErrorCode code);
// Prints "witan VERB: message" on standard error and gives the exit code.
int report(std::string_view verb, const Error& error);

// What a verb has done: a name and a value a line, or a JSON object of the same.
using Facts = std::vector<std::pair<std::string, std::string>>;
void print_facts(const Facts& facts, bool as_json);

// What a verb runs when it was chosen: set by its add_ function, called by main.
struct Chosen {
  std::function<int()> run;
};

// Each adds one verb with its options, help and example.
void add_init(CLI::App& app, Chosen& chosen);
void add_node(CLI::App& app, Chosen& chosen);
void add_keygen(CLI::App& app, Chosen& chosen);
void add_sign(CLI::App& app, Chosen& chosen);
void add_submit(CLI::App& app, Chosen& chosen);
void add_receipt(CLI::App& app, Chosen& chosen);
void add_verify(CLI::App& app, Chosen& chosen);
void add_inspect(CLI::App& app, Chosen& chosen);
void add_audit(CLI::App& app, Chosen& chosen);
void add_status(CLI::App& app, Chosen& chosen);
void add_demo(CLI::App& app, Chosen& chosen);

}  // namespace witan::cli
