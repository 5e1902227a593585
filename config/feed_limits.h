#pragma once
// Bounds of what a witness reads by itself: lists of logs, and logs that do not push. Sizes are
// bytes unless the name says otherwise.

#include <chrono>
#include <cstddef>

namespace witan::limits {

using namespace std::chrono_literals;

// --- Lists ---
// Lists that a witness reads again and again; warnings of each that it keeps for its page.
inline constexpr std::size_t kLogListsMax = 64;
inline constexpr std::size_t kLogListShownWarningsMax = 16;
inline constexpr std::chrono::seconds kLogListDeadline = 60s;
// Omniwitness's YAML: its bytes, nesting, and the length of one value.
inline constexpr std::size_t kYamlBytesMax = 16u << 20;
inline constexpr std::size_t kYamlDepthMax = 16;
inline constexpr std::size_t kYamlScalarBytesMax = 4'096;
// New logs that go into the store with one transaction, between which cosigning goes on.
inline constexpr std::size_t kLogsAddedAtOnceMax = 1'024;

// --- Logs that do not push ---
inline constexpr std::chrono::seconds kFeedRequestDeadline = 10s;
// All requests of one reading; a log that is slower is read again later.
inline constexpr std::chrono::seconds kFeedPollDeadline = 60s;
// A proof takes tiles from both sides of two edges, at most three on each of 8 levels; finding out
// whose tile is wrong takes those above them too.
inline constexpr std::size_t kFeedTilesMax = 64;
// Readings of logs of one host at the same time.
inline constexpr std::size_t kFeedPerHostMax = 2;
// How long to leave a log alone that fails again and again, one that shrank or forked, and how long
// a server may ask for.
inline constexpr std::chrono::seconds kFeedBackoffMax = 3'600s;
inline constexpr std::chrono::seconds kFeedSlowPace = 3'600s;
inline constexpr std::chrono::seconds kFeedRetryAfterMax = 86'400s;
// How soon a log that is added to, or taken from, a running witness is noticed.
inline constexpr std::chrono::seconds kFeedReread = 2s;
// Logs that misbehave, as the page names them.
inline constexpr std::size_t kFeedShownMax = 100;

}  // namespace witan::limits
