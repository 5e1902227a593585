// witan policy: looks at a tlog-policy before anybody relies on it.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/file.h"
#include "config/limits.h"
#include "ledger/crypto/ml_dsa.h"
#include "ledger/encoding.h"
#include "node/cli/cli.h"
#include "node/cli/options.h"
#include "node/cli/printable.h"
#include "witness/policy_strength.h"
#include "witness/tlog_policy.h"

namespace witan::cli {
namespace {

using PolicyJson = nlohmann::ordered_json;

struct PolicyArguments {
  std::string file;
  bool json = false;
};

struct ReadPolicy {
  TlogPolicy policy;
  std::vector<std::string> organisations;
  PolicyStrength strength;
};

Result<ReadPolicy> read_policy(const std::string& file) {
  WITAN_ASSIGN(const std::string text, read_text_file(file, limits::kTlogPolicyBytesMax));
  auto policy = TlogPolicy::parse(text);
  if (!policy) return fail(policy.error().within(file));
  ReadPolicy out{*std::move(policy), {}, {}};
  out.organisations = organisations_of(out.policy, text);
  out.strength = strength_of(out.policy, out.organisations);
  return out;
}

// Whether the quorum counts what stands under the name.
bool counts(const TlogPolicy& policy, const std::string& name) {
  if (name == policy.quorum) return true;
  return std::any_of(policy.groups.begin(), policy.groups.end(), [&](const auto& group) {
    return std::count(group.members.begin(), group.members.end(), name) != 0 &&
           counts(policy, group.name);
  });
}

// Names that are fewer witnesses than they seem.
void doubt_identities(const TlogPolicy& policy, std::vector<std::string>& out) {
  for (std::size_t i = 0; i < policy.witnesses.size(); ++i) {
    const TlogPolicy::Witness& witness = policy.witnesses[i];
    const std::string name = printable(witness.name);
    for (const TlogPolicy::Log& log : policy.logs) {
      if (log.key.name != witness.key.name && log.key.key != witness.key.key) continue;
      out.push_back(name + " has the name or key of log " + printable(log.key.name) +
                    ", and never counts as a witness of it");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (policy.witnesses[j].key.name != witness.key.name) continue;
      out.push_back(printable(policy.witnesses[j].name) + " and " + name +
                    " are keys of one witness, " + printable(witness.key.name) +
                    ", which thus counts twice");
    }
  }
}

// What is allowed in a policy, but seldom meant.
std::vector<std::string> doubts_about(const ReadPolicy& read) {
  const TlogPolicy& policy = read.policy;
  std::vector<std::string> out;
  if (policy.logs.empty()) out.emplace_back("it names no log, so no checkpoint meets it");
  for (const TlogPolicy::Log& log : policy.logs) {
    if (log.key.algorithm != NoteAlgorithm::kCosignatureEd25519) continue;
    out.push_back("the key of log " + printable(log.key.name) + " is a cosigner's (type 4)");
  }
  if (policy.quorum == "none") {
    out.emplace_back("its quorum is none: no witness is asked for");
    return out;
  }
  for (const TlogPolicy::Witness& witness : policy.witnesses) {
    const std::string name = printable(witness.name);
    const bool has_url = witness.url.starts_with("http://") || witness.url.starts_with("https://");
    if (witness.url.empty()) out.push_back(name + " has no URL: a log cannot ask it");
    if (!witness.url.empty() && !has_url) {
      out.push_back(name + ": found the URL " + printable(witness.url) +
                    ", expected http:// or https://: a log cannot ask it");
    }
    if (!counts(policy, witness.name)) out.push_back(name + " counts for nothing in the quorum");
    if (witness.key.algorithm == NoteAlgorithm::kMlDsa44 && !ml_dsa_available()) {
      out.push_back(name + " signs with ML-DSA-44, which this build cannot verify");
    }
  }
  doubt_identities(policy, out);
  if (!read.strength.forge) out.emplace_back("its quorum can never be met");
  const auto& split = read.strength.split;
  if (split && split->at_most <= 1) {
    out.emplace_back("one lying organisation suffices to show two histories");
  }
  return out;
}

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : noun.ends_with('s') ? "es" : "s");
}

Result<void> run_check(const PolicyArguments& arguments) {
  WITAN_ASSIGN(const ReadPolicy read, read_policy(arguments.file));
  const TlogPolicy& policy = read.policy;
  std::printf("%s: ok: %s, %s, %s, quorum %s\n", arguments.file.c_str(),
              counted(policy.logs.size(), "log").c_str(),
              counted(policy.witnesses.size(), "witness").c_str(),
              counted(policy.groups.size(), "group").c_str(), printable(policy.quorum).c_str());
  for (const std::string& doubt : doubts_about(read)) std::printf("  note: %s\n", doubt.c_str());
  return {};
}

std::string count_text(const std::optional<Coalition>& coalition) {
  if (!coalition) return "not even all organisations together";
  const auto number = [](std::size_t count) {
    return std::to_string(count) + (count == 1 ? " organisation" : " organisations");
  };
  if (coalition->at_least == coalition->at_most) return number(coalition->at_least);
  return std::to_string(coalition->at_least) + " to " + number(coalition->at_most);
}

// What the policy withstands: one fewer than what suffices.
std::string withstands_text(const std::optional<Coalition>& coalition) {
  if (!coalition) return "any number of lying organisations";
  if (coalition->at_least == 0) return "none: it allows two histories though nobody lies";
  const std::size_t count = coalition->at_least - 1;
  return (coalition->at_least == coalition->at_most ? "" : "at least ") + std::to_string(count) +
         (count == 1 ? " lying organisation" : " lying organisations");
}

// The quorum's lines, outermost first. Each name stands in a policy's groups at most once.
void quorum_lines(const TlogPolicy& policy, const std::string& name, std::size_t depth,
                  std::vector<std::string>& out) {
  const std::string indent(2 * depth + 2, ' ');
  for (const TlogPolicy::Group& group : policy.groups) {
    if (group.name != name) continue;
    out.push_back(indent + std::to_string(group.threshold) + " of " +
                  std::to_string(group.members.size()) + ": " + printable(name));
    for (const std::string& member : group.members) quorum_lines(policy, member, depth + 1, out);
    return;
  }
  out.push_back(indent + printable(name));
}

void print_policy(const ReadPolicy& read) {
  const TlogPolicy& policy = read.policy;
  std::printf("logs\n");
  for (const TlogPolicy::Log& log : policy.logs) {
    std::printf("  %s%s\n", printable(log.key.name).c_str(),
                log.url.empty() ? "" : (" " + printable(log.url)).c_str());
  }
  std::printf("witnesses\n");
  for (std::size_t i = 0; i < policy.witnesses.size(); ++i) {
    const TlogPolicy::Witness& witness = policy.witnesses[i];
    std::printf("  %s: key %s+%s, run by %s, %s\n", printable(witness.name).c_str(),
                printable(witness.key.name).c_str(), hex_encode(witness.key.id).c_str(),
                printable(read.organisations[i]).c_str(),
                witness.url.empty() ? "no URL" : printable(witness.url).c_str());
  }
  std::printf("quorum\n");
  std::vector<std::string> lines;
  quorum_lines(policy, policy.quorum, 0, lines);
  for (const std::string& line : lines) std::printf("%s\n", line.c_str());
  const PolicyStrength& strength = read.strength;
  std::printf("strength\n");
  std::printf("  survives               %s\n", withstands_text(strength.split).c_str());
  std::printf("  two histories take     the lies of %s\n", count_text(strength.split).c_str());
  std::printf("  a quorum of lies takes %s\n", count_text(strength.forge).c_str());
  std::printf("  silence that blocks    %s\n", count_text(strength.block).c_str());
}

PolicyJson coalition_json(const std::optional<Coalition>& coalition) {
  if (!coalition) return nullptr;
  return {{"at_least", coalition->at_least}, {"at_most", coalition->at_most}};
}

PolicyJson quorum_json(const TlogPolicy& policy, const std::string& name) {
  PolicyJson out;
  out["name"] = name;
  for (const TlogPolicy::Group& group : policy.groups) {
    if (group.name != name) continue;
    out["threshold"] = group.threshold;
    out["members"] = PolicyJson::array();
    for (const std::string& member : group.members) {
      out["members"].push_back(quorum_json(policy, member));
    }
  }
  return out;
}

PolicyJson policy_json(const ReadPolicy& read) {
  const TlogPolicy& policy = read.policy;
  PolicyJson out;
  out["logs"] = PolicyJson::array();
  for (const TlogPolicy::Log& log : policy.logs) {
    out["logs"].push_back({{"origin", log.key.name}, {"key", log.key.text()}, {"url", log.url}});
  }
  out["witnesses"] = PolicyJson::array();
  for (std::size_t i = 0; i < policy.witnesses.size(); ++i) {
    const TlogPolicy::Witness& witness = policy.witnesses[i];
    out["witnesses"].push_back({{"name", witness.name},
                                {"key", witness.key.text()},
                                {"url", witness.url},
                                {"organisation", read.organisations[i]}});
  }
  out["quorum"] = quorum_json(policy, policy.quorum);
  out["survives_lying"] = nullptr;
  if (read.strength.split) {
    const std::size_t split = read.strength.split->at_least;
    out["survives_lying"] = split == 0 ? 0 : split - 1;
  }
  out["two_histories_take"] = coalition_json(read.strength.split);
  out["quorum_of_lies_takes"] = coalition_json(read.strength.forge);
  out["silence_that_blocks"] = coalition_json(read.strength.block);
  return out;
}

Result<void> run_show(const PolicyArguments& arguments) {
  WITAN_ASSIGN(const ReadPolicy read, read_policy(arguments.file));
  if (!arguments.json) {
    print_policy(read);
    return {};
  }
  std::printf("%s\n",
              policy_json(read).dump(2, ' ', true, PolicyJson::error_handler_t::replace).c_str());
  return {};
}

}  // namespace

void add_policy(Verb& top) {
  Verb& policy = top.verb("policy", "Look at a tlog-policy: logs, witnesses and their quorum");
  policy.footer("Example: witan policy show witnesses.policy");

  auto check_arguments = std::make_shared<PolicyArguments>();
  Verb& check = policy.verb("check", "Say whether a policy is right, or which line is not");
  check.footer("Example: witan policy check witnesses.policy");
  check.option("file", check_arguments->file, "The policy").required();
  check.runs([check_arguments] {
    const auto result = run_check(*check_arguments);
    return result ? kExitDone : report("policy check", result.error());
  });

  auto show_arguments = std::make_shared<PolicyArguments>();
  Verb& show = policy.verb("show", "Show a policy, and how many organisations may lie or fail");
  show.footer(
      "Who runs a witness is told by a comment \"# org: NAME\" on the line before it, or by the\n"
      "domain in its key's name.\n"
      "Example: witan policy show witnesses.policy --json");
  show.option("file", show_arguments->file, "The policy").required();
  show.flag("--json", show_arguments->json, "Print JSON");
  show.runs([show_arguments] {
    const auto result = run_show(*show_arguments);
    return result ? kExitDone : report("policy show", result.error());
  });
}

}  // namespace witan::cli
