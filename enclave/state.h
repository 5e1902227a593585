#pragma once
// Everything an enclave knows about its log, and its encoding for sealing.
// Format: docs/enclave-protocol.md, section "State". The encoding holds the secret keys: it is kept
// in SecretBytes and leaves the process only sealed.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/secret.h"
#include "ledger/ports/signer.h"
#include "ledger/tree/frontier.h"

namespace witan {

// Bytes that are wiped when they go.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(Bytes&& bytes) : bytes_(std::move(bytes)) {}
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
      wipe(bytes_);
      bytes_ = std::exchange(other.bytes_, {});
    }
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(bytes_); }

  [[nodiscard]] BytesView view() const { return bytes_; }

 private:
  Bytes bytes_;
};

struct EnclaveKeys {
  PrivateKey note;  // Ed25519
  PrivateKey cose;  // P-256
  Hash32 note_thumbprint{};
  Hash32 cose_thumbprint{};

  [[nodiscard]] static EnclaveKeys make(PrivateKey note, PrivateKey cose);
};

struct EnclaveState {
  std::uint64_t generation = 0;  // grows by one with every sealed state
  std::string origin;
  std::string issuer;
  std::shared_ptr<const EnclaveKeys> keys;  // never changed once made
  Frontier frontier;
  std::optional<SignedHead> last;  // of exactly the frontier's size and root; none at size 0
  Hash32 last_append{};            // digest of the append that made `last`
};

[[nodiscard]] SecretBytes encode_state(const EnclaveState& state);
// kMalformed (also when the parts contradict each other), kUnsupported (another version).
[[nodiscard]] Result<EnclaveState> decode_state(BytesView bytes);

// The names a log may have. kMalformed, kTooLarge.
[[nodiscard]] Result<void> check_names(std::string_view origin, std::string_view issuer);

}  // namespace witan
