// COSE_Key, key sets and thumbprints.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "ledger/crypto/private_key.h"
#include "ledger/encoding.h"
#include "ledger/format/cose.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

// RFC 9679 section 6.
constexpr std::string_view kX = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d";
constexpr std::string_view kY = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c";
constexpr std::string_view kThumbprint =
    "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec";

Bytes key_hex(const std::string& text) {
  return hex_decode(text).value();
}

std::string ec_key(const std::string& before_curve = "", const std::string& after = "",
                   std::string_view map_head = "a4") {
  return std::string(map_head) + "0102" + before_curve + "2001215820" + std::string(kX) + "225820" +
         std::string(kY) + after;
}

Error refused_key(const std::string& text) {
  INFO(text);
  const auto key = cose_key_decode(key_hex(text));
  REQUIRE_FALSE(key.has_value());
  return key.error();
}

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PUBKEY(bio, key) == 1);
  EVP_PKEY_free(key);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

std::vector<PublicKey> one_public_key_of_each() {
  std::vector<PublicKey> out;
  for (const KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256, KeyKind::kP384, KeyKind::kP521}) {
    out.push_back(PrivateKey::generate(kind).value().public_key());
  }
  out.push_back(PublicKey::from_pem(pem_of(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"))).value());
  out.push_back(PublicKey::from_pem(pem_of(EVP_RSA_gen(2048))).value());
  return out;
}

}  // namespace

TEST_CASE("cose key: every kind of key there and back, in deterministic form") {
  const Bytes kid = {0x01, 0x02};
  for (const PublicKey& key : one_public_key_of_each()) {
    INFO(to_string(key.kind()));
    const Bytes plain = cose_key_encode(key, std::nullopt, std::nullopt);
    CHECK(cbor_validate(plain, {.minimal = true, .indefinite = false}).has_value());
    CHECK(cose_key_decode(plain).value() == key);
    CHECK_FALSE(cose_key_parse(plain)->kid.has_value());
    CHECK_FALSE(cose_key_parse(plain)->algorithm.has_value());
    const Algorithm algorithm = default_algorithm(key.kind());
    const auto named = cose_key_parse(cose_key_encode(key, kid, algorithm)).value();
    CHECK(named.key == key);
    CHECK(named.kid == kid);
    CHECK(named.algorithm == algorithm);
    for (std::size_t size = 0; size < plain.size(); ++size) {
      REQUIRE_FALSE(cose_key_decode(BytesView(plain).first(size)).has_value());
    }
    Bytes longer = plain;
    longer.push_back(0);
    CHECK_FALSE(cose_key_decode(longer).has_value());
  }
}

TEST_CASE("cose key: the thumbprint of RFC 9679's example") {
  const auto key = cose_key_decode(key_hex(ec_key())).value();
  CHECK(hex_encode(cose_key_thumbprint(key)) == kThumbprint);
  // Whatever else stands in the key does not count.
  const Bytes kid = {0xff};
  const Bytes with_kid = cose_key_encode(key, kid, Algorithm::kEs256);
  CHECK(cose_key_thumbprint(cose_key_decode(with_kid).value()) == cose_key_thumbprint(key));
  CHECK(hex_encode(cose_key_encode(key, std::nullopt, std::nullopt)) == ec_key());
}

TEST_CASE("cose key: a compressed point is the same key") {
  const auto key = cose_key_decode(key_hex(ec_key())).value();
  const std::string compressed = "a401022001215820" + std::string(kX) + "22f4";
  CHECK(cose_key_decode(key_hex(compressed)).value() == key);
  const std::string other = "a401022001215820" + std::string(kX) + "22f5";
  CHECK_FALSE(cose_key_decode(key_hex(other)).value() == key);
  // No point of P-256 has this x.
  const std::string none = "a401022001215820" + std::string(64, 'f') + "22f4";
  CHECK(refused_key(none).code == ErrorCode::kMalformed);
}

TEST_CASE("cose key: private parameters are refused") {
  const std::string d = "235820" + std::string(64, '1');
  CHECK(refused_key(ec_key("", d, "a5")).code == ErrorCode::kMalformed);
  CHECK_THAT(refused_key(ec_key("", d, "a5")).message, ContainsSubstring("private"));
  CHECK(refused_key("a401012006215820" + std::string(kX) + d).code == ErrorCode::kMalformed);
  const auto rsa = PublicKey::from_pem(pem_of(EVP_RSA_gen(2048))).value();
  for (std::int64_t label = -12; label <= -3; ++label) {
    const Bytes encoded = CborWriter()
                              .map(4)
                              .integer(1)
                              .integer(3)
                              .integer(-1)
                              .bytes(rsa.rsa_n())
                              .integer(-2)
                              .bytes(rsa.rsa_e())
                              .integer(label)
                              .bytes(rsa.rsa_e())
                              .take();
    CHECK(cose_key_decode(encoded).error().code == ErrorCode::kMalformed);
  }
}

TEST_CASE("cose key: wrong types, curves, points and algorithms are refused") {
  const std::string x(kX);
  const std::string y(kY);
  CHECK(refused_key("a0").code == ErrorCode::kMalformed);
  CHECK(refused_key("80").code == ErrorCode::kMalformed);
  CHECK(refused_key("a10104").code == ErrorCode::kUnsupported);        // symmetric
  CHECK(refused_key("a101634f4b50").code == ErrorCode::kUnsupported);  // "OKP"
  CHECK(refused_key("a101f6").code == ErrorCode::kMalformed);
  CHECK(refused_key("a401022008215820" + x + "225820" + y).code == ErrorCode::kUnsupported);
  CHECK(refused_key("a401022065502d323536215820" + x + "225820" + y).code ==
        ErrorCode::kUnsupported);
  CHECK(refused_key("a401022002215820" + x + "225820" + y).code == ErrorCode::kMalformed);  // P-384
  CHECK(refused_key("a401022001215820" + y + "225820" + x).code == ErrorCode::kMalformed);
  CHECK(refused_key("a401022001215821" + x + "00225820" + y).code == ErrorCode::kMalformed);
  CHECK(refused_key("a40102200121581f" + x.substr(2) + "225820" + y).code == ErrorCode::kMalformed);
  CHECK(refused_key("a301022001215820" + x).code == ErrorCode::kMalformed);             // no y
  CHECK(refused_key("a301022001225820" + y).code == ErrorCode::kMalformed);             // no x
  CHECK(refused_key("a30102215820" + x + "225820" + y).code == ErrorCode::kMalformed);  // no curve
  CHECK(refused_key("a401022001215820" + x + "22f6").code == ErrorCode::kMalformed);
  CHECK(refused_key("a401022001217820" + std::string(64, '6') + "225820" + y).code ==
        ErrorCode::kMalformed);
  CHECK(refused_key("a301012004215820" + x).code == ErrorCode::kUnsupported);  // X25519
  CHECK(refused_key("a301012006215819" + x.substr(14)).code == ErrorCode::kMalformed);
  CHECK(refused_key("a301012007215820" + x).code == ErrorCode::kMalformed);
  CHECK(refused_key("a30103204121214122").code == ErrorCode::kUnsupported);
  // alg: another key's, an unknown one, a text, bytes.
  CHECK(refused_key(ec_key("0327", "", "a5")).code == ErrorCode::kMalformed);
  CHECK(refused_key(ec_key("0301", "", "a5")).code == ErrorCode::kUnsupported);
  CHECK(refused_key(ec_key("03654553323536", "", "a5")).code == ErrorCode::kUnsupported);
  CHECK(refused_key(ec_key("034126", "", "a5")).code == ErrorCode::kMalformed);
  CHECK(refused_key(ec_key("026161", "", "a5")).code == ErrorCode::kMalformed);  // kid as text
  CHECK(refused_key(ec_key("0102", "", "a5")).code == ErrorCode::kMalformed);    // kty twice
}

TEST_CASE("cose key: key_ops and labels that mean nothing here are passed over") {
  CHECK(cose_key_decode(key_hex(ec_key("048102", "", "a5"))).has_value());
  CHECK(cose_key_decode(key_hex(ec_key("6161f6", "", "a5"))).has_value());
}

TEST_CASE("cose key: a set there and back, without the elements that are no usable keys") {
  std::vector<CoseKey> keys;
  for (const PublicKey& key : one_public_key_of_each()) {
    keys.push_back(
        {key, Bytes{static_cast<std::uint8_t>(keys.size())}, default_algorithm(key.kind())});
  }
  keys.push_back({keys.front().key, std::nullopt, std::nullopt});
  const Bytes encoded = cose_key_set_encode(keys);
  const auto decoded = cose_key_set_decode(encoded).value();
  REQUIRE(decoded.size() == keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    CHECK(decoded[i].key == keys[i].key);
    CHECK(decoded[i].kid == keys[i].kid);
    CHECK(decoded[i].algorithm == keys[i].algorithm);
  }
  CHECK(cose_key_set_encode(decoded) == encoded);
  CHECK(cose_key_set_decode(key_hex("80"))->empty());
  const auto mixed = cose_key_set_decode(key_hex("83a10104" + ec_key() + "f6")).value();
  REQUIRE(mixed.size() == 1);
  CHECK(hex_encode(cose_key_thumbprint(mixed[0].key)) == kThumbprint);
  CHECK_FALSE(cose_key_set_decode(key_hex("81a10104")).has_value());
  CHECK_FALSE(cose_key_set_decode(key_hex(ec_key())).has_value());
  CHECK_FALSE(cose_key_set_decode(key_hex("8000")).has_value());
  CHECK_FALSE(cose_key_set_decode({}).has_value());
}

}  // namespace witan
