#pragma once
// How much a trust policy withstands, counted in organisations: several keys of one organisation
// are one voice, whatever the policy counts them as.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "witness/tlog_policy.h"

namespace witan {

// For each of the policy's witnesses, who runs it:
//   - the name in a comment "# org: NAME" on the line before the witness's, blank lines aside;
//   - else the domain in its key's name, when that begins with one ("witness.example.com/w1");
//   - else the domain in its URL; else its own name.
// Witnesses whose keys have the same name are one, with an Ed25519 and an ML-DSA-44 key say: what
// is known of one of them holds for all.
// Of a domain the registrable part counts, as well as can be told without a list of suffixes: the
// last two labels, or three where they look like "co.uk". IP addresses count whole. `text` is what
// the policy was parsed from.
[[nodiscard]] std::vector<std::string> organisations_of(const TlogPolicy& policy,
                                                        std::string_view text);

// The smallest number of organisations that suffice for something. Exact when both are equal.
struct Coalition {
  std::size_t at_least = 0;
  std::size_t at_most = 0;
  friend bool operator==(const Coalition&, const Coalition&) = default;
};

struct PolicyStrength {
  // Each nullopt when not even all organisations together suffice.
  std::optional<Coalition> forge;  // their lies alone meet the quorum
  // With their lies, two clients with this policy can be shown two histories, though everybody else
  // is honest. Below this number, lying organisations and the log together cannot.
  std::optional<Coalition> split;
  std::optional<Coalition> block;  // their silence keeps the quorum from being met
};

// `organisations` as above, one for each witness. Exact when no organisation has witnesses in
// different groups, by dynamic programming; else by trying out up to `tries_max` sets of
// organisations, the smallest first, after which only bounds are given. A witness that is the
// policy's only log never counts; with several logs, one that is one of them is taken for the
// worse.
[[nodiscard]] PolicyStrength strength_of(const TlogPolicy& policy,
                                         const std::vector<std::string>& organisations,
                                         std::size_t tries_max = 100'000);

}  // namespace witan
