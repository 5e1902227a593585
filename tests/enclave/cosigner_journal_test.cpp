// The cosigner's files: what a crash, a power loss, a bad disk and changed files do to them.

#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "enclave/cosigner_host.h"
#include "enclave/marks_journal.h"
#include "tests/enclave/cosigner_support.h"

namespace witan::test {
namespace {

constexpr std::size_t kBlock = kJournalBlockBytes;

// Cosigns sizes 1 to `last` of one log, each in a batch, hence a record, of its own.
void cosign_sizes(CosignerHost& host, const UniformLog& log, std::uint64_t first,
                  std::uint64_t last) {
  for (std::uint64_t size = first; size <= last; ++size) {
    const CosignRequest request = log.request(size - 1, size);
    const auto results = host.cosign(std::span(&request, 1), kCosignTime + size, size);
    REQUIRE(results);
    REQUIRE(results->front());
  }
}

// A disk on which sizes 1 to `last` were cosigned since the last start.
LossyCosignerDisk disk_with(const UniformLog& log, std::uint64_t last) {
  LossyCosignerDisk disk;
  auto host = open_cosigner(disk);
  REQUIRE(host);
  REQUIRE(host->init(kCosignerName));
  cosign_sizes(*host, log, 1, last);
  return disk;
}

std::optional<std::uint64_t> size_on(LossyCosignerDisk& disk, const UniformLog& log) {
  auto host = open_cosigner(disk);
  if (!host) FAIL(host.error().message);
  const auto mark = host->mark(log.origin());
  REQUIRE(mark);
  if (!*mark) return std::nullopt;
  REQUIRE(**mark == log.mark((*mark)->size.value));
  return (*mark)->size.value;
}

Error journal_refusal(LossyCosignerDisk disk) {
  auto host = open_cosigner(disk);
  REQUIRE(!host);
  CHECK_THAT(host.error().message,
             ContainsSubstring("nothing is cosigned from it") && ContainsSubstring("new witness"));
  return host.error();
}

Bytes journal_part(const LossyCosignerDisk& disk, std::size_t block, std::size_t blocks) {
  const auto begin = disk.journal->begin() + static_cast<std::ptrdiff_t>(block * kBlock);
  return {begin, begin + static_cast<std::ptrdiff_t>(blocks * kBlock)};
}

void put_part(LossyCosignerDisk& disk, std::size_t block, const Bytes& part) {
  std::copy(part.begin(), part.end(),
            disk.journal->begin() + static_cast<std::ptrdiff_t>(block * kBlock));
}

}  // namespace

TEST_CASE("marks journal: after a restart the marks, the time and the last batch are there") {
  const UniformLog log("log.example"), other("other.example");
  LossyCosignerDisk disk;
  auto host = open_cosigner(disk);
  REQUIRE(host);
  CHECK(host->state().error().code == ErrorCode::kNotFound);
  const auto made = host->init(kCosignerName);
  REQUIRE(made);
  cosign_sizes(*host, log, 1, 3);
  const std::vector<CosignRequest> batch = {other.request(0, 7), log.request(1, 2)};
  const auto results = host->cosign(batch, kCosignTime + 50, 50);
  REQUIRE(results);
  for (int boot = 0; boot < 3; ++boot) {
    auto again = open_cosigner(disk);
    REQUIRE(again);
    const auto state = again->state();
    REQUIRE(state);
    CHECK(state->name == kCosignerName);
    CHECK(state->keys == made->keys);
    CHECK(state->marks == 2);
    // The last two batches: each start keeps both in a new snapshot.
    REQUIRE(state->last.size() == 2);
    CHECK(state->last[0].mark == log.mark(3));
    CHECK(state->last[1] == only_cosigned(*results).front());
    // A node that did not get the answer asks again: the same answers, the refusal included.
    CHECK(*again->cosign(batch, kCosignTime + 50, 50) == *results);
    const CosignRequest next = log.request(3, 3);
    if (boot == 2) {
      CHECK(again->cosign(std::span(&next, 1), 5, 51)->front()->time_s == kCosignTime + 50);
    }
  }
}

TEST_CASE("marks journal: one batch costs one sync, however many origins are known") {
  const UniformLog log("log.example");
  LossyCosignerDisk disk = disk_with(log, 3);
  auto host = open_cosigner(disk);
  REQUIRE(host);
  disk.syncs = disk.replaces = disk.steps = 0;
  const std::vector<CosignRequest> batch = {log.request(3, 4),
                                            UniformLog("b.example").request(0, 1)};
  REQUIRE(host->cosign(batch, kCosignTime, 1));
  CHECK(disk.syncs == 1);
  CHECK(disk.steps == 2);
  CHECK(disk.replaces == 0);
  const CosignRequest refused = log.request(1, 2);
  REQUIRE(host->cosign(std::span(&refused, 1), kCosignTime, 1));
  CHECK(disk.steps == 2);
}

TEST_CASE("marks journal: a torn last record is cut off, wherever it was torn") {
  const UniformLog log("log.example");
  const LossyCosignerDisk whole = disk_with(log, 5);
  const Bytes last = journal_part(whole, 4, 1);
  for (std::size_t kept = 0; kept < kBlock; kept += 64) {
    LossyCosignerDisk disk = whole;
    Bytes torn(kBlock);
    std::copy_n(last.begin(), kept, torn.begin());
    put_part(disk, 4, torn);
    const auto size = size_on(disk, log);
    // The record is shorter than its block: what is behind it is not missed.
    REQUIRE((size == 4 || (size == 5 && kept > 256)));
    if (size == 4) {
      auto host = open_cosigner(disk);
      cosign_sizes(*host, log, 5, 6);
      REQUIRE(size_on(disk, log) == 6);
    }
  }
}

TEST_CASE("marks journal: damage before the last record is refused, whatever byte it is") {
  const UniformLog log("log.example");
  const LossyCosignerDisk whole = disk_with(log, 5);
  std::size_t flipped = 0;
  for (std::size_t record = 0; record < 4; ++record) {
    for (std::size_t at = 0; at < 400; at += 7, ++flipped) {
      LossyCosignerDisk disk = whole;
      (*disk.journal)[record * kBlock + at] ^= 0x20;
      const Error error = journal_refusal(disk);
      REQUIRE((error.code == ErrorCode::kMalformed || error.code == ErrorCode::kStale));
      REQUIRE_THAT(error.message, ContainsSubstring("epoch 1"));
    }
  }
  // Rot of the last record alone looks like a torn write.
  LossyCosignerDisk disk = whole;
  (*disk.journal)[4 * kBlock + 100] ^= 1;
  CHECK(size_on(disk, log) == 4);
  std::cout << "marks journal: flipped bytes checked: " << flipped << "\n";
}

TEST_CASE("marks journal: missing, moved, repeated and foreign records are refused") {
  const UniformLog log("log.example");
  const LossyCosignerDisk whole = disk_with(log, 6);
  LossyCosignerDisk disk = whole;
  put_part(disk, 2, Bytes(kBlock));  // one is gone
  CHECK_THAT(journal_refusal(disk).message, ContainsSubstring("record 3 of epoch 1"));
  disk = whole;
  put_part(disk, 2, journal_part(whole, 3, 3));  // one is cut out, the rest moved up
  CHECK_THAT(journal_refusal(disk).message, ContainsSubstring("record 3 of epoch 1"));
  disk = whole;
  put_part(disk, 2, journal_part(whole, 1, 1));  // one stands twice
  CHECK(journal_refusal(disk).code == ErrorCode::kMalformed);
  disk = whole;
  put_part(disk, 0, Bytes(3 * kBlock));  // the beginning is gone
  CHECK(journal_refusal(disk).code == ErrorCode::kMalformed);
  // Another cosigner under the same machine key.
  const LossyCosignerDisk foreign = disk_with(log, 6);
  disk = whole;
  put_part(disk, 2, journal_part(foreign, 2, 1));
  CHECK(journal_refusal(disk).code == ErrorCode::kMalformed);
  disk = whole;
  disk.snapshot = foreign.snapshot;
  CHECK(journal_refusal(disk).code == ErrorCode::kMalformed);
  disk = whole;
  disk.keys = foreign.keys;
  CHECK(journal_refusal(disk).code == ErrorCode::kMalformed);
}

TEST_CASE("marks journal: a history that went another way from one snapshot is refused") {
  const UniformLog log("log.example"), other("other.example");
  LossyCosignerDisk first = disk_with(log, 2);
  LossyCosignerDisk second = first;
  auto one = open_cosigner(first);
  auto two = open_cosigner(second);
  REQUIRE(one);
  REQUIRE(two);
  cosign_sizes(*one, log, 3, 5);
  cosign_sizes(*two, other, 1, 3);
  LossyCosignerDisk mixed = first;
  mixed.snapshot = second.snapshot;  // same epoch, same marks, another sealing
  const Error error = journal_refusal(mixed);
  CHECK(error.code == ErrorCode::kStale);
  CHECK_THAT(error.message, ContainsSubstring("files of different times"));
  mixed = first;
  put_part(mixed, 1, journal_part(second, 1, 1));
  CHECK(journal_refusal(mixed).code == ErrorCode::kStale);
}

TEST_CASE("marks journal: missing and cut files are refused") {
  const UniformLog log("log.example");
  const LossyCosignerDisk whole = disk_with(log, 3);
  LossyCosignerDisk disk = whole;
  disk.journal.reset();
  CHECK(journal_refusal(disk).code == ErrorCode::kStale);
  disk = whole;
  disk.snapshot.reset();
  CHECK(journal_refusal(disk).code == ErrorCode::kStale);
  disk = whole;
  disk.journal->resize(kBlock);
  CHECK_THAT(journal_refusal(disk).message, ContainsSubstring("cut off"));
  for (const std::size_t at : {0U, 9U, 20U, 60U}) {
    disk = whole;
    (*disk.snapshot)[at] ^= 1;
    CHECK(journal_refusal(disk).code == ErrorCode::kMalformed);
    disk = whole;
    (*disk.keys)[at] ^= 1;
    CHECK(journal_refusal(disk).code == ErrorCode::kMalformed);
  }
  disk = whole;
  CHECK(!CosignerHost::open(disk, cosigner_machine_key(2), system_random()));
}

TEST_CASE(
    "marks journal: of old files put back, an old snapshot is caught, an old journal is not") {
  const UniformLog log("log.example");
  LossyCosignerDisk disk = disk_with(log, 3);
  const LossyCosignerDisk old = disk;
  auto host = open_cosigner(disk);
  REQUIRE(host);
  cosign_sizes(*host, log, 4, 6);
  const LossyCosignerDisk later = disk;
  cosign_sizes(*host, log, 7, 9);
  LossyCosignerDisk mixed = disk;
  mixed.snapshot = old.snapshot;
  const Error error = journal_refusal(mixed);
  CHECK(error.code == ErrorCode::kStale);
  CHECK_THAT(error.message, ContainsSubstring("older snapshot was put back"));
  // What nothing in the folder can tell from a crash; the witness's store is ahead of the mark
  // then.
  mixed = disk;
  mixed.journal = later.journal;
  CHECK(size_on(mixed, log) == 6);
  mixed = disk;
  mixed.journal = old.journal;
  CHECK(size_on(mixed, log) == 3);
}

TEST_CASE("marks journal: a long journal is folded into a snapshot, and begins anew") {
  const UniformLog log("log.example");
  LossyCosignerDisk disk;
  auto host = open_cosigner(disk, 4 * kBlock);
  REQUIRE(host);
  REQUIRE(host->init(kCosignerName));
  disk.replaces = 0;
  for (std::uint64_t size = 1; size <= 50; ++size) {
    cosign_sizes(*host, log, size, size);
    if (size % 7 == 0) {
      host = open_cosigner(disk, 4 * kBlock);
      REQUIRE(host);
    }
    LossyCosignerDisk copy = disk;
    REQUIRE(size_on(copy, log) == size);
  }
  CHECK(disk.replaces > 10);
  CHECK(disk.journal->size() == kJournalGrowBytes);
}

TEST_CASE("marks journal: a batch of the largest size fits, and the journal grows for it") {
  LossyCosignerDisk disk;
  auto host = open_cosigner(disk);
  REQUIRE(host);
  REQUIRE(host->init(std::string(255, 'w')));
  // The name of a key is short; the origin need not be.
  std::vector<CosignRequest> batch;
  for (int i = 0; i < 4; ++i) {
    const UniformLog log(std::string(120'000, 'o') + std::to_string(i), 1, "key.example");
    batch.push_back(log.request(0, 1));
  }
  for (std::uint64_t i = 0; i < 4; ++i) {
    const auto results = host->cosign(batch, kCosignTime + i, i);
    REQUIRE(results);
    REQUIRE(results->front());
    for (CosignRequest& request : batch) request.request.old_size = 1;
    const Bytes reply = encode_cosigner_reply(*results);
    CHECK(reply.size() < limits::kEnclaveMessageBytesMax);
    CHECK(encode_cosigner_reply(*decode_cosigner_reply(reply)) == reply);
  }
  // What two such batches cosigned fits into one message, too.
  const Bytes state = encode_cosigner_reply(*host->state());
  CHECK(state.size() > limits::kCosignBatchBytesMax);
  CHECK(state.size() < limits::kEnclaveMessageBytesMax);
  CHECK(encode_cosigner_reply(*decode_cosigner_reply(state)) == state);
  CHECK(disk.journal->size() > kJournalGrowBytes);
  auto again = open_cosigner(disk);
  REQUIRE(again);
  CHECK(again->state()->marks == 4);
}

TEST_CASE("marks journal: a full disk stops cosigning and nothing else; a failed sync ends it") {
  const UniformLog log("log.example");
  LossyCosignerDisk disk = disk_with(log, 3);
  auto host = open_cosigner(disk);
  REQUIRE(host);
  const CosignRequest request = log.request(3, 4);
  disk.fail_write = true;
  CHECK(host->cosign(std::span(&request, 1), kCosignTime, 1).error().code == ErrorCode::kIo);
  CHECK(!host->broken());
  CHECK(**host->mark("log.example") == log.mark(3));
  disk.fail_write = false;
  cosign_sizes(*host, log, 4, 4);
  disk.fail_sync = true;
  const CosignRequest next = log.request(4, 5);
  CHECK(host->cosign(std::span(&next, 1), kCosignTime, 1).error().code == ErrorCode::kIo);
  CHECK(host->broken());
  disk.fail_sync = false;
  CHECK(host->cosign(std::span(&next, 1), kCosignTime, 1).error().code == ErrorCode::kIo);
  // What a new start believes is durable, though the page cache showed what the disk had not.
  const auto believed = size_on(disk, log);
  std::mt19937_64 random(3);
  disk.lose_power(random);
  CHECK(size_on(disk, log) == believed);
}

TEST_CASE("marks journal: 40,000 origins are folded and read again") {
  LossyCosignerDisk disk;
  auto host = open_cosigner(disk);
  REQUIRE(host);
  REQUIRE(host->init(kCosignerName));
  auto journal = MarksJournal::open(disk, cosigner_machine_key(), system_random());
  REQUIRE(journal);
  REQUIRE(*journal);
  MarkTable marks;
  for (std::uint64_t i = 0; i < 40'000; ++i) {
    const std::string name = "origin " + std::to_string(i);
    marks.set({sha256(as_bytes(name)), CosignMark{TreeSize{i}, sha256(as_bytes(name))}});
  }
  REQUIRE((*journal)->fold(marks, {}));
  const auto begin = std::chrono::steady_clock::now();
  auto again = open_cosigner(disk);
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  REQUIRE(again);
  CHECK(again->state()->marks == 40'000);
  CHECK((*again->mark("origin 39999"))->size.value == 39'999);
  CHECK(disk.snapshot->size() < std::size_t{40'000} * 72 + 1'000);
  std::cout << "marks journal: 40,000 origins read and folded in " << time.count() << " ms, "
            << disk.snapshot->size() << " bytes\n";
}

}  // namespace witan::test
