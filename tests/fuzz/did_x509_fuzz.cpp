// did:x509: a DID that parses, parses again from its own id.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/registration/did_x509.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const auto parsed = DidX509::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (parsed) {
    const auto again = DidX509::parse(parsed->id);
    if (!again || again->id != parsed->id || again->ca_fingerprint != parsed->ca_fingerprint ||
        again->predicates.size() != parsed->predicates.size() || parsed->predicates.empty()) {
      std::abort();
    }
  }
  // The same bytes as a certificate.
  const auto certificate = Certificate::from_der(BytesView(data, size));
  if (certificate) {
    (void)certificate->subject();
    (void)certificate->subject_alt_names();
    (void)certificate->extended_key_usage();
    (void)certificate->fulcio_issuer();
    if (!equal(certificate->der(), BytesView(data, size))) std::abort();
  }
  return 0;
}
