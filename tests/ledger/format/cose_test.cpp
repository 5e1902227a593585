// COSE_Sign1: round trips with every algorithm, and hostile messages. Other people's messages are
// in cose_vectors_test.cpp.

#include "ledger/format/cose.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "config/limits.h"
#include "ledger/crypto/private_key.h"
#include "ledger/encoding.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

constexpr std::size_t kCoseMax = limits::kStatementBytesDefault;
const std::string kPayload = "This is the content.";

Bytes cose_hex(std::string_view text) {
  return hex_decode(text).value();
}

PrivateKey rsa_key() {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  EVP_PKEY_free(key);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  const std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return PrivateKey::from_pem(pem).value();
}

Bytes protected_with(Algorithm algorithm) {
  return CborWriter()
      .map(1)
      .integer(cose::kAlg)
      .integer(static_cast<std::int64_t>(algorithm))
      .take();
}

const Bytes kEmptyMap = {0xa0};

Bytes signed_message(const PrivateKey& key, Algorithm algorithm, BytesView protected_bytes,
                     std::string_view payload = kPayload, bool detached = false) {
  const Bytes signature =
      key.sign(algorithm, cose_to_be_signed(protected_bytes, as_bytes(payload))).value();
  return cose_sign1_encode(protected_bytes, kEmptyMap,
                           detached ? std::nullopt : std::optional<BytesView>(as_bytes(payload)),
                           signature);
}

ErrorCode parse_refused(std::string_view text) {
  INFO(text);
  const auto parsed = CoseSign1::parse(cose_hex(text), kCoseMax);
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error().code;
}

}  // namespace

TEST_CASE("cose: a message signed with each algorithm parses and verifies") {
  std::vector<PrivateKey> keys;
  for (const KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256, KeyKind::kP384, KeyKind::kP521}) {
    keys.push_back(PrivateKey::generate(kind).value());
  }
  keys.push_back(rsa_key());
  std::size_t checked = 0;
  for (const Algorithm algorithm :
       {Algorithm::kEdDsa, Algorithm::kEs256, Algorithm::kEs384, Algorithm::kEs512,
        Algorithm::kPs256, Algorithm::kPs384, Algorithm::kPs512}) {
    for (const PrivateKey& key : keys) {
      if (!accepts(algorithm, key.public_key().kind())) continue;
      INFO(to_string(algorithm));
      const Bytes encoded = signed_message(key, algorithm, protected_with(algorithm));
      const auto message = CoseSign1::parse(encoded, kCoseMax).value();
      CHECK(message.tagged);
      CHECK(message.algorithm().value() == algorithm);
      CHECK(as_text(message.payload.value()) == kPayload);
      CHECK(message.verify(key.public_key()).has_value());
      CHECK(cose_sign1_encode(message.protected_bytes, message.unprotected_bytes, message.payload,
                              message.signature) == encoded);
      for (const PrivateKey& other : keys) {
        if (other.public_key() == key.public_key()) continue;
        CHECK(message.verify(other.public_key()).error().code == ErrorCode::kUnsupported);
      }
      ++checked;
    }
  }
  CHECK(checked == 7);
}

TEST_CASE("cose: no message with one byte changed verifies") {
  for (const KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256}) {
    const auto key = PrivateKey::generate(kind).value();
    const Algorithm algorithm = default_algorithm(kind);
    const Bytes good = signed_message(key, algorithm, protected_with(algorithm));
    REQUIRE(CoseSign1::parse(good, kCoseMax)->verify(key.public_key()).has_value());
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (const std::uint8_t mask : {0x01, 0x20, 0x80, 0xff}) {
        Bytes changed = good;
        changed[i] = static_cast<std::uint8_t>(changed[i] ^ mask);
        const auto message = CoseSign1::parse(changed, kCoseMax);
        INFO("byte " << i << " mask " << int{mask});
        REQUIRE_FALSE((message && message->verify(key.public_key()).has_value()));
      }
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
      REQUIRE_FALSE(CoseSign1::parse(BytesView(good).first(size), kCoseMax).has_value());
    }
    Bytes longer = good;
    longer.push_back(0);
    CHECK(CoseSign1::parse(longer, kCoseMax).error().code == ErrorCode::kMalformed);
  }
}

TEST_CASE("cose: the parsed message outlives the input and its own copies") {
  const auto key = PrivateKey::generate(KeyKind::kEd25519).value();
  auto encoded = std::make_unique<Bytes>(
      signed_message(key, Algorithm::kEdDsa, protected_with(Algorithm::kEdDsa)));
  auto first = std::make_unique<CoseSign1>(CoseSign1::parse(*encoded, kCoseMax).value());
  encoded.reset();
  const CoseSign1 second = *first;
  first.reset();
  CHECK(second.verify(key.public_key()).has_value());
}

TEST_CASE("cose: the message with heads longer than needed verifies over its own bytes") {
  const auto key = PrivateKey::generate(KeyKind::kEd25519).value();
  const Bytes header = cose_hex("b801180127");  // {1: -8} in more bytes than needed: 1 as 18 01
  REQUIRE(header.size() == 5);
  const Bytes message = signed_message(key, Algorithm::kEdDsa, header);
  const auto parsed = CoseSign1::parse(message, kCoseMax).value();
  CHECK(hex_encode(parsed.protected_bytes) == "b801180127");
  CHECK(parsed.verify(key.public_key()).has_value());
}

TEST_CASE("cose: a detached payload is given by the caller, once") {
  const auto key = PrivateKey::generate(KeyKind::kP256).value();
  const Bytes header = protected_with(Algorithm::kEs256);
  const auto detached =
      CoseSign1::parse(signed_message(key, Algorithm::kEs256, header, kPayload, true), kCoseMax)
          .value();
  CHECK_FALSE(detached.payload.has_value());
  CHECK(detached.verify(key.public_key(), as_bytes(kPayload)).has_value());
  CHECK(detached.verify(key.public_key(), as_bytes("other")).error().code ==
        ErrorCode::kBadSignature);
  CHECK_THAT(detached.verify(key.public_key()).error().message, ContainsSubstring("detached"));
  const auto attached =
      CoseSign1::parse(signed_message(key, Algorithm::kEs256, header), kCoseMax).value();
  CHECK(attached.verify(key.public_key(), as_bytes(kPayload)).error().code ==
        ErrorCode::kMalformed);
  // An empty payload is one, and not a missing one.
  const auto empty =
      CoseSign1::parse(signed_message(key, Algorithm::kEs256, header, ""), kCoseMax).value();
  REQUIRE(empty.payload.has_value());
  CHECK(empty.payload->empty());
  CHECK(empty.verify(key.public_key()).has_value());
}

TEST_CASE("cose: external data is part of what is signed") {
  const auto key = PrivateKey::generate(KeyKind::kEd25519).value();
  const Bytes header = protected_with(Algorithm::kEdDsa);
  const Bytes signature =
      key.sign(Algorithm::kEdDsa, cose_to_be_signed(header, as_bytes("p"), as_bytes("context")))
          .value();
  const auto message =
      CoseSign1::parse(cose_sign1_encode(header, kEmptyMap, as_bytes("p"), signature), kCoseMax)
          .value();
  CHECK(message.verify(key.public_key(), std::nullopt, as_bytes("context")).has_value());
  CHECK_FALSE(message.verify(key.public_key()).has_value());
}

TEST_CASE("cose: the algorithm stands in the protected header as a known number") {
  const auto key = PrivateKey::generate(KeyKind::kEd25519).value().public_key();
  const auto refused = [&](std::string_view text) {
    INFO(text);
    const auto message = CoseSign1::parse(cose_hex(text), kCoseMax);
    REQUIRE(message.has_value());
    CHECK(message->verify(key).error().code == message->algorithm().error().code);
    return message->algorithm().error();
  };
  CHECK(refused("d28440a04040").code == ErrorCode::kMalformed);          // none
  CHECK(refused("d28441a0a04040").code == ErrorCode::kMalformed);        // none, an empty map
  CHECK(refused("d28440a101274040").code == ErrorCode::kMalformed);      // unprotected only
  CHECK(refused("d28444a1014127a04040").code == ErrorCode::kMalformed);  // bytes
  CHECK(refused("d28443a101f6a04040").code == ErrorCode::kMalformed);    // null
  CHECK(refused("d28443a10120a04040").code == ErrorCode::kUnsupported);  // -1
  CHECK(refused("d28443a10101a04040").code == ErrorCode::kUnsupported);  // A128GCM
  const auto text = refused("d28448a101654564445341a04040");             // "EdDSA"
  CHECK(text.code == ErrorCode::kUnsupported);
  CHECK_THAT(text.message, ContainsSubstring("EdDSA") && ContainsSubstring("number"));
}

TEST_CASE("cose: wrong shapes are refused") {
  REQUIRE(CoseSign1::parse(cose_hex("d28440a04040"), kCoseMax).has_value());
  CHECK_FALSE(CoseSign1::parse(cose_hex("8440a04040"), kCoseMax)->tagged);
  for (const std::string_view text : {
           "",                    // nothing
           "00",                  // an integer
           "a0",                  // a map
           "80",                  // an empty array
           "d28340a040",          // three elements
           "d28540a0404040",      // five
           "d18440a04040",        // tag 17
           "d903e68440a04040",    // tag 998
           "d2d28440a04040",      // tagged twice
           "d284a0a04040",        // protected map instead of bytes
           "d284f6a04040",        // protected null
           "d28441f6a04040",      // null inside the protected bytes
           "d2844180a04040",      // array inside
           "d28442a0a0a04040",    // two maps inside
           "d28441a1a04040",      // truncated map inside
           "d28442bfffa04040",    // indefinite map inside
           "d28440804040",        // unprotected array
           "d28440404040",        // unprotected bytes
           "d28440a06040",        // payload text
           "d28440a0a040",        // payload map
           "d28440a04060",        // signature text
           "d28440a040f6",        // signature null
           "d29f40a04040ff",      // indefinite array
           "d28440bfff4040",      // indefinite map
           "d284405f41a0ff4040",  // indefinite bytes
           "d28440a0404000",      // trailing byte
       }) {
    CHECK(parse_refused(text) == ErrorCode::kMalformed);
  }
}

TEST_CASE("cose: labels occur once, in one of both headers, and are integers or text") {
  CHECK(parse_refused("d28445a201270126a04040") == ErrorCode::kMalformed);
  CHECK(parse_refused("d28446a20127180126a04040") == ErrorCode::kMalformed);
  CHECK(parse_refused("d28440a20441040441054040") == ErrorCode::kMalformed);
  const auto across = CoseSign1::parse(cose_hex("d28443a10127a101264040"), kCoseMax);
  REQUIRE_FALSE(across.has_value());
  CHECK_THAT(across.error().message, ContainsSubstring("label 1"));
  CHECK(parse_refused("d28444a1616101a16161024040") == ErrorCode::kMalformed);
  CHECK(CoseSign1::parse(cose_hex("d28443a10127a16161014040"), kCoseMax).has_value());
  CHECK(parse_refused("d28440a14101014040") == ErrorCode::kMalformed);                // bytes label
  CHECK(parse_refused("d28440a11bffffffffffffffff014040") == ErrorCode::kMalformed);  // not int64
  CHECK(parse_refused("d28440a1f6014040") == ErrorCode::kMalformed);
}

TEST_CASE("cose: size and nesting are bounded") {
  CHECK(CoseSign1::parse(cose_hex("d28440a04040"), 5).error().code == ErrorCode::kTooLarge);
  CHECK(CoseSign1::parse(cose_hex("d28440a04040"), 6).has_value());
  CHECK(parse_refused("d2845bffffffffffffffff") == ErrorCode::kMalformed);
  CHECK(parse_refused("d2845a7fffffffa04040") == ErrorCode::kMalformed);
  Bytes deep = cose_hex("d28440a101");
  deep.insert(deep.end(), 100'000, std::uint8_t{0x81});
  append(deep, cose_hex("f64040"));
  CHECK(CoseSign1::parse(deep, kCoseMax).error().code == ErrorCode::kTooLarge);
  CborWriter header;
  header.map(1).integer(99);
  for (int i = 0; i < 100; ++i) header.array(1);
  header.null();
  const auto inside = CoseSign1::parse(
      cose_sign1_encode(header.data(), kEmptyMap, as_bytes("p"), Bytes(64, 0)), kCoseMax);
  CHECK(inside.error().code == ErrorCode::kTooLarge);
}

TEST_CASE("cose: headers are read by label and type") {
  const Bytes header = CborWriter()
                           .map(5)
                           .integer(1)
                           .integer(-7)
                           .integer(3)
                           .text("text/plain")
                           .integer(4)
                           .bytes(as_bytes("kid"))
                           .integer(-65537)
                           .tag(1)
                           .integer(5)
                           .text("named")
                           .boolean(true)
                           .take();
  const auto headers = cose_headers_decode(header).value();
  CHECK(headers.integer(1).value() == -7);
  CHECK(headers.text(3).value() == "text/plain");
  CHECK(as_text(headers.bytes(4).value().value()) == "kid");
  CHECK_FALSE(headers.integer(99).value().has_value());
  CHECK(hex_encode(headers.find(-65537).value()) == "c105");
  CHECK(hex_encode(headers.find("named").value()) == "f5");
  CHECK_FALSE(headers.find("other").has_value());
  const auto error = headers.integer(3).error();
  CHECK(error.code == ErrorCode::kMalformed);
  CHECK_THAT(error.message, ContainsSubstring("label 3") && ContainsSubstring("text string"));
  CHECK_FALSE(headers.bytes(1).has_value());
  CHECK_FALSE(headers.integer(-65537).has_value());
}

}  // namespace witan
