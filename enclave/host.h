#pragma once
// A core and the place where its states are kept: what answers requests, in the process and in
// tests alike. Here the order "durable first, reply second" is kept.

#include <cstdint>
#include <functional>
#include <utility>

#include "config/result.h"
#include "enclave/core.h"
#include "enclave/messages.h"
#include "ledger/bytes.h"

namespace witan {

// Makes a state durable before it returns. The state holds secrets.
using KeepState = std::function<Result<void>(std::uint64_t generation, BytesView state)>;

// Used by one thread.
class EnclaveHost {
 public:
  EnclaveHost(EnclaveCore core, KeepState keep) : core_(std::move(core)), keep_(std::move(keep)) {}

  // kIo when the next state could not be kept: then nothing has changed and no signature left.
  EnclaveReply handle(const EnclaveRequest& request);
  // The same from and to bytes; bad messages are answered with an error.
  Bytes handle_message(BytesView message);

  void set_walls(WallStates walls) { core_.set_walls(std::move(walls)); }
  [[nodiscard]] const EnclaveCore& core() const { return core_; }

 private:
  EnclaveCore core_;
  KeepState keep_;
};

}  // namespace witan
