#pragma once
// did:x509, version 0: an issuer named by the hash of a certificate authority and by facts about
// the leaf certificate that it issued.
// Source: the did:x509 method specification (microsoft/did-x509, specification.md).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/public_key.h"
#include "ledger/crypto/x509.h"

namespace witan {

inline constexpr std::string_view kDidX509Prefix = "did:x509:";
// More facts about one certificate than anybody states.
inline constexpr std::size_t kDidX509PredicatesMax = 32;

struct DidX509 {
  struct Subject {
    std::vector<std::pair<std::string, std::string>> attributes;  // label or OID, value
  };
  struct Eku {
    std::string oid;
  };
  struct FulcioIssuer {
    std::string host;  // without https://
  };
  using Predicate = std::variant<Subject, SubjectAltName, Eku, FulcioIssuer>;

  std::string id;  // without fragment
  HashFunction hash = HashFunction::kSha256;
  Bytes ca_fingerprint;
  std::vector<Predicate> predicates;

  // A DID, or a DID URL with a fragment, which is dropped. kMalformed (shape, path, query,
  // predicates, more of them than the limit), kUnsupported (version, hash).
  static Result<DidX509> parse(std::string_view did);
};

// What resolution gives: the leaf's key and what the DID subject may use it for.
struct DidX509Document {
  std::string id;
  PublicKey key;
  bool assertion = false;      // authentication and assertionMethod
  bool key_agreement = false;  // keyAgreement
};

// Resolves a DID with a certificate chain, leaf first, whose last certificate is the trust anchor.
// At least two certificates, all of them on the validated path; one besides the leaf has the DID's
// fingerprint, and every predicate holds for the leaf. `time_s` as in ChainOptions (the method
// leaves validity periods to its users). kMalformed, kUnsupported, kBadIdentity.
[[nodiscard]] Result<DidX509Document> resolve_did_x509(std::string_view did,
                                                       std::span<const Certificate> chain,
                                                       std::optional<std::int64_t> time_s = {});

}  // namespace witan
