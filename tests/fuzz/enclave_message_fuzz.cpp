// Messages to and from the enclave: what is accepted is written again byte for byte, and no request
// makes the core do anything else than answer.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <variant>

#include "enclave/core.h"
#include "enclave/cosigner_host.h"
#include "enclave/cosigner_messages.h"
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

// A fresh cosigner for each message, since marks are kept.
void check_cosigner(BytesView bytes) {
  if (const auto reply = decode_cosigner_reply(bytes); reply) {
    expect(equal(encode_cosigner_reply(*reply), bytes));
  }
  const auto request = decode_cosigner_request(bytes);
  expect(!request || is_cosigner_request(bytes));
  if (!request) return;
  expect(equal(encode_cosigner_request(*request), bytes));
  expect(!decode_request(bytes));
  CosignerHost host(system_random());
  expect(host.init("witness.example").has_value());
  const CosignerReply reply = host.handle(*request);
  if (const auto* batch = std::get_if<CosignBatchRequest>(&*request)) {
    const auto* results = std::get_if<CosignResults>(&reply);
    expect(results == nullptr || results->size() == batch->requests.size());
    for (std::size_t i = 0; results != nullptr && i < results->size(); ++i) {
      expect(!(*results)[i] || !batch->requests[i].log_keys.empty());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView bytes(data, size);
  check_cosigner(bytes);
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
