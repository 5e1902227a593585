#pragma once
// The same core without a process, of grade `sim`: for tests, the simulator and benchmarks. It
// protects no key.

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/result.h"
#include "enclave/cosigner_folder.h"
#include "enclave/cosigner_host.h"
#include "enclave/host.h"
#include "enclave/state_folder.h"
#include "ledger/bytes.h"
#include "ledger/ports/random.h"
#include "ledger/ports/signer.h"
#include "witness/cosigner.h"

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

// The cosigner in the same way. Any thread may call; one request is under way at a time.
class InProcessCosigner final : public Cosigner, public HeldCosigner {
 public:
  // In memory only. `random` must outlive the cosigner.
  explicit InProcessCosigner(Random& random)
      : host_(random), batch_number_(first_batch_number(random)) {}
  // On an enclave's folder, which is made when it is missing and locked. As EnclaveProcess::start.
  static Result<std::unique_ptr<InProcessCosigner>> open(Random& random,
                                                         const std::filesystem::path& folder);

  // As EnclaveProcess.
  Result<CosignerState> init_cosigner(const std::string& name, bool ml_dsa = false);
  Result<std::vector<CosignResult>> cosign(std::span<const CosignRequest> requests,
                                           std::uint64_t time_s) override;
  Result<SubtreeResult> cosign_subtree(const SignSubtreeRequest& request) override;
  Result<CosignerState> cosigner_state() override;
  Result<std::optional<CosignMark>> mark(const std::string& origin) override;
  Result<CosignerState> hold() override;
  Result<std::vector<CosignResult>> adopt(std::span<const CosignRequest> heads) override;
  Result<CosignerState> release(std::span<const std::string> origins) override;
  Result<std::vector<OriginMark>> marks(std::uint64_t first) override;

 private:
  struct Files {
    Files(StateFolder locked, const std::filesystem::path& path)
        : folder(std::move(locked)), disk(path) {}
    StateFolder folder;
    CosignerFolder disk;
  };

  std::mutex mutex_;
  std::unique_ptr<Files> files_;
  CosignerHost host_;           // guarded by mutex_
  std::uint64_t batch_number_;  // of the next batch; guarded by mutex_
};

}  // namespace witan
