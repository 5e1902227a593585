#pragma once
// Clients that register statements as fast as they are answered.

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ledger/bytes.h"
#include "tests/support/statements.h"

namespace witan::test {

class Load {
 public:
  // Each thread registers `prefix`/thread/0, /1, ... until stop(), or until no answer comes.
  Load(const std::string& url, const Issuer& issuer, const std::string& prefix, unsigned threads);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { stop(); }

  void stop();
  // Waits until that many were answered with 201 (or all threads have ended).
  bool wait_for(std::size_t count);
  [[nodiscard]] std::size_t count() const { return count_; }
  // The ids that were answered with 201, each with its receipt; after stop().
  [[nodiscard]] const std::map<std::string, Bytes>& acknowledged() const { return acknowledged_; }
  // Answers that were neither 201, 202, 429 nor 503; after stop().
  [[nodiscard]] const std::vector<std::string>& surprises() const { return surprises_; }

 private:
  void run(const std::string& url, const Issuer& issuer, const std::string& prefix);

  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> count_{0};
  std::atomic<unsigned> ended_{0};
  std::mutex mutex_;
  std::map<std::string, Bytes> acknowledged_;  // under mutex_
  std::vector<std::string> surprises_;         // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace witan::test
