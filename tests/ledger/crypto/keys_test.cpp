// Keys and signatures: every algorithm there and back, the bindings that are refused, hostile PEM
// and DER.

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "ledger/crypto/private_key.h"
#include "ledger/crypto/public_key.h"
#include "ledger/encoding.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

struct PkeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Pkey = std::unique_ptr<EVP_PKEY, PkeyFree>;

Pkey rsa_key(unsigned int bits) {
  return Pkey(EVP_RSA_gen(bits));
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

std::string private_pem(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return bio_text(bio);
}

std::string public_pem(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PUBKEY(bio, key) == 1);
  return bio_text(bio);
}

std::string self_signed(EVP_PKEY* key, const EVP_MD* digest) {
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  REQUIRE(X509_sign(certificate, key, digest) > 0);
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_X509(bio, certificate) == 1);
  X509_free(certificate);
  return bio_text(bio);
}

struct Pair {
  PrivateKey key;
  Algorithm algorithm;
};

std::vector<Pair> one_key_of_each() {
  std::vector<Pair> out;
  for (const KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256, KeyKind::kP384, KeyKind::kP521}) {
    out.push_back({PrivateKey::generate(kind).value(), default_algorithm(kind)});
  }
  const std::string rsa = private_pem(rsa_key(2048).get());
  for (const Algorithm algorithm : {Algorithm::kPs256, Algorithm::kPs384, Algorithm::kPs512}) {
    out.push_back({PrivateKey::from_pem(rsa).value(), algorithm});
  }
  return out;
}

ErrorCode code_of(const Result<PublicKey>& key) {
  return key.error().code;
}
ErrorCode code_of(const Result<PrivateKey>& key) {
  return key.error().code;
}

}  // namespace

TEST_CASE("keys: what an algorithm signs verifies, and nothing else does") {
  const BytesView message = as_bytes("a message");
  for (const Pair& pair : one_key_of_each()) {
    INFO(to_string(pair.algorithm));
    const PublicKey& key = pair.key.public_key();
    const Bytes signature = pair.key.sign(pair.algorithm, message).value();
    CHECK(key.verify(pair.algorithm, message, signature).has_value());
    CHECK(key.verify(pair.algorithm, as_bytes("another"), signature).error().code ==
          ErrorCode::kBadSignature);
    for (std::size_t i = 0; i < signature.size(); ++i) {
      Bytes changed = signature;
      changed[i] ^= 0x01;
      REQUIRE(key.verify(pair.algorithm, message, changed).error().code ==
              ErrorCode::kBadSignature);
    }
    for (std::size_t size = 0; size < signature.size(); ++size) {
      REQUIRE(key.verify(pair.algorithm, message, BytesView(signature).first(size)).error().code ==
              ErrorCode::kBadSignature);
    }
    Bytes longer = signature;
    longer.push_back(0);
    CHECK(key.verify(pair.algorithm, message, longer).error().code == ErrorCode::kBadSignature);
    CHECK_FALSE(key.verify(pair.algorithm, message, Bytes(signature.size(), 0)).has_value());
    CHECK_FALSE(key.verify(pair.algorithm, message, Bytes(signature.size(), 0xff)).has_value());
    CHECK(pair.key.sign(pair.algorithm, {}).has_value());
  }
}

TEST_CASE("keys: an algorithm is bound to its kind of key") {
  const auto pairs = one_key_of_each();
  for (const Pair& pair : pairs) {
    for (const Pair& other : pairs) {
      if (accepts(other.algorithm, pair.key.public_key().kind())) continue;
      INFO(to_string(pair.algorithm) << " key, " << to_string(other.algorithm));
      CHECK(pair.key.sign(other.algorithm, {}).error().code == ErrorCode::kUnsupported);
      const Bytes signature = pair.key.sign(pair.algorithm, {}).value();
      CHECK(pair.key.public_key().verify(other.algorithm, {}, signature).error().code ==
            ErrorCode::kUnsupported);
    }
  }
}

TEST_CASE("keys: an ECDSA signature with r or s of zero, or at the order, is refused") {
  const auto key = PrivateKey::generate(KeyKind::kP256).value();
  const Bytes good = key.sign(Algorithm::kEs256, as_bytes("m")).value();
  const Bytes order =
      hex_decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").value();
  for (const std::size_t half : {0u, 32u}) {
    Bytes zero = good;
    std::fill_n(zero.begin() + static_cast<std::ptrdiff_t>(half), 32, std::uint8_t{0});
    CHECK_FALSE(key.public_key().verify(Algorithm::kEs256, as_bytes("m"), zero).has_value());
    Bytes at_order = good;
    std::copy(order.begin(), order.end(), at_order.begin() + static_cast<std::ptrdiff_t>(half));
    CHECK_FALSE(key.public_key().verify(Algorithm::kEs256, as_bytes("m"), at_order).has_value());
  }
}

TEST_CASE("keys: private keys survive PEM and the sealed form") {
  for (const Pair& pair : one_key_of_each()) {
    INFO(to_string(pair.algorithm));
    const auto kind = pair.key.public_key().kind();
    const auto from_pem = PrivateKey::from_pem(pair.key.to_pem());
    REQUIRE(from_pem.has_value());
    CHECK(from_pem->public_key() == pair.key.public_key());
    const Bytes secret = pair.key.to_secret();
    const auto from_secret = PrivateKey::from_secret(kind, secret);
    REQUIRE(from_secret.has_value());
    CHECK(from_secret->public_key() == pair.key.public_key());
    const Bytes signature = from_secret->sign(pair.algorithm, as_bytes("m")).value();
    CHECK(pair.key.public_key().verify(pair.algorithm, as_bytes("m"), signature).has_value());
    for (std::size_t size = 0; size < secret.size(); ++size) {
      REQUIRE_FALSE(PrivateKey::from_secret(kind, BytesView(secret).first(size)).has_value());
    }
    const KeyKind other = kind == KeyKind::kP384 ? KeyKind::kP256 : KeyKind::kP384;
    CHECK_FALSE(PrivateKey::from_secret(other, secret).has_value());
  }
}

TEST_CASE("keys: public keys survive SPKI, PEM and their raw parts") {
  for (const Pair& pair : one_key_of_each()) {
    const PublicKey& key = pair.key.public_key();
    INFO(to_string(key.kind()));
    CHECK(PublicKey::from_spki(key.spki()).value() == key);
    CHECK(PublicKey::from_pem(key.pem()).value() == key);
    const Bytes spki = key.spki();
    for (std::size_t size = 0; size < spki.size(); ++size) {
      REQUIRE_FALSE(PublicKey::from_spki(BytesView(spki).first(size)).has_value());
    }
    Bytes longer = spki;
    longer.push_back(0);
    CHECK(code_of(PublicKey::from_spki(longer)) == ErrorCode::kMalformed);
    if (key.kind() == KeyKind::kRsa) {
      CHECK(key.raw().empty());
      CHECK(PublicKey::from_rsa(key.rsa_n(), key.rsa_e()).value() == key);
      continue;
    }
    CHECK(key.rsa_n().empty());
    const Bytes raw = key.raw();
    if (key.kind() == KeyKind::kEd25519) {
      CHECK(PublicKey::from_ed25519(raw).value() == key);
      continue;
    }
    const BytesView x = BytesView(raw).first(raw.size() / 2);
    const BytesView y = BytesView(raw).last(raw.size() / 2);
    CHECK(PublicKey::from_ec(key.kind(), x, y).value() == key);
    const auto compressed = PublicKey::from_ec_compressed(key.kind(), x, (y.back() & 1) != 0);
    CHECK(compressed.value() == key);
    CHECK(compressed->spki() == spki);
    const auto mirrored = PublicKey::from_ec_compressed(key.kind(), x, (y.back() & 1) == 0);
    CHECK_FALSE(mirrored.value() == key);
    CHECK(code_of(PublicKey::from_ec(key.kind(), y, x)) == ErrorCode::kMalformed);
    CHECK(code_of(PublicKey::from_ec(key.kind(), x, y.first(y.size() - 1))) ==
          ErrorCode::kMalformed);
    CHECK_FALSE(PublicKey::from_ec(key.kind(), Bytes(x.size(), 0), Bytes(y.size(), 0)).has_value());
  }
}

TEST_CASE("keys: different keys are not equal") {
  const auto pairs = one_key_of_each();
  CHECK_FALSE(pairs[0].key.public_key() == pairs[1].key.public_key());
  CHECK_FALSE(PrivateKey::generate(KeyKind::kEd25519).value().public_key() ==
              pairs[0].key.public_key());
  CHECK_FALSE(PrivateKey::generate(KeyKind::kP256).value().public_key() ==
              pairs[1].key.public_key());
}

TEST_CASE("keys: a certificate gives its public key") {
  const auto ec = PrivateKey::generate(KeyKind::kP256).value();
  const std::string pem = ec.to_pem();
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  const Pkey pkey(PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  const std::string certificate = self_signed(pkey.get(), EVP_sha256());
  CHECK(PublicKey::from_pem(certificate).value() == ec.public_key());
  CHECK(PublicKey::from_pem("text before\n" + certificate + "text after").value() ==
        ec.public_key());
  CHECK(code_of(PrivateKey::from_pem(certificate)) == ErrorCode::kMalformed);
  CHECK(code_of(PublicKey::from_pem(pem)) == ErrorCode::kMalformed);
}

TEST_CASE("keys: RSA outside 2048 to 8192 bits and other curves are refused") {
  const auto small = rsa_key(1024);
  const auto error = PublicKey::from_pem(public_pem(small.get())).error();
  CHECK(error.code == ErrorCode::kUnsupported);
  CHECK_THAT(error.message, ContainsSubstring("1024") && ContainsSubstring("2048"));
  CHECK(code_of(PrivateKey::from_pem(private_pem(small.get()))) == ErrorCode::kUnsupported);
  const Bytes exponent = {1, 0, 1};
  const auto modulus = [](std::size_t bytes) {
    Bytes out(bytes, 0x5a);
    out.front() = 0x80;
    out.back() = 1;
    return out;
  };
  CHECK(PublicKey::from_rsa(modulus(1024), exponent).has_value());
  CHECK(code_of(PublicKey::from_rsa(modulus(1025), exponent)) == ErrorCode::kUnsupported);
  CHECK(code_of(PublicKey::from_rsa(modulus(1 << 20), exponent)) == ErrorCode::kMalformed);
  for (const Bytes& bad : {Bytes{}, Bytes{0, 1, 0, 1}, Bytes{1}, Bytes{4}, Bytes(9, 0xff)}) {
    CHECK(code_of(PublicKey::from_rsa(modulus(256), bad)) == ErrorCode::kMalformed);
  }
  Bytes even = modulus(256);
  even.back() = 0;
  CHECK(code_of(PublicKey::from_rsa(even, exponent)) == ErrorCode::kMalformed);

  const Pkey other_curve(EVP_EC_gen("secp256k1"));
  REQUIRE(other_curve != nullptr);
  const auto curve_error = PublicKey::from_pem(public_pem(other_curve.get())).error();
  CHECK(curve_error.code == ErrorCode::kUnsupported);
  CHECK_THAT(curve_error.message, ContainsSubstring("secp256k1"));
  CHECK(code_of(PrivateKey::from_pem(private_pem(other_curve.get()))) == ErrorCode::kUnsupported);
  const Pkey x25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  CHECK(code_of(PublicKey::from_pem(public_pem(x25519.get()))) == ErrorCode::kUnsupported);
  const Pkey ed448(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"));
  CHECK(PublicKey::from_pem(public_pem(ed448.get())).value().kind() == KeyKind::kEd448);
  CHECK(code_of(PrivateKey::from_pem(private_pem(ed448.get()))) == ErrorCode::kUnsupported);
  CHECK(code_of(PrivateKey::generate(KeyKind::kEd448)) == ErrorCode::kUnsupported);
  CHECK(code_of(PrivateKey::generate(KeyKind::kRsa)) == ErrorCode::kUnsupported);
}

TEST_CASE("keys: EC keys with explicit curve parameters are refused") {
  const Pkey key(EVP_EC_gen("P-256"));
  REQUIRE(EVP_PKEY_set_utf8_string_param(key.get(), "encoding", "explicit") == 1);
  CHECK(code_of(PublicKey::from_pem(public_pem(key.get()))) == ErrorCode::kUnsupported);
}

TEST_CASE("keys: an encrypted private key is refused without asking for a password") {
  const auto key = rsa_key(2048);
  const std::string password = "secret";
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio, key.get(), EVP_aes_128_cbc(), password.data(),
                                        static_cast<int>(password.size()), nullptr, nullptr) == 1);
  const auto pkcs8 = PrivateKey::from_pem(bio_text(bio)).error();
  CHECK(pkcs8.code == ErrorCode::kUnsupported);
  CHECK_THAT(pkcs8.message, ContainsSubstring("encrypted key"));
  bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PrivateKey_traditional(
              bio, key.get(), EVP_aes_128_cbc(),
              reinterpret_cast<const unsigned char*>(password.data()),
              static_cast<int>(password.size()), nullptr, nullptr) == 1);
  const auto traditional = PrivateKey::from_pem(bio_text(bio)).error();
  CHECK(traditional.code == ErrorCode::kUnsupported);
  CHECK_THAT(traditional.message, ContainsSubstring("encrypted key"));
}

TEST_CASE("keys: the older EC PRIVATE KEY form is read, with a parameter block before it") {
  const Pkey key(EVP_EC_gen("P-256"));
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PrivateKey_traditional(bio, key.get(), nullptr, nullptr, 0, nullptr,
                                               nullptr) == 1);
  const std::string pem = bio_text(bio);
  REQUIRE(pem.find("EC PRIVATE KEY") != std::string::npos);
  const auto expected = PublicKey::from_pem(public_pem(key.get())).value();
  CHECK(PrivateKey::from_pem(pem).value().public_key() == expected);
  const std::string parameters =
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  CHECK(PrivateKey::from_pem(parameters + pem).value().public_key() == expected);
}

TEST_CASE("keys: an EC private key with somebody else's public key is refused") {
  const auto first = PrivateKey::generate(KeyKind::kP256).value();
  const auto second = PrivateKey::generate(KeyKind::kP256).value();
  Bytes der = first.to_secret();
  const Bytes own = first.public_key().raw();
  const Bytes foreign = second.public_key().raw();
  const auto at = std::search(der.begin(), der.end(), own.begin(), own.end());
  REQUIRE(at != der.end());
  std::copy(foreign.begin(), foreign.end(), at);
  CHECK(code_of(PrivateKey::from_secret(KeyKind::kP256, der)) == ErrorCode::kMalformed);
}

TEST_CASE("keys: broken PEM is refused") {
  const std::string good = PrivateKey::generate(KeyKind::kP256).value().to_pem();
  for (std::size_t size = 0; size + 2 < good.size(); ++size) {
    REQUIRE_FALSE(PrivateKey::from_pem(good.substr(0, size)).has_value());
  }
  for (const std::string text :
       {"", "garbage", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"}) {
    CHECK_FALSE(PrivateKey::from_pem(text).has_value());
    CHECK_FALSE(PublicKey::from_pem(text).has_value());
  }
  CHECK(code_of(PublicKey::from_pem(std::string(2u << 20, 'A'))) == ErrorCode::kTooLarge);
}

TEST_CASE("keys: one public key verifies on many threads at once") {
  for (const Pair& pair : one_key_of_each()) {
    const Bytes signature = pair.key.sign(pair.algorithm, as_bytes("m")).value();
    std::vector<std::thread> threads;
    std::vector<int> verified(4, 0);
    for (int& count : verified) {
      threads.emplace_back([&, key = pair.key.public_key()] {
        for (int i = 0; i < 20; ++i) {
          count += key.verify(pair.algorithm, as_bytes("m"), signature).has_value() ? 1 : 0;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(verified == std::vector<int>(4, 20));
  }
}

TEST_CASE("keys: algorithm names and numbers there and back") {
  for (const Pair& pair : one_key_of_each()) {
    CHECK(algorithm_from_name(to_string(pair.algorithm)).value() == pair.algorithm);
    CHECK(algorithm_from_cose(static_cast<std::int64_t>(pair.algorithm)).value() == pair.algorithm);
  }
  CHECK(algorithm_from_name("es256").error().code == ErrorCode::kUnsupported);
  CHECK_THAT(algorithm_from_cose(-999).error().message, ContainsSubstring("-999"));
}

}  // namespace witan
