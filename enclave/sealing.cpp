#include "enclave/sealing.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <sodium.h>

namespace witan {
namespace {

constexpr std::string_view kMagic = "witanst1";
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kLabelBytes = 8 + 8 + 4;  // magic, generation, length: authenticated
constexpr std::size_t kSealedHeadBytes = kLabelBytes + kNonceBytes;

void put_big_endian(Bytes& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint64_t get_big_endian(BytesView bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

}  // namespace

Result<MachineKey> MachineKey::make(BytesView key) {
  if (key.size() != kMachineKeyBytes) {
    return fail(ErrorCode::kMalformed,
                "machine key of " + std::to_string(key.size()) + " bytes, expected 32");
  }
  SecretMemory memory(kMachineKeyBytes);
  std::copy(key.begin(), key.end(), memory.data());
  memory.make_readonly();
  return MachineKey(std::move(memory));
}

Result<Bytes> seal_slot(const MachineKey& key, std::uint64_t generation, BytesView state,
                        Random& random) {
  const std::size_t sealed_bytes = state.size() + kTagBytes;
  if (kSealedHeadBytes + sealed_bytes > kSlotBytes) {
    return fail(ErrorCode::kTooLarge,
                "state of " + std::to_string(state.size()) + " bytes, expected at most " +
                    std::to_string(kSlotBytes - kSealedHeadBytes - kTagBytes));
  }
  Bytes out;
  out.reserve(kSealedHeadBytes + sealed_bytes);
  append(out, as_bytes(kMagic));
  put_big_endian(out, generation, 8);
  put_big_endian(out, sealed_bytes, 4);
  std::array<std::uint8_t, kNonceBytes> nonce{};
  random.fill(nonce);
  append(out, nonce);
  out.resize(kSealedHeadBytes + sealed_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + kSealedHeadBytes, nullptr, state.data(),
                                             state.size(), out.data(), kLabelBytes, nullptr,
                                             nonce.data(), key.data());
  return out;
}

Result<OpenedSlot> open_slot(const MachineKey& key, BytesView slot) {
  if (slot.size() < kSealedHeadBytes || as_text(slot.first(kMagic.size())) != kMagic) {
    return fail(ErrorCode::kMalformed, "slot does not begin with \"witanst1\"");
  }
  OpenedSlot out;
  out.generation = get_big_endian(slot.subspan(8, 8));
  const std::uint64_t sealed_bytes = get_big_endian(slot.subspan(16, 4));
  if (sealed_bytes < kTagBytes || sealed_bytes > slot.size() - kSealedHeadBytes) {
    return fail(ErrorCode::kMalformed, "slot says " + std::to_string(sealed_bytes) +
                                           " sealed bytes, expected 16 to " +
                                           std::to_string(slot.size() - kSealedHeadBytes));
  }
  const BytesView sealed = slot.subspan(kSealedHeadBytes, sealed_bytes);
  Bytes state(sealed.size() - kTagBytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(state.data(), nullptr, nullptr, sealed.data(),
                                                 sealed.size(), slot.data(), kLabelBytes,
                                                 slot.data() + kLabelBytes, key.data()) != 0) {
    return fail(ErrorCode::kBadSignature,
                "slot of generation " + std::to_string(out.generation) +
                    " does not open: torn, changed, or sealed under another machine key");
  }
  out.state = SecretBytes(std::move(state));
  out.bytes_used = kSealedHeadBytes + sealed.size();
  return out;
}

Bytes seal_bytes(const MachineKey& key, BytesView context, BytesView content, Random& random) {
  static_assert(kSealOverheadBytes == kNonceBytes + kTagBytes);
  Bytes out(kSealOverheadBytes + content.size());
  random.fill(std::span(out).first(kNonceBytes));
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + kNonceBytes, nullptr, content.data(),
                                             content.size(), context.data(), context.size(),
                                             nullptr, out.data(), key.data());
  return out;
}

Result<Bytes> open_bytes(const MachineKey& key, BytesView context, BytesView sealed) {
  if (sealed.size() < kSealOverheadBytes) {
    return fail(ErrorCode::kBadSignature,
                "sealed bytes: " + std::to_string(sealed.size()) + ", expected at least 40");
  }
  Bytes content(sealed.size() - kSealOverheadBytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(content.data(), nullptr, nullptr,
                                                 sealed.data() + kNonceBytes,
                                                 sealed.size() - kNonceBytes, context.data(),
                                                 context.size(), sealed.data(), key.data()) != 0) {
    return fail(ErrorCode::kBadSignature,
                "does not open: torn, changed, or sealed under another machine key");
  }
  return content;
}

}  // namespace witan
