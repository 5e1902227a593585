#pragma once
// The same core without a process, of grade `sim`: for tests, the simulator and benchmarks. It
// protects no key.

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "config/result.h"
#include "enclave/host.h"
#include "ledger/bytes.h"
#include "ledger/ports/random.h"
#include "ledger/ports/signer.h"

namespace witan {

// Any thread may call; one request is under way at a time.
class InProcessSigner final : public Signer {
 public:
  // `keep` is called with each next state before its reply leaves; none keeps it in memory only.
  // `state` is one that `keep` was given before. `random` must outlive the signer; it gives the
  // Ed25519 seed, while P-256 keys and ECDSA nonces are OpenSSL's. kMalformed, kUnsupported.
  static Result<std::unique_ptr<InProcessSigner>> make(Random& random, KeepState keep = {},
                                                       std::optional<BytesView> state = {});

  // As EnclaveProcess.
  Result<SignerState> init(const std::string& origin, const std::string& issuer);
  Result<SignedHead> append(TreeSize prev, std::span<const Hash32> entries,
                            std::uint64_t time_ms) override;
  Result<SignerState> attest(BytesView nonce) override;

 private:
  explicit InProcessSigner(EnclaveHost host) : host_(std::move(host)) {}

  std::mutex mutex_;
  EnclaveHost host_;  // guarded by mutex_
};

}  // namespace witan
