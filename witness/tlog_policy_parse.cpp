// The text form of trust policies.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "witness/tlog_policy.h"

namespace witan {
namespace {

constexpr std::string_view kNone = "none";

std::vector<std::string_view> split_words(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

class Parser {
 public:
  Result<TlogPolicy> parse(std::string_view text) {
    if (text.size() > limits::kTlogPolicyBytesMax) {
      return fail(ErrorCode::kTooLarge, "policy: " + std::to_string(text.size()) +
                                            " bytes, the limit is " +
                                            std::to_string(limits::kTlogPolicyBytesMax));
    }
    while (!text.empty()) {
      ++line_;
      const std::size_t end = text.find('\n');
      if (end == std::string_view::npos) return bad("no newline at the end");
      WITAN_TRY(parse_line(text.substr(0, end)));
      text.remove_prefix(end + 1);
    }
    if (quorum_line_ == 0) {
      return fail(ErrorCode::kMalformed,
                  "policy: no quorum line (\"quorum none\" for no witnesses)");
    }
    return std::move(policy_);
  }

 private:
  using Words = std::vector<std::string_view>;

  [[nodiscard]] tl::unexpected<Error> bad(std::string_view what,
                                          ErrorCode code = ErrorCode::kMalformed) const {
    return fail(code, "policy line " + std::to_string(line_) + ": " + std::string(what));
  }

  Result<void> parse_line(std::string_view line) {
    const bool control = std::any_of(line.begin(), line.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
    if (line.ends_with('\r')) {
      return bad("control character: a carriage return; lines end in a newline alone");
    }
    if (control) return bad("control character");
    const Words words = split_words(line);
    if (words.empty() || words[0].front() == '#') return {};
    if (words[0] == "log") return parse_log(words);
    if (words[0] == "witness") return parse_witness(words);
    if (words[0] == "group") return parse_group(words);
    if (words[0] == "quorum") return parse_quorum(words);
    return bad("expected log, witness, group or quorum, found \"" + std::string(words[0]) + "\"");
  }

  Result<VerifierKey> parse_key(std::string_view text) const {
    auto key = VerifierKey::parse(text);
    if (!key) return bad(key.error().message, key.error().code);
    return key;
  }

  // One key under two names or types would pass as two.
  Result<void> add_key(std::map<Bytes, std::size_t>& keys, const VerifierKey& key) const {
    const auto [place, added] = keys.emplace(key.key, line_);
    if (!added) return bad("the key of line " + std::to_string(place->second) + " again");
    return {};
  }

  Result<void> parse_log(const Words& words) {
    if (words.size() != 2 && words.size() != 3) return bad("expected: log <vkey> [<url>]");
    if (policy_.logs.size() == limits::kTlogPolicyLogsMax) {
      return bad("more than " + std::to_string(limits::kTlogPolicyLogsMax) + " logs",
                 ErrorCode::kTooLarge);
    }
    TlogPolicy::Log log;
    WITAN_ASSIGN(log.key, parse_key(words[1]));
    if (log.key.algorithm == NoteAlgorithm::kCosignatureEd25519) {
      return bad("expected a log's key (type 1, 2 or 6), found type 4, a witness's",
                 ErrorCode::kUnsupported);
    }
    WITAN_TRY(add_key(log_keys_, log.key));
    if (words.size() == 3) log.url = words[2];
    policy_.logs.push_back(std::move(log));
    return {};
  }

  Result<void> parse_witness(const Words& words) {
    if (words.size() != 3 && words.size() != 4) {
      return bad("expected: witness <name> <vkey> [<url>]");
    }
    if (policy_.witnesses.size() == limits::kTlogPolicyWitnessesMax) {
      return bad("more than " + std::to_string(limits::kTlogPolicyWitnessesMax) + " witnesses",
                 ErrorCode::kTooLarge);
    }
    TlogPolicy::Witness witness;
    witness.name = words[1];
    WITAN_ASSIGN(witness.key, parse_key(words[2]));
    if (witness.key.algorithm != NoteAlgorithm::kCosignatureEd25519 &&
        witness.key.algorithm != NoteAlgorithm::kMlDsa44) {
      return bad("expected a cosignature key (type 4 or 6), found type " +
                     std::to_string(static_cast<int>(witness.key.algorithm)),
                 ErrorCode::kUnsupported);
    }
    WITAN_TRY(add_key(witness_keys_, witness.key));
    WITAN_TRY(define(witness.name));
    if (words.size() == 4) witness.url = words[3];
    policy_.witnesses.push_back(std::move(witness));
    return {};
  }

  Result<void> parse_group(const Words& words) {
    if (words.size() < 4) return bad("expected: group <name> all|any|<k> <name>...");
    if (policy_.groups.size() == limits::kTlogPolicyGroupsMax) {
      return bad("more than " + std::to_string(limits::kTlogPolicyGroupsMax) + " groups",
                 ErrorCode::kTooLarge);
    }
    TlogPolicy::Group group;
    group.name = words[1];
    for (std::size_t i = 3; i < words.size(); ++i) {
      std::string member(words[i]);
      if (!defined_.contains(member)) {
        return bad("no witness or group \"" + member + "\" on a line before");
      }
      if (!members_.insert(member).second) {
        return bad("\"" + member + "\" is a member of a group already");
      }
      group.members.push_back(std::move(member));
    }
    WITAN_ASSIGN(group.threshold, parse_threshold(words[2], group.members.size()));
    WITAN_TRY(define(group.name));
    policy_.groups.push_back(std::move(group));
    return {};
  }

  Result<std::size_t> parse_threshold(std::string_view word, std::size_t members) const {
    if (word == "any") return std::size_t{1};
    if (word == "all") return members;
    const auto number = decimal_decode(word);
    if (!number || *number < 1 || *number > members) {
      return bad("expected all, any or a number from 1 to " + std::to_string(members) +
                 ", found \"" + std::string(word) + "\"");
    }
    return static_cast<std::size_t>(*number);
  }

  Result<void> parse_quorum(const Words& words) {
    if (words.size() != 2) return bad("expected: quorum <name>");
    if (quorum_line_ != 0) return bad("a quorum is on line " + std::to_string(quorum_line_));
    const std::string name(words[1]);
    if (name != kNone && !defined_.contains(name)) {
      return bad("no witness or group \"" + name + "\" on a line before");
    }
    quorum_line_ = line_;
    policy_.quorum = name;
    return {};
  }

  Result<void> define(const std::string& name) {
    if (name == kNone) return bad("the name \"none\" has a meaning already");
    if (!defined_.insert(name).second) return bad("the name \"" + name + "\" is taken");
    return {};
  }

  TlogPolicy policy_;
  std::size_t line_ = 0;
  std::size_t quorum_line_ = 0;
  std::map<Bytes, std::size_t> log_keys_;  // to the line that has it
  std::map<Bytes, std::size_t> witness_keys_;
  std::set<std::string> defined_;
  std::set<std::string> members_;
};

std::string threshold_word(const TlogPolicy::Group& group) {
  if (group.threshold == group.members.size()) return "all";
  return group.threshold == 1 ? "any" : std::to_string(group.threshold);
}

}  // namespace

Result<TlogPolicy> TlogPolicy::parse(std::string_view text) {
  return Parser().parse(text);
}

std::string TlogPolicy::encode() const {
  const auto with_url = [](const std::string& url) {
    return url.empty() ? "\n" : " " + url + "\n";
  };
  std::string out;
  for (const Log& log : logs) out += "log " + log.key.text() + with_url(log.url);
  for (const Witness& witness : witnesses) {
    out += "witness " + witness.name + " " + witness.key.text() + with_url(witness.url);
  }
  for (const Group& group : groups) {
    out += "group " + group.name + " " + threshold_word(group);
    for (const std::string& member : group.members) out += " " + member;
    out += "\n";
  }
  return out + "quorum " + quorum + "\n";
}

}  // namespace witan
