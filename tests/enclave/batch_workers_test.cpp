// A batch that several threads share comes out as if one had done it.

#include "enclave/batch_workers.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "enclave/cosigner_core.h"
#include "enclave/cosigner_messages.h"
#include "tests/enclave/cosigner_support.h"

namespace witan::test {

TEST_CASE("batch workers: each number is worked on once, in every round") {
  for (const unsigned helpers : {0U, 1U, 3U}) {
    BatchWorkers workers(helpers);
    for (std::size_t count : {0U, 1U, 2U, 3U, 7U, 64U, 256U}) {
      for (int round = 0; round < 50; ++round) {
        std::vector<std::atomic<int>> done(count);
        workers.for_each(count, [&](std::size_t i) { ++done.at(i); });
        REQUIRE(
            std::all_of(done.begin(), done.end(), [](const auto& times) { return times == 1; }));
      }
    }
  }
}

TEST_CASE("batch workers: what one call throws comes out, after all others were made") {
  BatchWorkers workers(2);
  std::atomic<int> done = 0;
  const auto work = [&](std::size_t i) {
    ++done;
    if (i % 5 == 3) throw std::runtime_error("number " + std::to_string(i));
  };
  CHECK_THROWS_AS(workers.for_each(40, work), std::runtime_error);
  CHECK(done == 40);
  workers.for_each(8, [&](std::size_t) { ++done; });
  CHECK(done == 48);
}

TEST_CASE("batch workers: a shared batch is cosigned as by one thread, bit by bit") {
  init_crypto();
  const CosignerSeeds seeds{SecretBytes(Bytes(32, 7)), {}};
  auto alone = CosignerCore::make(kCosignerName, seeds);
  auto shared = CosignerCore::make(kCosignerName, seeds);
  REQUIRE(alone);
  REQUIRE(shared);
  BatchWorkers workers(3);
  shared->share_work(
      [&workers](std::size_t count, const auto& work) { workers.for_each(count, work); });
  std::vector<UniformLog> logs, forks;
  for (int i = 0; i < 5; ++i) {
    logs.emplace_back("log" + std::to_string(i));
    forks.emplace_back("log" + std::to_string(i), 2);
  }
  std::mt19937_64 random(23);
  std::size_t cosigned = 0;
  for (std::uint64_t round = 0; round < 40; ++round) {
    // Several of each log in a batch, which must see each other in their order.
    std::vector<CosignRequest> batch;
    for (std::uint64_t i = 0; i < 24; ++i) {
      const std::size_t log = random() % logs.size();
      const auto mark = alone->mark(logs[log].origin());
      const std::uint64_t from = (mark ? mark->size.value : 0) + random() % 2;
      const UniformLog& face = random() % 4 == 0 ? forks[log] : logs[log];
      batch.push_back(face.request(from, from + random() % 2));
      if (random() % 6 == 0) batch.back().request.note[random() % 40] ^= 1;
    }
    const Hash32 digest = cosign_digest(batch, kCosignTime + round, 1);
    const CosignStep one = alone->cosign(batch, kCosignTime + round, digest);
    const CosignStep other = shared->cosign(batch, kCosignTime + round, digest);
    REQUIRE(one.results);
    REQUIRE(other.results);
    REQUIRE(*one.results == *other.results);
    REQUIRE(one.record == other.record);
    alone->commit();
    shared->commit();
    cosigned += only_cosigned(*decode_cosign_results(*one.results)).size();
  }
  CHECK(cosigned > 40);
}

}  // namespace witan::test
