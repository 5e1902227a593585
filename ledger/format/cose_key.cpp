#include <string>
#include <utility>

#include "ledger/crypto/sha256.h"
#include "ledger/format/cose.h"

namespace witan {
namespace {

// RFC 9052 table 4, RFC 9053 tables 17 to 19, RFC 8230 table 4.
constexpr std::int64_t kKty = 1, kKid = 2, kKeyAlg = 3;
constexpr std::int64_t kKtyOkp = 1, kKtyEc2 = 2, kKtyRsa = 3;
constexpr std::int64_t kCrv = -1, kX = -2, kY = -3, kD = -4;
constexpr std::int64_t kRsaN = -1, kRsaE = -2, kRsaFirstPrivate = -12, kRsaLastPrivate = -3;
constexpr std::int64_t kCrvP256 = 1, kCrvP384 = 2, kCrvP521 = 3, kCrvEd25519 = 6, kCrvEd448 = 7;

tl::unexpected<Error> bad_key(const std::string& what) {
  return fail(ErrorCode::kMalformed, "COSE_Key: " + what);
}

tl::unexpected<Error> unsupported_key(const std::string& what) {
  return fail(ErrorCode::kUnsupported, "COSE_Key: " + what);
}

// An integer that RFC 9052 also allows as text, which nobody registered.
Result<std::optional<std::int64_t>> number(const CoseHeaders& map, std::int64_t label,
                                           std::string_view name) {
  const auto encoded = map.find(label);
  if (!encoded) return std::optional<std::int64_t>();
  WITAN_ASSIGN(const CborReader reader, CborReader::make(*encoded));
  if (reader.peek() == CborType::kText) {
    return unsupported_key(std::string(name) + " (label " + std::to_string(label) +
                           ") is a text, expected a number");
  }
  return map.integer(label);
}

Result<std::int64_t> required_number(const CoseHeaders& map, std::int64_t label,
                                     std::string_view name) {
  WITAN_ASSIGN(const auto value, number(map, label, name));
  if (!value) return bad_key("no " + std::string(name) + " (label " + std::to_string(label) + ")");
  return *value;
}

Result<BytesView> required_bytes(const CoseHeaders& map, std::int64_t label,
                                 std::string_view name) {
  WITAN_ASSIGN(const auto value, map.bytes(label));
  if (!value) return bad_key("no " + std::string(name) + " (label " + std::to_string(label) + ")");
  return *value;
}

Result<void> refuse_private(const CoseHeaders& map, std::int64_t first, std::int64_t last) {
  for (std::int64_t label = first; label <= last; ++label) {
    if (map.find(label)) {
      return bad_key("found a private parameter (label " + std::to_string(label) +
                     "), expected a public key");
    }
  }
  return {};
}

Result<PublicKey> decode_okp(const CoseHeaders& map) {
  WITAN_TRY(refuse_private(map, kD, kD));
  WITAN_ASSIGN(const std::int64_t curve, required_number(map, kCrv, "curve"));
  WITAN_ASSIGN(const BytesView x, required_bytes(map, kX, "x"));
  if (curve == kCrvEd25519) return PublicKey::from_ed25519(x);
  if (curve == kCrvEd448) return PublicKey::from_ed448(x);
  return unsupported_key("curve " + std::to_string(curve) +
                         " of an OKP key, expected 6 (Ed25519) or 7 (Ed448)");
}

Result<KeyKind> ec_kind(std::int64_t curve) {
  if (curve == kCrvP256) return KeyKind::kP256;
  if (curve == kCrvP384) return KeyKind::kP384;
  if (curve == kCrvP521) return KeyKind::kP521;
  return unsupported_key("curve " + std::to_string(curve) +
                         " of an EC2 key, expected 1 (P-256), 2 (P-384) or 3 (P-521)");
}

Result<PublicKey> decode_ec2(const CoseHeaders& map) {
  WITAN_TRY(refuse_private(map, kD, kD));
  WITAN_ASSIGN(const std::int64_t curve, required_number(map, kCrv, "curve"));
  WITAN_ASSIGN(const KeyKind kind, ec_kind(curve));
  WITAN_ASSIGN(const BytesView x, required_bytes(map, kX, "x"));
  const auto y = map.find(kY);
  if (!y) return bad_key("no y (label -3)");
  WITAN_ASSIGN(CborReader reader, CborReader::make(*y));
  if (reader.peek() == CborType::kBool) {
    WITAN_ASSIGN(const bool y_is_odd, reader.read_bool());
    return PublicKey::from_ec_compressed(kind, x, y_is_odd);
  }
  WITAN_ASSIGN(const BytesView y_bytes, reader.read_bytes());
  return PublicKey::from_ec(kind, x, y_bytes);
}

Result<PublicKey> decode_rsa(const CoseHeaders& map) {
  WITAN_TRY(refuse_private(map, kRsaFirstPrivate, kRsaLastPrivate));
  WITAN_ASSIGN(const BytesView n, required_bytes(map, kRsaN, "modulus"));
  WITAN_ASSIGN(const BytesView e, required_bytes(map, kRsaE, "exponent"));
  return PublicKey::from_rsa(n, e);
}

Result<PublicKey> decode_public(const CoseHeaders& map) {
  WITAN_ASSIGN(const std::int64_t type, required_number(map, kKty, "key type"));
  if (type == kKtyOkp) return decode_okp(map);
  if (type == kKtyEc2) return decode_ec2(map);
  if (type == kKtyRsa) return decode_rsa(map);
  return unsupported_key("key type " + std::to_string(type) +
                         ", expected 1 (OKP), 2 (EC2) or 3 (RSA)");
}

std::int64_t curve_of(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEd25519:
      return kCrvEd25519;
    case KeyKind::kEd448:
      return kCrvEd448;
    case KeyKind::kP256:
      return kCrvP256;
    case KeyKind::kP384:
      return kCrvP384;
    case KeyKind::kP521:
      return kCrvP521;
    case KeyKind::kRsa:
      break;
  }
  return 0;
}

std::int64_t type_of(KeyKind kind) {
  if (kind == KeyKind::kRsa) return kKtyRsa;
  return kind == KeyKind::kEd25519 || kind == KeyKind::kEd448 ? kKtyOkp : kKtyEc2;
}

// In the order of RFC 8949 section 4.2.1, in which 1, 2, 3 come before -1, -2, -3.
Bytes encode(const PublicKey& key, std::optional<BytesView> kid,
             std::optional<Algorithm> algorithm) {
  const std::int64_t type = type_of(key.kind());
  CborWriter out;
  out.map((type == kKtyEc2 ? 4 : 3) + (kid ? 1 : 0) + (algorithm ? 1 : 0));
  out.integer(kKty).integer(type);
  if (kid) out.integer(kKid).bytes(*kid);
  if (algorithm) out.integer(kKeyAlg).integer(static_cast<std::int64_t>(*algorithm));
  if (type == kKtyRsa) {
    out.integer(kRsaN).bytes(key.rsa_n()).integer(kRsaE).bytes(key.rsa_e());
    return out.take();
  }
  const Bytes raw = key.raw();
  out.integer(kCrv).integer(curve_of(key.kind()));
  if (type == kKtyOkp) {
    out.integer(kX).bytes(raw);
  } else {
    const BytesView point(raw);
    out.integer(kX).bytes(point.first(point.size() / 2));
    out.integer(kY).bytes(point.last(point.size() / 2));
  }
  return out.take();
}

}  // namespace

Result<CoseKey> cose_key_parse(BytesView encoded) {
  auto map = cose_headers_decode(encoded);
  if (!map) return fail(map.error().within("COSE_Key"));
  auto key = decode_public(*map);
  if (!key) return fail(key.error());
  CoseKey out{std::move(*key), std::nullopt, std::nullopt};
  WITAN_ASSIGN(const auto kid, map->bytes(kKid));
  if (kid) out.kid = to_bytes(*kid);
  WITAN_ASSIGN(const auto algorithm, number(*map, kKeyAlg, "algorithm"));
  if (algorithm) {
    WITAN_ASSIGN(out.algorithm, algorithm_from_cose(*algorithm));
    if (!accepts(*out.algorithm, out.key.kind())) {
      return bad_key("algorithm " + std::string(to_string(*out.algorithm)) +
                     " does not fit a key of kind " + std::string(to_string(out.key.kind())));
    }
  }
  return out;
}

Result<PublicKey> cose_key_decode(BytesView encoded) {
  WITAN_ASSIGN(CoseKey parsed, cose_key_parse(encoded));
  return std::move(parsed.key);
}

Bytes cose_key_encode(const PublicKey& key, std::optional<BytesView> kid,
                      std::optional<Algorithm> algorithm) {
  return encode(key, kid, algorithm);
}

Result<std::vector<CoseKey>> cose_key_set_decode(BytesView encoded) {
  auto reader = CborReader::make(encoded);
  if (!reader) return fail(reader.error().within("COSE_KeySet"));
  const auto count = reader->read_array();
  if (!count) return fail(count.error().within("COSE_KeySet"));
  std::vector<CoseKey> keys;
  std::optional<Error> first_error;
  for (std::size_t i = 0; i < *count; ++i) {
    auto key = cose_key_parse(reader->skip());
    if (key) {
      keys.push_back(std::move(*key));
    } else if (!first_error) {
      first_error = key.error();
    }
  }
  if (keys.empty() && first_error) {
    return fail(first_error->within("COSE_KeySet without a usable key"));
  }
  return keys;
}

Bytes cose_key_set_encode(const std::vector<CoseKey>& keys) {
  CborWriter out;
  out.array(keys.size());
  for (const CoseKey& key : keys) {
    out.raw(encode(key.key, key.kid ? std::optional<BytesView>(*key.kid) : std::nullopt,
                   key.algorithm));
  }
  return out.take();
}

Hash32 cose_key_thumbprint(const PublicKey& key) {
  return sha256(encode(key, std::nullopt, std::nullopt));
}

}  // namespace witan
