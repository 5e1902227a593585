// The sealed state: what a crash, a power loss, a bad disk and a changed file do to it.

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <optional>
#include <random>
#include <utility>
#include <variant>

#include "enclave/core.h"
#include "enclave/host.h"
#include "enclave/sealed_state.h"
#include "enclave/sealing.h"
#include "ledger/crypto/secret.h"
#include "tests/enclave/enclave_support.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

MachineKey machine_key(std::uint8_t first = 1) {
  init_crypto();
  auto key = MachineKey::make(Bytes(kMachineKeyBytes, first));
  REQUIRE(key);
  return std::move(*key);
}

Result<SealedState> open_disk(LossyDisk& disk) {
  return SealedState::open(disk, machine_key(), system_random());
}

// A disk on which the generations 1 to `last` were saved, each with its number as state.
void save_until(LossyDisk& disk, std::uint8_t last) {
  auto sealed = open_disk(disk);
  REQUIRE(sealed);
  for (std::uint8_t i = 1; i <= last; ++i) REQUIRE(sealed->save(i, Bytes(100, i)));
}

std::optional<std::uint8_t> found_on(LossyDisk& disk) {
  auto sealed = open_disk(disk);
  REQUIRE(sealed);
  const auto state = sealed->take_state();
  if (!state) return std::nullopt;
  return state->view()[0];
}

}  // namespace

TEST_CASE("sealing: a slot opens under its key only, and not with any bit changed") {
  const MachineKey key = machine_key();
  const Bytes state(300, 7);
  const auto slot = seal_slot(key, 5, state, system_random());
  REQUIRE(slot);
  const auto opened = open_slot(key, *slot);
  REQUIRE(opened);
  CHECK(opened->generation == 5);
  CHECK(equal(opened->state.view(), state));
  CHECK(opened->bytes_used == slot->size());
  CHECK(open_slot(machine_key(2), *slot).error().code == ErrorCode::kBadSignature);
  for (std::size_t at = 0; at < slot->size(); ++at) {
    Bytes changed = *slot;
    changed[at] ^= 0x10;
    REQUIRE(!open_slot(key, changed));
    REQUIRE(!open_slot(key, BytesView(*slot).first(at)));
  }
  // The state is nowhere in the clear.
  CHECK(std::search(slot->begin(), slot->end(), state.begin(), state.begin() + 8) == slot->end());
  CHECK(seal_slot(key, 5, Bytes(kSlotBytes), system_random()).error().code == ErrorCode::kTooLarge);
  CHECK(MachineKey::make(Bytes(31)).error().code == ErrorCode::kMalformed);
}

TEST_CASE("sealed state: the newest generation is found, also when the older slot is damaged") {
  LossyDisk disk;
  CHECK(found_on(disk) == std::nullopt);
  save_until(disk, 6);
  CHECK(found_on(disk) == 6);
  disk.change(1, 30);  // generation 5
  CHECK(found_on(disk) == 6);
}

TEST_CASE("sealed state: with no valid slot it refuses to start") {
  LossyDisk disk;
  save_until(disk, 3);
  disk.change(0, 60);
  disk.change(1, 60);
  const auto sealed = open_disk(disk);
  REQUIRE(!sealed);
  CHECK(sealed.error().code == ErrorCode::kMalformed);
  CHECK_THAT(sealed.error().message, ContainsSubstring("generation 2"));
}

TEST_CASE("sealed state: one slot put back from an older copy is noticed") {
  LossyDisk disk;
  save_until(disk, 2);
  const Bytes old = disk.on_disk()[0];
  auto sealed = open_disk(disk);
  for (std::uint8_t i = 3; i <= 7; ++i) REQUIRE(sealed->save(i, Bytes(100, i)));
  disk.put_back(0, old);
  const auto again = open_disk(disk);
  REQUIRE(!again);
  CHECK(again.error().code == ErrorCode::kStale);
  LossyDisk swapped;
  save_until(swapped, 4);
  swapped.put_back(1, swapped.on_disk()[0]);
  CHECK(found_on(swapped) == 4);
}

TEST_CASE("sealed state: after a failed write the old state stands and the next save works") {
  LossyDisk disk;
  save_until(disk, 2);
  auto sealed = open_disk(disk);
  REQUIRE(sealed);
  disk.fail_write = true;
  CHECK(sealed->save(3, Bytes(100, 3)).error().code == ErrorCode::kIo);
  CHECK(!sealed->broken());
  disk.fail_write = false;
  CHECK(found_on(disk) == 2);
  CHECK(sealed->save(4, Bytes(100, 4)).error().code == ErrorCode::kConflict);
  REQUIRE(sealed->save(3, Bytes(100, 33)));
  CHECK(found_on(disk) == 33);
}

TEST_CASE(
    "sealed state: after a failed sync nothing more is saved, and a new start makes durable "
    "what it believes") {
  LossyDisk disk;
  save_until(disk, 2);
  auto sealed = open_disk(disk);
  REQUIRE(sealed);
  disk.fail_sync = true;
  CHECK(sealed->save(3, Bytes(100, 3)).error().code == ErrorCode::kIo);
  CHECK(sealed->broken());
  disk.fail_sync = false;
  CHECK(sealed->save(3, Bytes(100, 3)).error().code == ErrorCode::kIo);
  // The cache shows generation 3, the disk does not have it, and no sync would bring it there.
  const auto believed = found_on(disk);
  std::mt19937_64 random(1);
  disk.lose_power(random);
  CHECK(found_on(disk) == believed);
}

namespace {

// Appends, loses power at any moment, starts again; counts what a client would call a lie.
struct PowerRun {
  std::size_t losses = 0;
  std::size_t contradictions = 0;
};

PowerRun run_with_power_losses(std::uint64_t seed, bool ignore_sync) {
  PowerRun out;
  std::mt19937_64 random(seed);
  LossyDisk disk;
  disk.ignore_sync = ignore_sync;
  std::optional<SignedHead> released;
  for (int boot = 0; boot < 8; ++boot) {
    auto sealed = open_disk(disk);
    if (!sealed) {
      ++out.contradictions;
      return out;
    }
    EnclaveCore core({}, system_random());
    if (const auto state = sealed->take_state()) {
      core = std::move(*EnclaveCore::restore({}, system_random(), state->view()));
    }
    EnclaveHost host(std::move(core), [&](std::uint64_t generation, BytesView state) {
      return sealed->save(generation, state);
    });
    const auto state = host.handle(InitRequest{"log.example", "https://log.example"});
    const auto& last = std::get<SignerState>(state).last;
    if (released && (!last || last->head.size < released->head.size)) ++out.contradictions;
    std::uint64_t size = last ? last->head.size.value : 0;
    const std::uint64_t appends = random() % 6;
    for (std::uint64_t i = 0; i < appends; ++i) {
      const auto reply =
          host.handle(AppendRequest{TreeSize{size}, numbered_entries(random(), 2), 1});
      REQUIRE(std::holds_alternative<SignedHead>(reply));
      released = std::get<SignedHead>(reply);
      size = released->head.size.value;
    }
    // The last moment: between the write and the sync of one more append.
    if (random() % 2 == 0 && size > 0) {
      disk.fail_sync = true;
      const auto reply = host.handle(AppendRequest{TreeSize{size}, numbered_entries(7, 1), 1});
      if (!ignore_sync) REQUIRE(std::holds_alternative<Error>(reply));
      disk.fail_sync = false;
    }
    disk.lose_power(random);
    ++out.losses;
  }
  return out;
}

}  // namespace

TEST_CASE("sealed state: a power loss at any moment takes back no signature that was released") {
  std::size_t losses = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    const PowerRun run = run_with_power_losses(seed, false);
    REQUIRE(run.contradictions == 0);
    losses += run.losses;
  }
  std::cout << "enclave power losses checked: " << losses << "\n";
}

TEST_CASE("sealed state: without its sync the power losses are noticed") {
  std::size_t contradictions = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    contradictions += run_with_power_losses(seed, true).contradictions;
  }
  CHECK(contradictions > 0);
}

TEST_CASE("sealed state: one append costs one sync") {
  LossyDisk disk;
  save_until(disk, 2);
  auto sealed = open_disk(disk);
  REQUIRE(sealed);
  disk.syncs = 0;
  REQUIRE(sealed->save(3, Bytes(100, 3)));
  CHECK(disk.syncs == 1);
}

}  // namespace witan::test
