#include "ledger/crypto/x509.h"

#include <string>
#include <vector>

#include "config/limits.h"
#include "ledger/crypto/secret.h"
#include "tests/ledger/registration/certificate_maker.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::test;

namespace {

using Chain = std::vector<Certificate>;

std::string why(const Chain& chain, const Chain& anchors, const ChainOptions& options = {}) {
  const auto verified = verify_chain(chain, anchors, options);
  if (verified) return "";
  CHECK(verified.error().code == ErrorCode::kBadIdentity);
  return verified.error().message;
}

}  // namespace

TEST_CASE("x509: a chain leads to its root, to its intermediate, or to the leaf itself") {
  init_crypto();
  const TestChain chain;
  CHECK(why(chain.all(), {chain.root}).empty());
  CHECK(why({chain.leaf, chain.middle}, {chain.root}).empty());
  CHECK(why({chain.leaf}, {chain.middle}).empty());
  CHECK(why({chain.leaf, chain.middle}, {chain.middle}).empty());
  CHECK(why({chain.leaf}, {chain.leaf}).empty());
  CHECK_FALSE(why({chain.leaf}, {chain.root}).empty());
  CHECK_FALSE(why(chain.all(), {}).empty());
  CHECK_FALSE(why({}, {chain.root}).empty());
  const TestChain other;
  CHECK_FALSE(why(chain.all(), {other.root}).empty());
  CHECK_FALSE(why({chain.leaf, other.middle}, {chain.root}).empty());
  CHECK_THAT(why({chain.leaf, chain.middle, chain.root, other.root}, {chain.root},
                 {.time_s = {}, .exact = true}),
             ContainsSubstring("not the validated path"));
}

TEST_CASE("x509: validity periods count only at a given time") {
  init_crypto();
  const TestChain chain({.name = "Leaf",
                         .extensions = {},
                         .not_before_s = 1'750'000'000,
                         .not_after_s = 1'751'000'000});
  CHECK(why(chain.all(), {chain.root}).empty());
  CHECK(why(chain.all(), {chain.root}, {.time_s = 1'750'500'000}).empty());
  CHECK_THAT(why(chain.all(), {chain.root}, {.time_s = 1'749'999'999}),
             ContainsSubstring("not yet valid"));
  CHECK_THAT(why(chain.all(), {chain.root}, {.time_s = 1'751'000'001}),
             ContainsSubstring("expired"));
}

TEST_CASE("x509: issuers must be CAs, and unknown critical extensions are refused") {
  init_crypto();
  TestChain chain;
  const Certificate no_ca =
      make_certificate({.name = "Middle"}, chain.middle_key, "Root", chain.root_key);
  CHECK_FALSE(why({chain.leaf, no_ca}, {chain.root}).empty());
  const Certificate only_usage =
      make_certificate({.name = "Middle", .extensions = {{"keyUsage", "critical,keyCertSign"}}},
                       chain.middle_key, "Root", chain.root_key);
  CHECK_FALSE(why({chain.leaf, only_usage}, {chain.root}).empty());
  const Certificate flat_root = make_certificate(
      {.name = "Root", .extensions = {{"basicConstraints", "critical,CA:TRUE,pathlen:0"}}},
      chain.root_key, "Root", chain.root_key);
  CHECK_THAT(why(chain.all(), {flat_root}), ContainsSubstring("path length"));
  const TestChain critical(
      {.name = "Leaf", .extensions = {{"1.2.3.4", "critical,ASN1:UTF8String:x"}}});
  CHECK_THAT(why(critical.all(), {critical.root}), ContainsSubstring("critical extension"));
  const Chain long_chain(limits::kCertificatesMax + 1, chain.leaf);
  CHECK_THAT(why(long_chain, {chain.root}), ContainsSubstring("limit"));
}

TEST_CASE("x509: fields of a leaf") {
  init_crypto();
  const TestChain chain(
      {.name = "Lëaf",
       .extensions = {{"subjectAltName", "URI:https://a/b,email:a@b.c,DNS:d.e,IP:127.0.0.1"},
                      {"extendedKeyUsage", "codeSigning,1.2.3"},
                      {"keyUsage", "digitalSignature"},
                      {"1.3.6.1.4.1.57264.1.8", "ASN1:UTF8String:https://issuer"}}});
  const auto names = chain.leaf.subject_alt_names().value();
  REQUIRE(names.size() == 4);
  CHECK(names[0] == SubjectAltName{SubjectAltName::Type::kUri, "https://a/b"});
  CHECK(names[1] == SubjectAltName{SubjectAltName::Type::kEmail, "a@b.c"});
  CHECK(names[2] == SubjectAltName{SubjectAltName::Type::kDns, "d.e"});
  CHECK(names[3].type == SubjectAltName::Type::kOther);
  CHECK(chain.leaf.extended_key_usage() == std::vector<std::string>{"1.3.6.1.5.5.7.3.3", "1.2.3"});
  CHECK(chain.leaf.key_usage().digital_signature);
  CHECK_FALSE(chain.leaf.key_usage().key_agreement);
  CHECK(chain.leaf.fulcio_issuer().value() == "https://issuer");
  CHECK(chain.leaf.subject().value() ==
        std::vector<std::pair<std::string, std::string>>{{"CN", "Lëaf"}});
  CHECK(chain.leaf.public_key() == chain.leaf_key.public_key());
  CHECK_FALSE(chain.middle.extended_key_usage());
  CHECK_FALSE(chain.middle.fulcio_issuer().value());
  const TestChain bad({.name = "L", .extensions = {{"1.3.6.1.4.1.57264.1.8", "DER:0404"}}});
  CHECK_FALSE(bad.leaf.fulcio_issuer());
}

TEST_CASE("x509: other bytes than one certificate are refused") {
  init_crypto();
  const TestChain chain;
  const Bytes der = to_bytes(chain.leaf.der());
  for (std::size_t size = 0; size < der.size(); ++size) {
    CHECK_FALSE(Certificate::from_der(BytesView(der).first(size)));
  }
  Bytes trailing = der;
  trailing.push_back(0);
  CHECK(Certificate::from_der(trailing).error().code == ErrorCode::kMalformed);
  CHECK(Certificate::from_der(Bytes(limits::kCertificateBytesMax + 1)).error().code ==
        ErrorCode::kTooLarge);
  for (std::size_t i = 0; i < der.size(); ++i) {
    Bytes changed = der;
    changed[i] ^= 0x20;
    const auto parsed = Certificate::from_der(changed);
    if (parsed) CHECK_FALSE(verify_chain(Chain{*parsed}, Chain{chain.middle}, {}));
  }
}

TEST_CASE("x509: PEM holds one certificate or several, and nothing that cannot be read") {
  init_crypto();
  const TestChain chain;
  const std::string pem = "a comment\n" + pem_of(chain.leaf) + "\n" + pem_of(chain.root);
  const auto read = Certificate::from_pem(pem);
  REQUIRE(read);
  CHECK(*read == Chain{chain.leaf, chain.root});
  CHECK_FALSE(Certificate::from_pem(""));
  CHECK_FALSE(Certificate::from_pem(chain.leaf_key.public_key().pem()));
  std::string broken = pem_of(chain.leaf);
  broken.replace(60, 4, "!!!!");
  CHECK_FALSE(Certificate::from_pem(broken));
  std::string many;
  for (std::size_t i = 0; i <= limits::kCertificatesMax; ++i) many += pem_of(chain.root);
  CHECK(Certificate::from_pem(many).error().code == ErrorCode::kTooLarge);
}
