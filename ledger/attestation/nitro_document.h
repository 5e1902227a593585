#pragma once
// AWS Nitro attestation documents, verified offline: an untagged COSE_Sign1 by the hypervisor's
// leaf key, whose chain is inside and ends at the pinned root.
// Source: AWS Nitro Enclaves, "Verifying the root of trust" (document specification and its
// limits); RFC 9052 for COSE.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

// SHA-256 of the certificate aws.nitro-enclaves, root G1, as AWS publishes it.
inline constexpr Hash32 kNitroRootG1 = {
    0x64, 0x1a, 0x03, 0x21, 0xa3, 0xe2, 0x44, 0xef, 0xe4, 0x56, 0x46, 0x31, 0x95, 0xd6, 0x06, 0x31,
    0x7e, 0xd7, 0xcd, 0xcc, 0x3c, 0x17, 0x56, 0xe0, 0x98, 0x93, 0xf3, 0xc6, 0x8f, 0x79, 0xbb, 0x5b};

// The payload.
struct NitroDocument {
  std::string module_id;
  std::uint64_t timestamp_ms = 0;  // since 1970
  std::map<unsigned, Bytes> pcrs;  // SHA-384, 48 bytes each; 0 to 2 are always there
  Bytes certificate;               // DER, of the key that signed
  std::vector<Bytes> cabundle;     // DER, its issuers, root first
  // What the enclave asked to be signed with it; nullopt when null or absent.
  std::optional<Bytes> public_key, user_data, nonce;

  // Exactly one CBOR map, of definite or indefinite length; keys that are unknown are refused, so
  // that nothing is signed that is not understood. kMalformed, kTooLarge, kUnsupported.
  static Result<NitroDocument> parse(BytesView payload);
  // Measurements of zeroes: the enclave was started in debug mode and can be read from outside.
  [[nodiscard]] bool debug() const;
};

struct NitroPolicy {
  // What these fields of the document must be; nullopt: not compared.
  std::optional<Bytes> nonce, user_data, public_key;
  std::map<unsigned, Bytes> pcrs;  // these PCRs must have these values
  bool allow_debug = false;
  // Seconds since 1970 at which the chain must be valid besides the document's own time; nullopt:
  // only the latter. A leaf lives three hours.
  std::optional<std::int64_t> time_s;
  // SHA-256 of the root certificates that are taken.
  std::vector<Hash32> roots = {kNitroRootG1};
};

struct NitroResult {
  NitroDocument document;
  bool debug = false;
  bool nonce_checked = false;  // without it the document may be an old one
};

// `cose` is the document as the hypervisor gives it, at most kNitroDocumentBytesMax. Algorithm
// ES384 alone, and no unprotected header. kMalformed, kTooLarge, kUnsupported, kBadSignature;
// kBadIdentity (chain); kStale (another nonce); kRefused (debug, PCRs, user data, public key).
[[nodiscard]] Result<NitroResult> verify_nitro_document(BytesView cose, const NitroPolicy& policy);

}  // namespace witan
