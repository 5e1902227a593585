#pragma once
// Short forms of what tests of the collector do with it, time and again.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "tests/support/catch.h"
#include "tests/witness/collector_world.h"

namespace witan::test {

inline CollectorKeys& collector_keys() {
  static CollectorKeys keys;
  return keys;
}

inline Collector make_collector(std::size_t count, std::size_t threshold,
                                CollectorOptions options = {}, std::uint64_t published = 0) {
  auto made = Collector::make(collector_keys().policy(count, threshold),
                              collector_keys().log_vkey(), options, TreeSize{published}, 1);
  REQUIRE(made);
  return *std::move(made);
}

inline void offer(Collector& collector, std::uint64_t size, std::uint64_t now_ms) {
  REQUIRE(collector.offer(collector_keys().head(TreeSize{size}), now_ms));
}

inline WitnessOutcome cosign(Collector& collector, const WitnessQuestion& question,
                             std::uint64_t now_ms) {
  return answer_to(collector, question,
                   {200, collector_keys().cosigned(question.witness, question.size)}, now_ms);
}

inline std::size_t lines_in(const std::string& note) {
  return Note::parse(note).value().signatures.size();
}

}  // namespace witan::test
