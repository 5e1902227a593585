// Messages to and from the enclave: what is accepted is written again byte for byte, and no request
// makes the core do anything else than answer.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <variant>

#include "enclave/core.h"
#include "enclave/messages.h"
#include "ledger/crypto/secret.h"

namespace {

using namespace witan;

void expect(bool holds) {
  if (!holds) std::abort();
}

EnclaveCore& core() {
  static EnclaveCore instance = [] {
    init_crypto();
    EnclaveCore fresh({}, system_random());
    (void)fresh.step(InitRequest{"log.example", "https://log.example"});
    fresh.commit();
    return fresh;
  }();
  return instance;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView bytes(data, size);
  if (const auto reply = decode_reply(bytes); reply) expect(equal(encode_reply(*reply), bytes));
  const auto request = decode_request(bytes);
  if (!request) return 0;
  expect(equal(encode_request(*request), bytes));
  const Step step = core().step(*request);
  if (const auto* append = std::get_if<AppendRequest>(&*request)) {
    const auto* head = std::get_if<SignedHead>(&step.reply);
    expect((head != nullptr) == (step.seal.has_value()));
    expect(head == nullptr || append->prev.value == 0);
    expect(head == nullptr || head->head.size.value == append->entries.size());
  } else {
    expect(!step.seal);
  }
  core().discard();
  return 0;
}
