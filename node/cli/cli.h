#pragma once
// The command line: one function a verb. Exit codes: 0 done, 1 a check failed, 2 usage, 3 could not
// reach or read.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"

namespace witan::cli {

inline constexpr int kExitDone = 0, kExitCheckFailed = 1, kExitUsage = 2, kExitUnreachable = 3;

// The exit code for an error that ends a verb.
[[nodiscard]] int exit_code(ErrorCode code);
// Prints "witan VERB: message" on standard error, made printable, and gives the exit code.
int report(std::string_view verb, const Error& error);

// What a verb has done: a name and a value a line, or a JSON object of the same.
using Facts = std::vector<std::pair<std::string, std::string>>;
void print_facts(const Facts& facts, bool as_json);

class Verb;

// Each adds one verb with its options, help and example.
void add_init(Verb& top);
void add_node(Verb& top);
void add_keygen(Verb& top);
void add_sign(Verb& top);
void add_submit(Verb& top);
void add_receipt(Verb& top);
void add_verify(Verb& top);
void add_inspect(Verb& top);
void add_audit(Verb& top);
void add_status(Verb& top);
void add_attest(Verb& top);
void add_policy(Verb& top);
void add_demo(Verb& top);
void add_witness(Verb& top);

}  // namespace witan::cli
