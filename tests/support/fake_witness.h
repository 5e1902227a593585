#pragma once
// A witness over HTTP that keeps the specification's rules and its marks in memory, and that can
// be stopped, started again, and made to stand elsewhere.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "ledger/crypto/private_key.h"
#include "ledger/format/note.h"
#include "node/http/server.h"
#include "witness/cosigning.h"

namespace witan::test {

class FakeWitness {
 public:
  // Knows one log. Serves at once.
  FakeWitness(std::string name, VerifierKey log);
  ~FakeWitness();

  // Connections are refused until it starts again, at the same address.
  void stop();
  void start();
  // Stands there from now on.
  void set_mark(CosignMark mark);
  [[nodiscard]] CosignMark mark() const;
  [[nodiscard]] std::uint64_t requests() const;
  // Its line in a policy, without newline.
  [[nodiscard]] std::string policy_line() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  http::Response handle(const http::Request& request);

  const std::string name_;
  const VerifierKey log_;
  const PrivateKey key_;
  std::string address_ = "127.0.0.1:0";
  mutable std::mutex mutex_;
  CosignMark mark_;             // under mutex_
  std::uint64_t requests_ = 0;  // under mutex_
  std::unique_ptr<http::Server> server_;
};

}  // namespace witan::test
