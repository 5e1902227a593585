#include "node/api/attestation.h"

#include <memory>
#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/attestation/evidence.h"
#include "ledger/encoding.h"
#include "node/api/problems.h"

namespace witan::api {
namespace {

Result<Bytes> nonce_of(const http::Request& request) {
  WITAN_ASSIGN(const auto text, request.parameter("nonce"));
  if (!text) return Bytes();
  auto nonce = hex_decode(*text);
  if (!nonce) return fail(nonce.error().within("parameter 'nonce'"));
  if (nonce->size() > kEvidenceNonceBytesMax) {
    return fail(ErrorCode::kMalformed, "parameter 'nonce': " + std::to_string(nonce->size()) +
                                           " bytes, expected at most " +
                                           std::to_string(kEvidenceNonceBytesMax));
  }
  return nonce;
}

http::Response later(unsigned status, std::string_view detail, std::string seconds) {
  return problem_for(AttestationApi::kPath, status, "", detail)
      .with("Retry-After", std::move(seconds));
}

}  // namespace

AttestationApi::AttestationApi(Signer& signer, const Clock& clock)
    : signer_(signer),
      clock_(clock),
      limiter_(limits::kAttestationsPerSecond, limits::kAttestationsBurst),
      workers_("attest", 1, limits::kAttestationQueueMax) {}

void AttestationApi::get(const http::Request& request, http::Respond respond) {
  auto nonce = nonce_of(request);
  if (!nonce) return respond(problem_for(kPath, nonce.error()));
  const auto wait = limiter_.take(request.client, clock_.steady_ms());
  if (wait.count() > 0) {
    const std::string seconds = std::to_string(wait.count());
    return respond(later(
        429, "too many attestations for one client; try again in " + seconds + " s", seconds));
  }
  const auto shared = std::make_shared<http::Respond>(std::move(respond));
  const bool queued = workers_.submit([this, shared, nonce = std::move(*nonce)] {
    auto state = signer_.attest(nonce);
    if (!state) {
      // The reason is the operator's: /status has it.
      return (*shared)(later(503, "the enclave does not answer at the moment", "1"));
    }
    (*shared)(http::Response::bytes(200, "application/cbor", std::move(state->evidence))
                  .with("Cache-Control", "no-store"));
  });
  if (!queued) (*shared)(later(503, "too many attestations wait for the enclave", "1"));
}

}  // namespace witan::api
