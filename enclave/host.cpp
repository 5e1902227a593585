#include "enclave/host.h"

namespace witan {

EnclaveReply EnclaveHost::handle(const EnclaveRequest& request) {
  Step step = core_.step(request);
  if (!step.seal) return std::move(step.reply);
  const Result<void> kept = keep_(step.seal->generation, step.seal->state.view());
  if (!kept) {
    core_.discard();
    return Error{ErrorCode::kIo,
                 "the next state could not be sealed, nothing was signed: " + kept.error().message};
  }
  core_.commit();
  return std::move(step.reply);
}

Bytes EnclaveHost::handle_message(BytesView message) {
  const Result<EnclaveRequest> request = decode_request(message);
  if (!request) return encode_reply(request.error());
  return encode_reply(handle(*request));
}

}  // namespace witan
