#include "ledger/registration/did_x509.h"

#include <iostream>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "ledger/encoding.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

using namespace witan;
using namespace witan::test;

namespace {

constexpr std::string_view kFingerprint = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

std::string did(std::string_view predicates) {
  return "did:x509:0:sha256:" + std::string(kFingerprint) + std::string(predicates);
}

nlohmann::json jwk_of(const PublicKey& key) {
  const std::map<KeyKind, std::string> curves{
      {KeyKind::kP256, "P-256"}, {KeyKind::kP384, "P-384"}, {KeyKind::kP521, "P-521"}};
  const Bytes raw = key.raw();
  const BytesView view(raw);
  return {{"kty", "EC"},
          {"crv", curves.at(key.kind())},
          {"x", base64url_encode(view.first(raw.size() / 2))},
          {"y", base64url_encode(view.last(raw.size() / 2))}};
}

// What the vector's error text says, in terms of our message.
bool same_reason(const std::string& theirs, const std::string& ours) {
  static const std::map<std::string, std::string> words{
      {"path length", "path length"},
      {"permitted subtree", "permitted subtree"},
      {"excluded subtree", "excluded subtree"},
      {"unhandled critical", "unhandled critical"},
      {"signature failure", "signature failure"},
      {"at least two", "at least 2"},
      {"duplicate attributes", "twice"},
      {"duplicate fields", "twice"},
      {"unsupported SAN type", "SAN that is no"},
      {"fingerprint does not match", "fingerprint of the DID"},
      {"key usage", "key usage"},
      {"paths", "path"},
      {"queries", "query"},
      {"prefix", "prefix"},
      {"at least one predicate", "no predicate"},
      {"Fingerprint algorithm", "expected the hash"},
      {"unknown predicate", "unknown predicate"},
      {"unknown key", "unknown key"},
      {"key-value pairs", "key-value pairs"},
      {"one type and value", "one type"},
  };
  for (const auto& [their, our] : words) {
    if (theirs.find(their) != std::string::npos) return ours.find(our) != std::string::npos;
  }
  return true;
}

}  // namespace

TEST_CASE("did:x509: a DID is taken apart") {
  const auto parsed = DidX509::parse(
      did("::subject:CN:A%20B:1.2.3:x::san:uri:https%3A%2F%2Fa::eku:1.3.6::fulcio-issuer:host") +
      "#0/x?y");
  REQUIRE(parsed);
  CHECK(parsed->id.ends_with("fulcio-issuer:host"));
  REQUIRE(parsed->predicates.size() == 4);
  CHECK(std::get<DidX509::Subject>(parsed->predicates[0]).attributes[0].second == "A B");
  CHECK(std::get<SubjectAltName>(parsed->predicates[1]).value == "https://a");
  CHECK(std::get<DidX509::Eku>(parsed->predicates[2]).oid == "1.3.6");
  CHECK(std::get<DidX509::FulcioIssuer>(parsed->predicates[3]).host == "host");
}

TEST_CASE("did:x509: DIDs of other shapes are refused") {
  for (const std::string& text :
       {std::string(),
        std::string("did:web:example.com"),
        std::string("did:x509:"),
        std::string("did:x509:1:sha256:") + std::string(kFingerprint) + "::eku:1.2",
        std::string("did:x509:0:sha1:") + std::string(kFingerprint) + "::eku:1.2",
        std::string("did:x509:0:sha384:") + std::string(kFingerprint) + "::eku:1.2",
        std::string("did:x509:0:sha256:AAAA::eku:1.2"),
        did(""),
        did("::"),
        did("::eku"),
        did("::eku:"),
        did("::eku:1..2"),
        did("::eku:x"),
        did("::eku:1.2:3"),
        did("::eku:1.2::"),
        did("::subject:CN"),
        did("::subject:CN:"),
        did("::subject:CN:a:CN:b"),
        did("::subject:DC:a"),
        did("::subject:CN:a b"),
        did("::subject:CN:%4"),
        did("::subject:CN:%zz"),
        did("::subject:CN:%ff"),
        did("::san:ip:1"),
        did("::san:uri"),
        did("::san:uri:a:b"),
        did("::fulcio-issuer:a:b"),
        did("::fulcio-issuer:"),
        did("::eku:1.2/path"),
        did("::eku:1.2?query"),
        did(":::eku:1.2")}) {
    INFO(text);
    CHECK_FALSE(DidX509::parse(text));
  }
}

TEST_CASE("did:x509: a DID has a limited number of predicates") {
  std::string predicates;
  for (std::size_t i = 0; i < kDidX509PredicatesMax; ++i) predicates += "::eku:1.2";
  CHECK(DidX509::parse(did(predicates)));
  const auto parsed = DidX509::parse(did(predicates + "::eku:1.2"));
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == ErrorCode::kMalformed);
}

TEST_CASE("did:x509: the method's own vectors resolve, or are refused for the same reason") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "did:x509 vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto cases =
      nlohmann::json::parse(read_file(*vectors / "scitt" / "didx509" / "test-vectors.json"));
  int checked = 0;
  for (const auto& item : cases) {
    INFO(item["id"]);
    std::vector<Certificate> chain;
    for (const auto& encoded : item["input"]["chain"]) {
      const Bytes der = base64url_decode(encoded.get<std::string>()).value();
      const auto certificate = Certificate::from_der(der);
      REQUIRE(certificate);
      chain.push_back(*certificate);
    }
    const auto document = resolve_did_x509(item["input"]["did"].get<std::string>(), chain);
    const auto& output = item["output"];
    ++checked;
    if (output.contains("error")) {
      REQUIRE_FALSE(document);
      INFO(output["error"] << " / " << document.error().message);
      CHECK(same_reason(output["error"].get<std::string>(), document.error().message));
      continue;
    }
    REQUIRE(document);
    const auto& wanted = output["document"];
    CHECK(nlohmann::json(document->id) == wanted["id"]);
    CHECK(jwk_of(document->key) == wanted["verificationMethod"][0]["publicKeyJwk"]);
    CHECK(document->assertion == wanted.contains("assertionMethod"));
    CHECK(document->key_agreement == wanted.contains("keyAgreement"));
  }
  CHECK(checked == 58);
  std::cout << "did:x509 vectors checked: " << checked << "\n";
}

TEST_CASE("did:x509: a real code signing chain resolves by its root, not by its leaf") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "did:x509 chain skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto chain =
      Certificate::from_pem(read_file(*vectors / "scitt" / "didx509" / "ms-code-signing.pem"));
  REQUIRE(chain);
  REQUIRE(chain->size() == 3);
  const auto by = [&](const Certificate& pinned, std::string_view predicate) {
    return resolve_did_x509(
        "did:x509:0:sha384:" + base64url_encode(pinned.fingerprint(HashFunction::kSha384)) +
            std::string(predicate),
        *chain);
  };
  CHECK(by(chain->at(2), "::eku:1.3.6.1.4.1.311.10.3.21"));
  CHECK(by(chain->at(1), "::subject:O:Microsoft%20Corporation:CN:Microsoft%20Corporation"));
  CHECK_FALSE(by(chain->at(0), "::eku:1.3.6.1.4.1.311.10.3.21"));
  CHECK_FALSE(by(chain->at(2), "::eku:1.2.3"));
  // Its validity is over at some time, and the caller may want to know.
  const std::string did_text =
      "did:x509:0:sha256:" + base64url_encode(chain->at(2).fingerprint(HashFunction::kSha256)) +
      "::eku:1.3.6.1.4.1.311.10.3.21";
  CHECK_FALSE(resolve_did_x509(did_text, *chain, 4'000'000'000));
  std::cout << "did:x509 chains checked: 1\n";
}
