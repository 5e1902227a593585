#pragma once
// Bounds of what a witness shows, asks of others and keeps for its operator; those of the protocol
// are in limits.h.

#include <chrono>
#include <cstddef>

namespace witan::limits {

using namespace std::chrono_literals;

// Threads that ask others for heads with a witness's own cosignature, and their patience for one.
inline constexpr std::size_t kHeadThreads = 8;
inline constexpr std::chrono::seconds kHeadDeadline = 5s;

// Logs, those cosigned last, about which peers are asked at start, and how long each is asked.
inline constexpr std::size_t kPeerCheckLogs = 256;
inline constexpr std::chrono::seconds kPeerCheckDeadline = 10s;

// Logs on one of the pages that people read, and in one answer for programs.
inline constexpr std::size_t kWitnessPageRows = 200;
inline constexpr std::size_t kWitnessJsonRows = 20'000;
// How old the list of logs on a page may be.
inline constexpr std::chrono::seconds kWitnessRowsAge = 5s;
// Pages a second and at once, for each client and for all together.
inline constexpr double kWitnessPagesPerS = 2, kWitnessPagesBurst = 30;
inline constexpr double kWitnessAllPagesPerS = 20, kWitnessAllPagesBurst = 60;
// A part of an origin that is looked for.
inline constexpr std::size_t kWitnessSearchCharsMax = 256;
// How often the places of readers that died are given to others.
inline constexpr std::chrono::seconds kDeadReadersEvery = 60s;

}  // namespace witan::limits
