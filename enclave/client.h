#pragma once
// The parent's side: starts the enclave's process and speaks with it.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

#include "config/limits.h"
#include "config/result.h"
#include "config/walls.h"
#include "enclave/cosigner_messages.h"
#include "enclave/messages.h"
#include "ledger/bytes.h"
#include "ledger/ports/signer.h"
#include "witness/cosigner.h"

namespace witan {

struct EnclaveOptions {
  std::chrono::milliseconds deadline = limits::kEnclaveDeadline;  // of a reply
  std::chrono::milliseconds grace = std::chrono::seconds(2);      // to end by itself
  std::string user;                  // whom it becomes when started as root; empty: the owner
  std::vector<std::string> require;  // walls (config/walls.h) without which it must not start
};

// witan-enclave beside the running program's file.
[[nodiscard]] std::filesystem::path default_enclave_binary();

// A running enclave. Any thread may call; one request is under way at a time.
//
// When the process is found dead, a call starts it again and repeats itself once: every operation
// gives the same answer when repeated. A reply that is late (kTimeout) kills the process, since its
// late answer must not be taken for that of the next request; the next call starts it again.
class EnclaveProcess final : public Signer, public Cosigner, public HeldCosigner {
 public:
  // Starts the program on its folder and waits until it is ready. kNotFound when there is no such
  // program; the enclave's own error when it cannot open its folder (kConflict: another process has
  // it; kRefused: a required wall does not stand; kIo, kMalformed, kStale); kUnavailable when it
  // ended without a word; kTimeout.
  static Result<std::unique_ptr<EnclaveProcess>> start(const std::filesystem::path& binary,
                                                       const std::filesystem::path& state_dir,
                                                       EnclaveOptions options = {});

  // Makes the log's keys; with the same names again, gives the state. Evidence is over an empty
  // nonce. kConflict when the enclave has another log, kMalformed, kTooLarge, and as append.
  Result<SignerState> init(const std::string& origin, const std::string& issuer);
  Result<SignedHead> append(TreeSize prev, std::span<const Hash32> entries,
                            std::uint64_t time_ms) override;
  Result<SignerState> attest(BytesView nonce) override;

  // The cosigner, which lives beside the log or alone. Makes its Ed25519 key, and one of ML-DSA-44
  // when asked for; the same again gives the state. kConflict when the enclave's cosigner has
  // another name or other kinds of keys; kUnsupported for ML-DSA-44 where the enclave has none;
  // kMalformed, kIo, and as append.
  Result<CosignerState> init_cosigner(const std::string& name, bool ml_dsa = false);
  // A batch that the enclave had cosigned when it died is answered as it was.
  Result<std::vector<CosignResult>> cosign(std::span<const CosignRequest> requests,
                                           std::uint64_t time_s) override;
  Result<SubtreeResult> cosign_subtree(const SignSubtreeRequest& request) override;
  Result<CosignerState> cosigner_state() override;
  Result<std::optional<CosignMark>> mark(const std::string& origin) override;
  Result<CosignerState> hold() override;
  Result<std::vector<CosignResult>> adopt(std::span<const CosignRequest> heads) override;
  Result<CosignerState> release(std::span<const std::string> origins) override;
  Result<std::vector<OriginMark>> marks(std::uint64_t first) override;

  // Ends the process, if it still runs, and starts it again. kUnavailable naming what it said.
  Result<void> restart();

  // The walls around the process that was started last, and why the others do not stand.
  [[nodiscard]] WallStates walls() const;
  // The running process, or 0.
  [[nodiscard]] pid_t pid() const;
  // How often it was started again.
  [[nodiscard]] std::uint64_t restarts() const override { return restarts_; }

  EnclaveProcess(const EnclaveProcess&) = delete;
  EnclaveProcess& operator=(const EnclaveProcess&) = delete;
  // Closes the socket, on which the process ends; kills it after the grace time.
  ~EnclaveProcess() override;

 private:
  EnclaveProcess(std::filesystem::path binary, std::filesystem::path state_dir,
                 EnclaveOptions options);
  // The following want mutex_ held.
  Result<void> spawn();
  Result<void> await_ready();
  Result<void> start_again();
  void end(std::chrono::milliseconds grace);
  // The bytes of a whole reply.
  Result<Bytes> exchange(BytesView request);
  Result<Bytes> call(BytesView message);
  // The reply of the kind that was asked for, or the enclave's error.
  template <typename Value, typename Reply>
  Result<Value> expect(Result<Reply> reply);
  template <typename Value>
  Result<Value> ask(const EnclaveRequest& request);
  template <typename Value>
  Result<Value> ask_cosigner(BytesView request);
  Result<std::vector<CosignResult>> ask_for_results(BytesView message, std::size_t requests);

  const std::filesystem::path binary_;
  const std::filesystem::path state_dir_;
  const EnclaveOptions options_;
  std::atomic<std::uint64_t> batch_number_;  // of the next batch of cosignatures
  mutable std::mutex mutex_;                 // guards the following
  pid_t pid_ = 0;
  int socket_ = -1;
  std::string last_end_;                     // how the last process ended
  std::atomic<std::uint64_t> restarts_ = 0;  // changed under mutex_
  mutable std::mutex walls_mutex_;           // taken while mutex_ may be held for long
  WallStates walls_;                         // guarded by walls_mutex_
};

}  // namespace witan
