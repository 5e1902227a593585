#include "witness/policy_strength.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace witan {
namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max() / 4;

// The quorum as a tree; members stand before their groups, the quorum is last.
struct QuorumNode {
  std::optional<std::size_t> organisation;  // of a witness
  std::size_t threshold = 0;                // of a group
  std::vector<std::size_t> members;         // of a group
};
using QuorumTree = std::vector<QuorumNode>;

enum class Question { kForge, kSplit, kBlock };

// How many members of a group must be had for it to be had, when n members can count and k must.
//   Forge: lies of k.
//   Split: a group that is to vouch for both histories needs x members that do and n - x honest
//     ones that can be had for one history each: 2x + (n - x) >= 2k.
//   Block: n - k + 1 silent ones leave fewer than k.
std::size_t members_needed(Question question, std::size_t n, std::size_t k) {
  switch (question) {
    case Question::kForge:
      return k;
    case Question::kSplit:
      return 2 * k > n ? 2 * k - n : 0;
    case Question::kBlock:
      return n - k + 1;
  }
  return k;
}

class TreeMaker {
 public:
  TreeMaker(const TlogPolicy& policy, const std::vector<std::string>& organisations,
            bool without_own, Question question)
      : policy_(policy), without_own_(without_own), question_(question) {
    for (std::size_t i = 0; i < policy.witnesses.size(); ++i) {
      witnesses_[policy.witnesses[i].name] = i;
      numbers_.push_back(number_of(organisations[i]));
    }
    for (const TlogPolicy::Group& group : policy.groups) groups_[group.name] = &group;
  }

  // Empty when the quorum can never be met.
  QuorumTree make() { return add(policy_.quorum) ? std::move(tree_) : QuorumTree{}; }

 private:
  std::size_t number_of(const std::string& organisation) {
    return known_.emplace(organisation, known_.size()).first->second;
  }

  [[nodiscard]] bool is_own(std::size_t witness) const {
    const VerifierKey& key = policy_.witnesses[witness].key;
    return std::any_of(policy_.logs.begin(), policy_.logs.end(), [&key](const auto& log) {
      return log.key.key == key.key || log.key.name == key.name;
    });
  }

  // Depth is at most the number of groups. Nothing for a name that can never count.
  std::optional<std::size_t> add(const std::string& name) {
    if (const auto found = witnesses_.find(name); found != witnesses_.end()) {
      if (without_own_ && is_own(found->second)) return std::nullopt;
      tree_.push_back({numbers_[found->second], 0, {}});
      return tree_.size() - 1;
    }
    const TlogPolicy::Group& group = *groups_.at(name);
    const std::size_t before = tree_.size();
    QuorumNode node;
    for (const std::string& member : group.members) {
      if (const auto index = add(member)) node.members.push_back(*index);
    }
    if (node.members.size() < group.threshold) {
      tree_.resize(before);
      return std::nullopt;
    }
    node.threshold = members_needed(question_, node.members.size(), group.threshold);
    tree_.push_back(std::move(node));
    return tree_.size() - 1;
  }

  const TlogPolicy& policy_;
  const bool without_own_;
  const Question question_;
  std::map<std::string, std::size_t> witnesses_, known_;
  std::map<std::string, const TlogPolicy::Group*> groups_;
  std::vector<std::size_t> numbers_;  // of the witnesses' organisations
  QuorumTree tree_;
};

bool spans_groups(const QuorumTree& tree) {
  std::map<std::size_t, std::size_t> group_of;
  for (std::size_t i = 0; i < tree.size(); ++i) {
    for (const std::size_t member : tree[i].members) {
      if (!tree[member].organisation) continue;
      const auto [found, is_new] = group_of.emplace(*tree[member].organisation, i);
      if (!is_new && found->second != i) return true;
    }
  }
  return false;
}

// The fewest organisations that give a group what it needs, when none has witnesses elsewhere: an
// organisation gives as many members as it has there for 1, a group below gives one for its cost.
std::size_t group_cost(const QuorumTree& tree, const QuorumNode& group,
                       const std::vector<std::size_t>& costs) {
  std::map<std::size_t, std::size_t> by_organisation;
  std::vector<std::pair<std::size_t, std::size_t>> offers;  // members, cost
  for (const std::size_t member : group.members) {
    if (tree[member].organisation) {
      ++by_organisation[*tree[member].organisation];
    } else {
      offers.emplace_back(1, costs[member]);
    }
  }
  for (const auto& [organisation, members] : by_organisation) offers.emplace_back(members, 1);
  std::vector<std::size_t> fewest(group.threshold + 1, kNever);
  fewest[0] = 0;
  for (const auto& [members, cost] : offers) {
    for (std::size_t had = group.threshold + 1; had-- > 0;) {
      std::size_t& then = fewest[std::min(group.threshold, had + members)];
      then = std::min(then, std::min(kNever, fewest[had] + cost));
    }
  }
  return fewest.back();
}

std::size_t tree_cost(const QuorumTree& tree) {
  std::vector<std::size_t> costs;
  for (const QuorumNode& node : tree) {
    costs.push_back(node.organisation ? 1 : group_cost(tree, node, costs));
  }
  return costs.back();
}

bool suffices(const QuorumTree& tree, const std::vector<bool>& chosen) {
  std::vector<bool> had;
  for (const QuorumNode& node : tree) {
    if (node.organisation) {
      had.push_back(chosen[*node.organisation]);
      continue;
    }
    const auto count = std::count_if(node.members.begin(), node.members.end(),
                                     [&had](std::size_t member) { return had[member]; });
    had.push_back(static_cast<std::size_t>(count) >= node.threshold);
  }
  return had.back();
}

// Tries sets of organisations, the smallest first.
class Search {
 public:
  Search(const QuorumTree& tree, std::size_t organisations, std::size_t tries_max)
      : tree_(tree), chosen_(organisations, false), tries_left_(tries_max) {
    std::set<std::size_t> members;
    for (const QuorumNode& node : tree) {
      if (node.organisation) members.insert(*node.organisation);
    }
    candidates_.assign(members.begin(), members.end());
  }

  Coalition run() {
    const std::size_t most = drop_needless();
    for (std::size_t count = 0; count < most; ++count) {
      if (choose(0, count)) return {count, count};
      if (tries_left_ == 0) return {count, most};
    }
    return {most, most};
  }

 private:
  // A set from which none can be left out: all of them suffice, since thresholds can be met.
  std::size_t drop_needless() {
    for (const std::size_t candidate : candidates_) chosen_[candidate] = true;
    std::size_t left = candidates_.size();
    for (const std::size_t candidate : candidates_) {
      chosen_[candidate] = false;
      if (suffices(tree_, chosen_)) {
        --left;
      } else {
        chosen_[candidate] = true;
      }
    }
    chosen_.assign(chosen_.size(), false);
    return left;
  }

  bool choose(std::size_t from, std::size_t count) {
    if (count == 0) {
      if (tries_left_ == 0) return false;
      --tries_left_;
      return suffices(tree_, chosen_);
    }
    for (std::size_t i = from; i + count <= candidates_.size() && tries_left_ > 0; ++i) {
      chosen_[candidates_[i]] = true;
      const bool found = choose(i + 1, count - 1);
      chosen_[candidates_[i]] = false;
      if (found) return true;
    }
    return false;
  }

  const QuorumTree& tree_;
  std::vector<bool> chosen_;
  std::vector<std::size_t> candidates_;
  std::size_t tries_left_;
};

Coalition smallest_coalition(const QuorumTree& tree, std::size_t organisations,
                             std::size_t tries_max) {
  if (!spans_groups(tree)) {
    const std::size_t cost = tree_cost(tree);
    return {cost, cost};
  }
  return Search(tree, organisations, tries_max).run();
}

}  // namespace

PolicyStrength strength_of(const TlogPolicy& policy, const std::vector<std::string>& organisations,
                           std::size_t tries_max) {
  PolicyStrength out;
  if (policy.quorum == "none") {
    out.forge = out.split = Coalition{};
    return out;
  }
  const bool one_log = policy.logs.size() == 1;
  const auto answer = [&](Question question, bool without_own) -> std::optional<Coalition> {
    const QuorumTree tree = TreeMaker(policy, organisations, without_own, question).make();
    if (tree.empty()) return std::nullopt;
    return smallest_coalition(tree, organisations.size(), tries_max);
  };
  out.forge = answer(Question::kForge, one_log);
  out.split = answer(Question::kSplit, one_log);
  out.block = answer(Question::kBlock, true);
  // A quorum that can never be met needs nobody's silence.
  if (!out.block) out.block = Coalition{};
  return out;
}

}  // namespace witan
