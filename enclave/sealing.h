#pragma once
// Sealing of the state under the machine key: XChaCha20-Poly1305 by libsodium.
// Format: docs/enclave-protocol.md, section "Slots".

#include <cstddef>
#include <cstdint>
#include <utility>

#include "config/result.h"
#include "enclave/state.h"
#include "ledger/bytes.h"
#include "ledger/crypto/secret_memory.h"
#include "ledger/ports/random.h"

namespace witan {

inline constexpr std::size_t kMachineKeyBytes = 32;
// A slot holds any state: two issuers of 8 KiB, 62 hashes and the fixed parts need about 20 KiB.
inline constexpr std::size_t kSlotBytes = 32u << 10;

// The key that the state is sealed under, in memory that is locked and not dumped.
class MachineKey {
 public:
  // kMalformed when it is not 32 bytes.
  static Result<MachineKey> make(BytesView key);
  [[nodiscard]] const std::uint8_t* data() const { return key_.data(); }

 private:
  explicit MachineKey(SecretMemory key) : key_(std::move(key)) {}
  SecretMemory key_;
};

// The bytes of a slot, at most kSlotBytes; kTooLarge.
[[nodiscard]] Result<Bytes> seal_slot(const MachineKey& key, std::uint64_t generation,
                                      BytesView state, Random& random);

struct OpenedSlot {
  std::uint64_t generation = 0;
  SecretBytes state;
  std::size_t bytes_used = 0;  // of the slot
};
// What stands behind the sealed bytes is ignored. kMalformed (no slot: empty, torn at its head),
// kBadSignature (torn, changed, or sealed under another machine key).
[[nodiscard]] Result<OpenedSlot> open_slot(const MachineKey& key, BytesView slot);

// Bytes of any length: a nonce and the sealed content, bound to `context`, which is not part of
// them. For records that are no slots (docs/enclave-protocol.md, section "Cosigner's files").
inline constexpr std::size_t kSealOverheadBytes = 24 + 16;
[[nodiscard]] Bytes seal_bytes(const MachineKey& key, BytesView context, BytesView content,
                               Random& random);
// kBadSignature: torn, changed, moved to another place, or sealed under another machine key.
[[nodiscard]] Result<Bytes> open_bytes(const MachineKey& key, BytesView context, BytesView sealed);

}  // namespace witan
