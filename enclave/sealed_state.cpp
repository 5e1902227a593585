#include "enclave/sealed_state.h"

#include <string>
#include <utility>

namespace witan {
namespace {

constexpr unsigned slot_of(std::uint64_t generation) {
  return static_cast<unsigned>(generation % 2);
}

// A slot's content, when it is a valid one in its place.
Result<OpenedSlot> open_in_place(const MachineKey& key, BytesView bytes, unsigned slot) {
  WITAN_ASSIGN(OpenedSlot opened, open_slot(key, bytes));
  if (opened.generation == 0 || slot_of(opened.generation) != slot) {
    return fail(ErrorCode::kMalformed, "slot " + std::to_string(slot) + " holds generation " +
                                           std::to_string(opened.generation) +
                                           ", which belongs to the other");
  }
  return opened;
}

}  // namespace

Result<SealedState> SealedState::open(SlotDisk& disk, MachineKey key, Random& random) {
  SealedState out(disk, std::move(key), random);
  WITAN_ASSIGN(const auto slots, disk.read());
  if (!slots) return out;
  Result<OpenedSlot> first = open_in_place(out.key_, (*slots)[0], 0);
  Result<OpenedSlot> second = open_in_place(out.key_, (*slots)[1], 1);
  if (!first && !second) {
    return fail(ErrorCode::kMalformed, "no slot of the state is valid: " + first.error().message +
                                           "; " + second.error().message);
  }
  if (first && second) {
    const std::uint64_t a = first->generation, b = second->generation;
    if (a + 1 != b && b + 1 != a) {
      return fail(ErrorCode::kStale, "the slots hold generations " + std::to_string(a) + " and " +
                                         std::to_string(b) +
                                         ", expected neighbours: one slot was put back");
    }
  }
  const bool take_first = first && (!second || first->generation > second->generation);
  OpenedSlot& newest = take_first ? *first : *second;
  const unsigned slot = take_first ? 0 : 1;
  // The same bytes in the same place: cannot tear what is there, and makes it durable if it only
  // was in the page cache.
  WITAN_TRY(disk.write(slot, BytesView((*slots)[slot]).first(newest.bytes_used)));
  WITAN_TRY(disk.sync());
  out.generation_ = newest.generation;
  out.state_ = std::move(newest.state);
  return out;
}

Result<void> SealedState::save(std::uint64_t generation, BytesView state) {
  if (broken_) {
    return fail(ErrorCode::kIo, "an earlier sync of the state failed: nothing more is sealed");
  }
  if (generation != generation_ + 1) {
    return fail(ErrorCode::kConflict, "seal of generation " + std::to_string(generation) +
                                          ", expected " + std::to_string(generation_ + 1));
  }
  WITAN_ASSIGN(const Bytes sealed, seal_slot(key_, generation, state, *random_));
  if (generation_ == 0) {
    const Result<void> created = disk_->create(slot_of(generation), sealed);
    // Whether the file is there is unknown.
    broken_ = !created;
    WITAN_TRY(created);
  } else {
    // A failed write leaves this slot in pieces and the other one, which is the present, whole.
    WITAN_TRY(disk_->write(slot_of(generation), sealed));
    const Result<void> synced = disk_->sync();
    broken_ = !synced;
    WITAN_TRY(synced);
  }
  generation_ = generation;
  return {};
}

}  // namespace witan
