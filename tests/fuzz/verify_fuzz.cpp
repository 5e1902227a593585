// Receipts and tlog-proofs against keys that signed nothing: whatever is read, none verifies, and
// the first failure is named.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/note.h"
#include "witness/verify.h"
#include "witness/verify_receipt.h"

namespace {

// With an origin, the key speaks for that log whatever its own name is.
witan::VerifyTrust make_trust(const std::string& origin) {
  using namespace witan;
  init_crypto();
  // RFC 8032 section 7.1, test 1.
  const Bytes raw =
      hex_decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").value();
  VerifyTrust trust;
  trust.receipt_keys = {PublicKey::from_ed25519(raw).value()};
  trust.log_keys = {VerifierKey::make("log.example", NoteAlgorithm::kEd25519, raw).value()};
  trust.tlog_policy =
      TlogPolicy::parse("log " + trust.log_keys.front().text() + "\nquorum none\n").value();
  if (!origin.empty()) trust.origin = origin;
  return trust;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  static const VerifyTrust any = make_trust("");
  static const VerifyTrust pinned = make_trust("example.com/log");
  const Hash32 entry = sha256(as_bytes("entry"));
  for (const VerifyTrust* trust : {&any, &pinned}) {
    const ReceiptReport report = check_receipt(BytesView(data, size), entry, *trust);
    if (report.verified() || report.checks.empty()) std::abort();
    if (report.log_key || report.receipt_key) std::abort();
  }
  return 0;
}
