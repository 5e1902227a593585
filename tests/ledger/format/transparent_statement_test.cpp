// Statements together with their receipts, as they travel: production ones and those of another
// implementation.

#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "ledger/crypto/sha256.h"
#include "ledger/crypto/x509.h"
#include "ledger/encoding.h"
#include "ledger/format/receipt.h"
#include "ledger/format/statement.h"
#include "ledger/registration/did_x509.h"
#include "tests/ledger/format/statement_samples.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::test;

namespace {

constexpr std::size_t kTransparentMax = limits::kStatementBytesDefault;

std::vector<Certificate> chain_of(const Statement& statement) {
  std::vector<Certificate> chain;
  for (const BytesView der : statement.x5chain) chain.push_back(Certificate::from_der(der).value());
  return chain;
}

Hash32 tree_of(std::vector<Hash32> level) {
  while (level.size() > 1) {
    std::vector<Hash32> next;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) {
      next.push_back(node_hash(level[i], level[i + 1]));
    }
    level = std::move(next);
  }
  return level.front();
}

}  // namespace

TEST_CASE("transparent statement: the production statement verifies with its receipt") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "transparent statement vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto folder = *vectors / "scitt" / "ccf-golden";
  const auto expected = nlohmann::json::parse(read_file(folder / "derived-expected.json"));
  const auto statement = Statement::parse(file_bytes(folder / "uvm_0.2.10.cose"), kTransparentMax);
  REQUIRE(statement);
  CHECK(statement->algorithm == Algorithm::kPs384);
  CHECK(statement->issued_at_s == 1'766'437'887);
  REQUIRE(statement->hash_envelope);
  CHECK(statement->hash_envelope->hash_algorithm == -43);
  CHECK(statement->payload.size() == 48);
  CHECK(statement->canonical() == file_bytes(folder / "derived-statement-empty-uhdr.cose"));
  CHECK(nlohmann::json(hex_encode(statement->entry())) == expected["statement_sha256_data_hash"]);

  const auto chain = chain_of(*statement);
  const auto document = resolve_did_x509(statement->issuer, chain);
  REQUIRE(document);
  CHECK(statement->cose.verify(document->key));
  CHECK(equal(chain.front().fingerprint(HashFunction::kSha256), statement->x5t->hash));

  const auto receipts = statement->receipts();
  REQUIRE(receipts);
  REQUIRE(receipts->size() == 1);
  CHECK(receipts->front() == file_bytes(folder / "derived-receipt.cose"));
  const auto receipt = Receipt::parse(receipts->front());
  REQUIRE(receipt);
  const PublicKey key = PublicKey::from_pem(read_file(folder / "derived-service-key.pem")).value();
  const auto root = verify_inclusion_receipt(*receipt, statement->entry(), key);
  REQUIRE(root);
  CHECK(nlohmann::json(hex_encode(*root)) == expected["root"]);
  std::cout << "transparent statement vectors checked: 3\n";
}

TEST_CASE("transparent statement: signatures of the outside files with chains verify") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "x5chain vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  int checked = 0;
  for (const std::string name :
       {"cosesign1tool-scitt-a3be7e5", "cts-hashv-cwtclaims-b64url",
        "manifest.spdx.json.sha384.digest", "css-attested-cosesign1-20250925"}) {
    INFO(name);
    const Bytes bytes = file_bytes(*vectors / "scitt" / "ccf-payloads" / (name + ".cose"));
    const auto statement = Statement::parse(bytes, kTransparentMax, StatementProfile::kForeign);
    REQUIRE(statement);
    const auto chain = chain_of(*statement);
    REQUIRE(chain.size() >= 2);
    CHECK(verify_chain(chain, std::span(chain).last(1), {.time_s = {}, .exact = true}));
    CHECK(statement->cose.verify(chain.front().public_key()));
    CHECK_FALSE(statement->cose.verify(chain.back().public_key()));
    if (statement->issuer.starts_with(kDidX509Prefix)) {
      CHECK(resolve_did_x509(statement->issuer, chain));
    }
    if (name == "cts-hashv-cwtclaims-b64url") {
      // One old receipt, from before the format was settled.
      const auto receipts = statement->receipts();
      REQUIRE(receipts);
      REQUIRE(receipts->size() == 1);
      CHECK_FALSE(Receipt::parse(receipts->front()));
    }
    ++checked;
  }
  std::cout << "x5chain vectors checked: " << checked << "\n";
}

TEST_CASE("transparent statement: another implementation's sets give the results they state") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "scitt-cose vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto folder = *vectors / "scitt" / "scitt-cose-v1";
  const auto manifest = nlohmann::json::parse(read_file(folder / "manifest.json"));
  int checked = 0;
  for (const auto& item : manifest["vectors"]) {
    const std::string id = item["id"];
    INFO(id);
    const auto set = folder / id;
    const auto expected = nlohmann::json::parse(read_file(set / "expected.json"));
    const Bytes bytes = file_bytes(set / "statement.cose");
    const auto statement = Statement::parse(bytes, kTransparentMax, StatementProfile::kForeign);
    REQUIRE(statement);
    CHECK(nlohmann::json(statement->issuer) == expected["protected_header"]["statement"]["issuer"]);
    CHECK(static_cast<int>(statement->algorithm) ==
          expected["protected_header"]["statement"]["alg_code"]);
    std::string hex = read_file(set / "payload.hex");
    std::erase(hex, '\n');
    CHECK(hex_encode(statement->payload) == hex);
    CHECK(nlohmann::json(hex_encode(sha256(statement->payload))) == expected["payload_sha256"]);
    const PublicKey issuer = PublicKey::from_pem(read_file(set / "issuer-key.pem")).value();
    CHECK(nlohmann::json(statement->cose.verify(issuer).has_value()) ==
          expected["statement_signature_valid"]);

    CHECK(nlohmann::json(hex_encode(statement->entry())) == expected["leaf_entry"]);
    CHECK(sha256(bytes) == statement->entry());
    const auto receipt = Receipt::parse(file_bytes(set / "receipt.cose"));
    REQUIRE(receipt);
    CHECK(nlohmann::json(receipt->vds) == expected["protected_header"]["receipt"]["vds"]);
    const PublicKey log = PublicKey::from_pem(read_file(set / "log-key.pem")).value();
    const auto root = verify_inclusion_receipt(*receipt, statement->entry(), log);
    CHECK(nlohmann::json(root.has_value()) == expected["receipt_valid"]);
    REQUIRE(root);
    CHECK(nlohmann::json(hex_encode(*root)) == expected["reconstructed_root"]);
    if (receipt->vds == 1) {
      const InclusionProof& proof = receipt->inclusion.at(0);
      CHECK(nlohmann::json(proof.size.value) == expected["tree_size"]);
      CHECK(nlohmann::json(proof.index.value) == expected["leaf_index"]);
      std::vector<Hash32> leaves;
      for (int i = 0; i < 8; ++i) {
        const std::string filler =
            "scitt-cose test vectors v1 :: " + id + " :: filler leaf " + std::to_string(i);
        leaves.push_back(leaf_hash(i == 2 ? statement->entry() : sha256(as_bytes(filler))));
      }
      CHECK(tree_of(leaves) == *root);
    }
    ++checked;
  }
  CHECK(checked == 4);
  std::cout << "scitt-cose vectors checked: " << checked << "\n";
}

TEST_CASE("transparent statement: a made one carries its receipt and verifies as one file") {
  const PrivateKey issuer = make_key();
  const PrivateKey log = make_key(KeyKind::kP256);
  const Statement statement =
      Statement::parse(make_statement(sample_request(), issuer).value(), kTransparentMax).value();
  const Bytes head = cose_head_protected({.kid = cose_key_thumbprint(log.public_key()),
                                          .issuer = "https://log",
                                          .origin = "log",
                                          .time_s = 1,
                                          .size = TreeSize{1}});
  const Hash32 root = leaf_hash(statement.entry());
  const Bytes signature = log.sign(Algorithm::kEs256, cose_to_be_signed(head, root)).value();
  const Bytes receipt =
      encode_inclusion_receipt(head, signature, {TreeSize{1}, LeafIndex{0}, {}}, std::nullopt);
  const Bytes file = embed_receipts(statement, {receipt});
  const Statement read = Statement::parse(file, kTransparentMax).value();
  CHECK(read.cose.verify(issuer.public_key()));
  const auto found = Receipt::parse(read.receipts().value().at(0));
  REQUIRE(found);
  CHECK(verify_inclusion_receipt(*found, read.entry(), log.public_key()) == root);
}
