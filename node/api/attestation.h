#pragma once
// GET /attestation?nonce=HEX: what the enclave states about itself, made for the verifier's nonce.

#include <string_view>

#include "ledger/ports/clock.h"
#include "ledger/ports/signer.h"
#include "node/http/message.h"
#include "node/http/rate_limiter.h"
#include "node/workers.h"

namespace witan::api {

class AttestationApi {
 public:
  static constexpr std::string_view kPath = "/attestation";

  // Both must outlive it; the signer is called from a thread of its own.
  AttestationApi(Signer& signer, const Clock& clock);

  // Answers one GET; any thread. 200 with CBOR evidence (docs/enclave-protocol.md, "Evidence") over
  // the parameter `nonce`: at most 64 bytes in lower-case hex, none when it is absent. 400, 429 and
  // 503 as JSON problem details: each evidence costs the enclave a signature.
  void get(const http::Request& request, http::Respond respond);

 private:
  Signer& signer_;
  const Clock& clock_;
  http::RateLimiter limiter_;
  Workers workers_;
};

}  // namespace witan::api
