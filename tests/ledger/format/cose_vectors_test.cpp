// COSE_Sign1 of other people: the COSE working group's examples, documents of other systems.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/cose.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

constexpr std::size_t kVectorMax = limits::kStatementBytesDefault;

Bytes lower_hex(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return hex_decode(lower).value();
}

// A JSON Web Key of the examples: base64url coordinates without padding to the curve's size, or
// hex.
PublicKey jwk(const nlohmann::json& key) {
  const auto curve = key.at("crv").get<std::string>();
  if (curve == "Ed25519")
    return PublicKey::from_ed25519(lower_hex(key.at("x_hex").get<std::string>())).value();
  if (curve == "Ed448")
    return PublicKey::from_ed448(lower_hex(key.at("x_hex").get<std::string>())).value();
  const KeyKind kind = curve == "P-256"   ? KeyKind::kP256
                       : curve == "P-384" ? KeyKind::kP384
                                          : KeyKind::kP521;
  const std::size_t size = kind == KeyKind::kP256 ? 32 : kind == KeyKind::kP384 ? 48 : 66;
  const auto coordinate = [&](const char* name) {
    Bytes out = base64url_decode(key.at(name).get<std::string>()).value();
    out.insert(out.begin(), size - out.size(), std::uint8_t{0});
    return out;
  };
  return PublicKey::from_ec(kind, coordinate("x"), coordinate("y")).value();
}

}  // namespace

TEST_CASE("cose: the examples of the COSE working group") {
  const auto vectors = test::vectors_dir();
  if (!vectors) {
    std::cout << "cose-wg vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  std::size_t checked = 0;
  for (const char* name :
       {"ecdsa-sig-01", "ecdsa-sig-02", "ecdsa-sig-03", "ecdsa-sig-04", "eddsa-sig-01",
        "eddsa-sig-02", "sign-fail-01", "sign-fail-02", "sign-fail-03", "sign-fail-04",
        "sign-fail-06", "sign-fail-07", "sign-pass-01", "sign-pass-02", "sign-pass-03"}) {
    INFO(name);
    const std::string file = std::string(name) + ".json";
    const auto json = nlohmann::json::parse(test::read_file(*vectors / "scitt/cose-wg" / file));
    const auto& input = json.at("input").at("sign0");
    const PublicKey key = jwk(input.at("key"));
    const Bytes encoded = lower_hex(json.at("output").at("cbor").get<std::string>());
    const Bytes signed_bytes =
        lower_hex(json.at("intermediates").at("ToBeSign_hex").get<std::string>());
    const auto message = CoseSign1::parse(encoded, kVectorMax);
    const std::string_view id(name);
    ++checked;
    if (json.value("fail", false)) {
      CHECK_FALSE((message && message->verify(key).has_value()));
      continue;
    }
    REQUIRE(message.has_value());
    CHECK(message->tagged == (id != "sign-pass-03"));
    if (id == "ecdsa-sig-04") {
      // Its authors verify SHA-512 on P-256; here ES512 belongs to P-521.
      CHECK(message->verify(key).error().code == ErrorCode::kUnsupported);
    } else if (id == "sign-pass-01") {
      // The algorithm is unprotected: refused, though the bytes signed are the same.
      CHECK(message->verify(key).error().code == ErrorCode::kMalformed);
      CHECK(cose_to_be_signed(message->protected_bytes, *message->payload) == signed_bytes);
      CHECK(key.verify(Algorithm::kEs256, signed_bytes, message->signature).has_value());
    } else if (id == "sign-pass-02") {
      const Bytes external = lower_hex(input.at("external").get<std::string>());
      CHECK(message->verify(key, std::nullopt, external).has_value());
      CHECK(message->verify(key).error().code == ErrorCode::kBadSignature);
      CHECK(cose_to_be_signed(message->protected_bytes, *message->payload, external) ==
            signed_bytes);
    } else {
      CHECK(message->verify(key).has_value());
      CHECK(cose_to_be_signed(message->protected_bytes, *message->payload) == signed_bytes);
    }
  }
  std::cout << "cose-wg vectors checked: " << checked << "\n";
}

TEST_CASE("cose: documents of other systems parse and encode to the same bytes") {
  const auto vectors = test::vectors_dir();
  if (!vectors) {
    std::cout << "COSE documents skipped: WITAN_VECTORS is not set\n";
    return;
  }
  std::size_t checked = 0;
  std::size_t untagged = 0;
  for (const char* folder : {"scitt", "attestation"}) {
    for (const auto& file : std::filesystem::recursive_directory_iterator(*vectors / folder)) {
      if (file.path().extension() != ".cose") continue;
      INFO(file.path().string());
      const std::string content = test::read_file(file.path());
      const auto message = CoseSign1::parse(as_bytes(content), kVectorMax);
      REQUIRE(message.has_value());
      CHECK(message->algorithm().has_value());
      CHECK(cbor_diagnostic(as_bytes(content)).has_value());
      if (message->tagged) {
        CHECK(cose_sign1_encode(message->protected_bytes, message->unprotected_bytes,
                                message->payload,
                                message->signature) == to_bytes(as_bytes(content)));
      } else {
        ++untagged;
      }
      ++checked;
    }
  }
  CHECK(checked > 20);
  CHECK(untagged > 0);  // AWS Nitro
  std::cout << "COSE documents checked: " << checked << "\n";
}

TEST_CASE("cose: statements and receipts of another implementation verify under their keys") {
  const auto vectors = test::vectors_dir();
  if (!vectors) {
    std::cout << "scitt-cose vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  std::size_t checked = 0;
  const auto folder = *vectors / "scitt/scitt-cose-v1";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_directory()) continue;
    INFO(entry.path().string());
    const std::string content = test::read_file(entry.path() / "statement.cose");
    const auto message = CoseSign1::parse(as_bytes(content), kVectorMax).value();
    const auto key = PublicKey::from_pem(test::read_file(entry.path() / "issuer-key.pem")).value();
    const bool expect_valid =
        entry.path().filename().string().find("bad-statement-sig") == std::string::npos;
    CHECK(message.verify(key).has_value() == expect_valid);
    ++checked;
  }
  CHECK(checked >= 4);
  std::cout << "scitt-cose statements checked: " << checked << "\n";
}

}  // namespace witan
