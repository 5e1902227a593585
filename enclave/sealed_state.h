#pragma once
// The sealed state in two slots that are overwritten in turn: generation g lies in slot g % 2. One
// write and one sync make a state durable, and a torn write spares the state before it.
// Format and the argument why one sync is enough: docs/enclave-protocol.md, section "Slots".

#include <array>
#include <cstdint>
#include <optional>

#include "config/result.h"
#include "enclave/sealing.h"
#include "enclave/state.h"
#include "ledger/bytes.h"
#include "ledger/ports/random.h"

namespace witan {

// Where the slots lie. Writes may be lost or torn until sync() succeeded after them.
class SlotDisk {
 public:
  virtual ~SlotDisk() = default;
  // Both slots whole; nullopt when nothing was created yet. kIo.
  virtual Result<std::optional<std::array<Bytes, 2>>> read() = 0;
  // All or nothing, and durable when it returns: both slots come to be, this one with the bytes.
  virtual Result<void> create(unsigned slot, BytesView bytes) = 0;
  // From the slot's start; what was behind stays. kIo (a full disk).
  virtual Result<void> write(unsigned slot, BytesView bytes) = 0;
  virtual Result<void> sync() = 0;
};

// Used by one thread.
class SealedState {
 public:
  // Finds the newest valid state and makes sure that it is durable: after a failed sync the page
  // cache may show bytes that the disk does not hold. kMalformed (no slot is valid), kStale (the
  // slots are not neighbours in time), kIo. `disk` and `random` must outlive the result.
  static Result<SealedState> open(SlotDisk& disk, MachineKey key, Random& random);

  // What open() found, once; nullopt when nothing was ever saved.
  std::optional<SecretBytes> take_state() { return std::exchange(state_, std::nullopt); }

  // Seals and makes durable. Generations must come one after the other, a failed one again. kIo.
  Result<void> save(std::uint64_t generation, BytesView state);

  // A sync failed: what the disk holds is unknown and nothing more is saved (kIo). Start anew.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  SealedState(SlotDisk& disk, MachineKey key, Random& random)
      : disk_(&disk), key_(std::move(key)), random_(&random) {}

  SlotDisk* disk_;
  MachineKey key_;
  Random* random_;
  std::optional<SecretBytes> state_;
  std::uint64_t generation_ = 0;  // the newest that is durable
  bool broken_ = false;
};

}  // namespace witan
