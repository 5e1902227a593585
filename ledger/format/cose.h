#pragma once
// COSE_Sign1 (RFC 9052 section 4.2), its headers, and COSE_Key (RFC 9052 section 7, RFC 9053).

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/algorithm.h"
#include "ledger/crypto/public_key.h"
#include "ledger/format/cbor.h"

namespace witan {

namespace cose {
inline constexpr std::uint64_t kTagSign1 = 18;
inline constexpr std::int64_t kAlg = 1, kCrit = 2, kContentType = 3, kKid = 4, kCwtClaims = 15;
inline constexpr std::int64_t kX5bag = 32, kX5chain = 33, kX5t = 34;
inline constexpr std::int64_t kPayloadHashAlg = 258, kPreimageContentType = 259,
                              kPayloadLocation = 260;
inline constexpr std::int64_t kReceipts = 394, kVds = 395, kVdp = 396;
// Private use (RFC 9052 section 1.4 range below -65536): Witan's tree size in a COSE head, and the
// witnessed checkpoint in a receipt's unprotected header.
inline constexpr std::int64_t kTreeSize = -65537, kCheckpoint = -65538;
inline constexpr std::int64_t kVdpInclusion = -1, kVdpConsistency = -2;
inline constexpr std::int64_t kVdsRfc9162 = 1, kVdsCcf = 2;
inline constexpr std::int64_t kCwtIss = 1, kCwtSub = 2, kCwtIat = 6;
}  // namespace cose

// A header label: integer or text.
using CoseLabel = std::variant<std::int64_t, std::string>;

struct CoseHeaderEntry {
  CoseLabel label;
  BytesView value;  // the encoded item, inside the bytes of the message
};

// A header map, in wire order. Views into the message's bytes.
struct CoseHeaders {
  std::vector<CoseHeaderEntry> entries;
  // The encoded value under an integer label, if present.
  [[nodiscard]] std::optional<BytesView> find(std::int64_t label) const;
  [[nodiscard]] std::optional<BytesView> find(std::string_view label) const;
  // Typed access; nullopt when absent, kMalformed naming the label when of another type.
  [[nodiscard]] Result<std::optional<std::int64_t>> integer(std::int64_t label) const;
  [[nodiscard]] Result<std::optional<BytesView>> bytes(std::int64_t label) const;
  [[nodiscard]] Result<std::optional<std::string_view>> text(std::int64_t label) const;
};

// One encoded map, strictly (see cbor.h), with labels that are integers or text; kMalformed. The
// views point into `encoded_map`.
[[nodiscard]] Result<CoseHeaders> cose_headers_decode(BytesView encoded_map);

// A parsed COSE_Sign1. Holds views into `bytes`, which it owns.
struct CoseSign1 {
  std::shared_ptr<const Bytes> bytes;
  bool tagged = false;
  BytesView protected_bytes;  // content of the protected bstr, verbatim (may be empty)
  CoseHeaders protected_headers;
  BytesView unprotected_bytes;  // the encoded map
  CoseHeaders unprotected_headers;
  std::optional<BytesView> payload;  // nullopt when nil (detached)
  BytesView signature;

  // kMalformed: wrong shape, label in both headers, text or absent where integer is due, trailing
  // bytes; kTooLarge above max_bytes. Untagged messages parse, with tagged = false.
  static Result<CoseSign1> parse(BytesView bytes, std::size_t max_bytes);

  // Label 1 of the protected header. kUnsupported for text or unknown numbers, kMalformed if
  // absent.
  [[nodiscard]] Result<Algorithm> algorithm() const;
  // Verifies over the bytes received: Sig_structure ["Signature1", protected, h'', payload]. The
  // payload argument is used when it is detached (and must not be given otherwise). kMalformed when
  // the payload is missing or given twice; the errors of algorithm() and PublicKey::verify. Does
  // not look at crit (label 2): whoever knows which headers it understands does.
  [[nodiscard]] Result<void> verify(const PublicKey& key,
                                    std::optional<BytesView> detached_payload = {},
                                    BytesView external = {}) const;
};

// The bytes that are signed (RFC 9052 section 4.4). Nothing in SCITT has external data.
[[nodiscard]] Bytes cose_to_be_signed(BytesView protected_bytes, BytesView payload,
                                      BytesView external = {});
// d2 84 <protected bstr> <unprotected map as encoded> <payload bstr or nil> <signature bstr>.
[[nodiscard]] Bytes cose_sign1_encode(BytesView protected_bytes, BytesView encoded_unprotected_map,
                                      std::optional<BytesView> payload, BytesView signature);

// A public key as COSE_Key carries it, with what it says about its use.
struct CoseKey {
  PublicKey key;
  std::optional<Bytes> kid;            // label 2
  std::optional<Algorithm> algorithm;  // label 3
};

// COSE_Key -> PublicKey: OKP (Ed25519, Ed448), EC2 (P-256, P-384, P-521, y as a byte string or as
// the sign bit) and RSA (RFC 8230). kMalformed: private parameters, missing or wrong ones, a point
// that is not on its curve, an algorithm that does not fit the key. kUnsupported: another key type,
// curve or algorithm, and texts in their place.
[[nodiscard]] Result<CoseKey> cose_key_parse(BytesView encoded);
// The same without kid and algorithm.
[[nodiscard]] Result<PublicKey> cose_key_decode(BytesView encoded);
// With kid (label 2) and alg (label 3) when given; deterministic order.
[[nodiscard]] Bytes cose_key_encode(const PublicKey& key, std::optional<BytesView> kid,
                                    std::optional<Algorithm> algorithm);
// COSE_KeySet (RFC 9052 section 7): an array of keys. Elements that are not usable keys are left
// out, as the RFC wants; kMalformed when it is not an array or none is left of those that it has.
[[nodiscard]] Result<std::vector<CoseKey>> cose_key_set_decode(BytesView encoded);
[[nodiscard]] Bytes cose_key_set_encode(const std::vector<CoseKey>& keys);

// RFC 9679 thumbprint with SHA-256.
[[nodiscard]] Hash32 cose_key_thumbprint(const PublicKey& key);

}  // namespace witan
