// Ed25519 where verifiers differ: points of low order, other encodings, S out of range.

#include <iostream>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "ledger/crypto/public_key.h"
#include "ledger/encoding.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {

TEST_CASE("keys: Ed25519 keys and signatures of low order or other encodings are refused") {
  // RFC 8032 section 7.1, test 1.
  const auto key = PublicKey::from_ed25519(
      hex_decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").value());
  const Bytes signature =
      hex_decode(
          "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e397"
          "01cf9b46bd25bf5f0595bbe24655141438e7a100b")
          .value();
  CHECK(key->verify(Algorithm::kEdDsa, {}, signature).has_value());
  // S + L signs the same for a verifier that does not check its range.
  Bytes shifted = signature;
  const Bytes order =
      hex_decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").value();
  unsigned int carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += shifted[32 + i] + order[i];
    shifted[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  CHECK_FALSE(key->verify(Algorithm::kEdDsa, {}, shifted).has_value());
  const auto neutral = PublicKey::from_ed25519(hex_decode("01" + std::string(62, '0')).value());
  const Bytes trivial = hex_decode("01" + std::string(126, '0')).value();
  CHECK_FALSE(neutral->verify(Algorithm::kEdDsa, as_bytes("anything"), trivial).has_value());

  const auto vectors = test::vectors_dir();
  if (!vectors) {
    std::cout << "ed25519 vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto cases =
      nlohmann::json::parse(test::read_file(*vectors / "tlog/crypto/ed25519vectors.json"));
  const std::set<std::string> refused = {"low_order_A", "low_order_R", "non_canonical_A",
                                         "non_canonical_R", "low_order_residue"};
  std::size_t accepted = 0;
  for (const auto& one : cases) {
    INFO("vector " << one.at("number"));
    bool expect_refused = false;
    for (const auto& flag : one.at("flags")) {
      expect_refused = expect_refused || refused.count(flag.get<std::string>()) > 0;
    }
    const auto vector_key =
        PublicKey::from_ed25519(hex_decode(one.at("key").get<std::string>()).value());
    const auto message = one.at("msg").get<std::string>();
    const bool verified = vector_key
                              ->verify(Algorithm::kEdDsa, as_bytes(message),
                                       hex_decode(one.at("sig").get<std::string>()).value())
                              .has_value();
    CHECK(verified == !expect_refused);
    accepted += verified ? 1 : 0;
  }
  CHECK(accepted > 0);
  std::cout << "ed25519 vectors checked: " << cases.size() << " (" << accepted << " verify)\n";
}

}  // namespace witan
