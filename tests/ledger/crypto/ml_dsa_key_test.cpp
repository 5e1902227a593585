#include "ledger/crypto/ml_dsa_key.h"

#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "ledger/encoding.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

Bytes ml_dsa_seed(std::uint8_t first) {
  return Bytes(kMlDsa44SeedBytes, first);
}

class Shake128 {
 public:
  Shake128() { REQUIRE(EVP_DigestInit_ex(context_.get(), EVP_shake128(), nullptr) == 1); }
  void absorb(BytesView bytes) {
    REQUIRE(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  Bytes squeeze(std::size_t count) {
    Bytes out(count);
    REQUIRE(EVP_DigestFinalXOF(context_.get(), out.data(), out.size()) == 1);
    return out;
  }

 private:
  struct FreeDigest {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context_{EVP_MD_CTX_new()};
};

TEST_CASE("ML-DSA: a build without it makes no key, and says what is needed") {
  if (ml_dsa_available()) return;
  const auto key = MlDsa44Key::from_seed(ml_dsa_seed(1));
  REQUIRE_FALSE(key);
  CHECK(key.error().code == ErrorCode::kUnsupported);
  CHECK_THAT(key.error().message, ContainsSubstring("OpenSSL 3.5"));
  std::cout << "ML-DSA signing skipped: this OpenSSL has none\n";
}

TEST_CASE("ML-DSA: what a key signs verifies under it only, and differs each time") {
  if (!ml_dsa_available()) return;
  const auto key = MlDsa44Key::from_seed(ml_dsa_seed(1));
  REQUIRE(key);
  REQUIRE(key->public_key().size() == kMlDsa44KeyBytes);
  CHECK(MlDsa44Key::from_seed(ml_dsa_seed(1))->public_key() == key->public_key());
  const auto other = MlDsa44Key::from_seed(ml_dsa_seed(2));
  REQUIRE(other->public_key() != key->public_key());
  for (const std::string message : {"", "message"}) {
    const auto signature = key->sign(as_bytes(message));
    REQUIRE(signature);
    REQUIRE(signature->size() == kMlDsa44SignatureBytes);
    CHECK(ml_dsa_44_verify(key->public_key(), as_bytes(message), *signature));
    CHECK_FALSE(ml_dsa_44_verify(other->public_key(), as_bytes(message), *signature));
    CHECK_FALSE(ml_dsa_44_verify(key->public_key(), as_bytes(message + "x"), *signature));
    CHECK(*key->sign(as_bytes(message)) != *signature);  // hedged
    CHECK(*key->sign_deterministic(as_bytes(message)) ==
          *key->sign_deterministic(as_bytes(message)));
  }
  for (const std::size_t size : {0u, 31u, 33u, 64u}) {
    CHECK(MlDsa44Key::from_seed(Bytes(size)).error().code == ErrorCode::kMalformed);
  }
}

TEST_CASE("ML-DSA: keys and deterministic signatures of 100 seeds are those of the vectors") {
  const auto dir = test::vectors_dir();
  if (!dir || !ml_dsa_available()) {
    std::cout << "ML-DSA vectors skipped: "
              << (dir ? "this OpenSSL has none" : "WITAN_VECTORS is not set") << "\n";
    return;
  }
  const auto vectors =
      nlohmann::json::parse(test::read_file(*dir / "tlog/crypto/mldsa44-accumulated.json"));
  constexpr std::size_t kSeeds = 100;
  Shake128 seeds;
  const Bytes stream = seeds.squeeze(kSeeds * kMlDsa44SeedBytes);
  Shake128 seen;
  for (std::size_t i = 0; i < kSeeds; ++i) {
    const auto key =
        MlDsa44Key::from_seed(BytesView(stream).subspan(i * kMlDsa44SeedBytes, kMlDsa44SeedBytes));
    REQUIRE(key);
    seen.absorb(key->public_key());
    const auto signature = key->sign_deterministic({});
    REQUIRE(signature);
    seen.absorb(*signature);
  }
  CHECK(hex_encode(seen.squeeze(32)) == vectors["sha"]["100"].get<std::string>());
  std::cout << "ML-DSA seeds checked: " << kSeeds << "\n";
}

}  // namespace
}  // namespace witan
