// Trust policies: what parses is written in one form that parses to the same, and a smallest quorum
// is one, from which no witness can be missing; no fewer organisations forge a quorum than split
// one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "witness/policy_strength.h"
#include "witness/tlog_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto policy = TlogPolicy::parse(input);
  if (!policy) return 0;
  const auto again = TlogPolicy::parse(policy->encode());
  if (!again || !(*again == *policy) || again->encode() != policy->encode()) std::abort();

  // Everybody cosigned: every quorum is met, whatever its groups.
  const auto smallest = smallest_quorum(*policy, std::vector<bool>(policy->witnesses.size(), true));
  if (!smallest || smallest->size() > policy->witnesses.size()) std::abort();
  std::vector<bool> chosen(policy->witnesses.size(), false);
  for (const std::size_t i : *smallest) chosen.at(i) = true;
  if (smallest_quorum(*policy, chosen) != smallest) std::abort();
  for (const std::size_t i : *smallest) {
    chosen[i] = false;
    if (smallest_quorum(*policy, chosen)) std::abort();
    chosen[i] = true;
  }

  const auto organisations = organisations_of(*policy, input);
  if (organisations.size() != policy->witnesses.size()) std::abort();
  constexpr std::size_t kTries = 200;
  const PolicyStrength strength = strength_of(*policy, organisations, kTries);
  if (strength.forge.has_value() != strength.split.has_value()) std::abort();
  if (strength.forge && strength.forge->at_most < strength.split->at_least) std::abort();
  return 0;
}
