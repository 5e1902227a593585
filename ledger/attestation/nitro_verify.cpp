#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "config/limits.h"
#include "ledger/attestation/nitro_document.h"
#include "ledger/crypto/x509.h"
#include "ledger/encoding.h"
#include "ledger/format/cose.h"

namespace witan {
namespace {

Result<Certificate> read_certificate(BytesView der) {
  auto certificate = Certificate::from_der(der);
  if (!certificate) return fail(certificate.error().within("Nitro document"));
  return certificate;
}

Result<void> verify_nitro_chain(const Certificate& leaf, const NitroDocument& document,
                                const NitroPolicy& policy) {
  // Leaf first, root last: the path that must be the validated one.
  std::vector<Certificate> chain{leaf};
  for (auto der = document.cabundle.rbegin(); der != document.cabundle.rend(); ++der) {
    WITAN_ASSIGN(Certificate issuer, read_certificate(*der));
    chain.push_back(std::move(issuer));
  }
  const Bytes root = chain.back().fingerprint(HashFunction::kSha256);
  const bool pinned = std::any_of(policy.roots.begin(), policy.roots.end(),
                                  [&](const Hash32& taken) { return equal(taken, root); });
  if (!pinned) {
    return fail(ErrorCode::kBadIdentity, "Nitro document: its root certificate has the SHA-256 " +
                                             hex_encode(root) + ", which is not pinned");
  }
  std::vector<std::int64_t> times{static_cast<std::int64_t>(document.timestamp_ms / 1'000)};
  if (policy.time_s) times.push_back(*policy.time_s);
  for (const std::int64_t time_s : times) {
    auto verified =
        verify_chain(chain, std::span(chain).last(1), {.time_s = time_s, .exact = true});
    if (!verified) {
      return fail(verified.error().within("Nitro document: at " + std::to_string(time_s) +
                                          " (seconds since 1970)"));
    }
  }
  const KeyUsage usage = leaf.key_usage();
  if (usage.present && !usage.digital_signature) {
    return fail(ErrorCode::kBadIdentity,
                "Nitro document: the certificate's key usage does not allow signatures");
  }
  return {};
}

Result<void> check_headers(const CoseSign1& message) {
  if (message.tagged) {
    return fail(ErrorCode::kMalformed, "Nitro document: found tag 18, expected none");
  }
  WITAN_ASSIGN(const Algorithm algorithm, message.algorithm());
  if (algorithm != Algorithm::kEs384) {
    return fail(
        ErrorCode::kUnsupported,
        "Nitro document: algorithm " + std::string(to_string(algorithm)) + ", expected ES384");
  }
  if (message.protected_headers.entries.size() != 1 ||
      !message.unprotected_headers.entries.empty()) {
    return fail(ErrorCode::kUnsupported,
                "Nitro document: headers besides the algorithm, expected none");
  }
  return {};
}

Result<void> check_equal(const std::optional<Bytes>& wanted, const std::optional<Bytes>& found,
                         ErrorCode code, std::string_view name) {
  if (!wanted || wanted == found) return {};
  return fail(code, "Nitro document: " + std::string(name) + " is " +
                        (found ? hex_encode(*found) : std::string("absent")) + ", expected " +
                        hex_encode(*wanted));
}

Result<void> check_nitro_policy(const NitroDocument& document, const NitroPolicy& policy) {
  WITAN_TRY(check_equal(policy.nonce, document.nonce, ErrorCode::kStale, "the nonce"));
  WITAN_TRY(check_equal(policy.user_data, document.user_data, ErrorCode::kRefused, "user_data"));
  WITAN_TRY(check_equal(policy.public_key, document.public_key, ErrorCode::kRefused, "public_key"));
  if (document.debug() && !policy.allow_debug) {
    return fail(ErrorCode::kRefused,
                "Nitro document: the enclave runs in debug mode (PCR 0 to 2 are zeroes), which the "
                "policy does not allow");
  }
  for (const auto& [index, wanted] : policy.pcrs) {
    const auto found = document.pcrs.find(index);
    WITAN_TRY(check_equal(
        wanted, found == document.pcrs.end() ? std::nullopt : std::optional<Bytes>(found->second),
        ErrorCode::kRefused, "PCR " + std::to_string(index)));
  }
  return {};
}

}  // namespace

Result<NitroResult> verify_nitro_document(BytesView cose, const NitroPolicy& policy) {
  auto message = CoseSign1::parse(cose, limits::kNitroDocumentBytesMax);
  if (!message) return fail(message.error().within("Nitro document"));
  WITAN_TRY(check_headers(*message));
  if (!message->payload) {
    return fail(ErrorCode::kMalformed, "Nitro document: its payload is detached");
  }
  WITAN_ASSIGN(NitroDocument document, NitroDocument::parse(*message->payload));
  WITAN_ASSIGN(const Certificate leaf, read_certificate(document.certificate));
  if (auto verified = message->verify(leaf.public_key()); !verified) {
    return fail(verified.error().within("Nitro document"));
  }
  WITAN_TRY(verify_nitro_chain(leaf, document, policy));
  WITAN_TRY(check_nitro_policy(document, policy));
  const bool debug = document.debug();
  return NitroResult{std::move(document), debug, policy.nonce.has_value()};
}

}  // namespace witan
