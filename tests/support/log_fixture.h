#pragma once
// A log in memory: a store and an enclave that fail when a test wants it, and the service on them.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "enclave/in_process.h"
#include "ledger/ports/random.h"
#include "node/log_service.h"
#include "node/metrics.h"
#include "tests/support/memory_store.h"
#include "tests/support/statements.h"

namespace witan::test {

// Hands everything to another signer, but first does what the test has asked for.
class ScriptedSigner final : public Signer {
 public:
  explicit ScriptedSigner(Signer& real) : real_(real) {}

  Result<SignedHead> append(TreeSize prev, std::span<const Hash32> entries,
                            std::uint64_t time_ms) override;
  Result<SignerState> attest(BytesView nonce) override;

  // The next appends (and signs of life) fail like that, until `repair`.
  void break_with(Error error);
  void repair();
  // Appends wait until `release`.
  void hold();
  void release();
  // The next heads get another root.
  void lie();
  [[nodiscard]] std::size_t appends() const;

 private:
  Signer& real_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Error> error_;  // the following under mutex_
  bool held_ = false;
  bool lying_ = false;
  std::size_t appends_ = 0;
};

// Answers in the order in which they came.
class Answers {
 public:
  RegistrationDone next();
  // Waits for that many answers; whether they came.
  bool wait_for(std::size_t count);
  // "published 3", "decided 3" or the error's code and message.
  [[nodiscard]] std::vector<std::string> texts() const;
  [[nodiscard]] std::string last() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> texts_;  // under mutex_
};

struct LogFixture {
  LogFixture();
  ~LogFixture();

  // The service on the same store and enclave, as after a restart.
  Result<void> open(LogServiceOptions options = {});
  // Registers and gives the answer's text.
  std::string submit(const Bytes& statement, std::chrono::milliseconds wait);
  void submit(const Bytes& statement, std::chrono::milliseconds wait, RegistrationDone done);

  // A statement of the admin that replaces the policy by one that accepts this issuer only. Another
  // number makes another statement. All are of one time, so that they are accepted in any order.
  [[nodiscard]] Bytes policy_for(const Issuer& accepted, unsigned number = 0) const;

  std::uint64_t begun_ms;
  Issuer issuer{"https://issuer.test"};
  Issuer admin{"https://log.test"};
  MemoryStore store;
  std::unique_ptr<InProcessSigner> enclave;
  std::unique_ptr<ScriptedSigner> signer;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<LogService> log;
};

}  // namespace witan::test
