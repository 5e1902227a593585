#include "ledger/format/ccf_receipt.h"

#include <iostream>

#include <nlohmann/json.hpp>

#include "ledger/crypto/sha256.h"
#include "ledger/crypto/x509.h"
#include "ledger/encoding.h"
#include "ledger/format/statement.h"
#include "tests/ledger/format/statement_samples.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::test;

namespace {

CcfProof sample_proof(const Hash32& data_hash, std::size_t steps = 3) {
  CcfProof proof;
  proof.tx_hash = sha256(as_bytes("tx"));
  proof.evidence = "ce:2.19:abc";
  proof.data_hash = data_hash;
  for (std::size_t i = 0; i < steps; ++i) {
    proof.path.push_back({i % 2 == 0, sha256(as_bytes(std::to_string(i)))});
  }
  return proof;
}

// A vds 2 receipt with this encoded proof, signed over `root`.
Bytes ccf_receipt(const PrivateKey& key, BytesView proof, const Hash32& root,
                  std::int64_t kind = -1) {
  const Bytes header =
      CborWriter()
          .map(2)
          .integer(1)
          .integer(static_cast<std::int64_t>(default_algorithm(key.public_key().kind())))
          .integer(395)
          .integer(2)
          .take();
  const Bytes unprotected =
      CborWriter().map(1).integer(396).map(1).integer(kind).array(1).bytes(proof).take();
  const Bytes signature =
      key.sign(default_algorithm(key.public_key().kind()), cose_to_be_signed(header, root)).value();
  return cose_sign1_encode(header, unprotected, std::nullopt, signature);
}

}  // namespace

TEST_CASE("CCF receipt: a proof is written, read and leads to its root without prefixes") {
  const Hash32 data = sha256(as_bytes("statement"));
  const CcfProof proof = sample_proof(data, 1);
  const auto read = parse_ccf_proof(encode_ccf_proof(proof));
  REQUIRE(read);
  CHECK(encode_ccf_proof(*read) == encode_ccf_proof(proof));
  const Hash32 leaf = sha256({proof.tx_hash, sha256(as_bytes(proof.evidence)), data});
  CHECK(ccf_root(*read) == sha256({proof.path[0].hash, leaf}));

  const PrivateKey key = make_key(KeyKind::kP384);
  const Bytes bytes = ccf_receipt(key, encode_ccf_proof(proof), ccf_root(proof));
  const auto receipt = Receipt::parse(bytes);
  REQUIRE(receipt);
  CHECK(verify_inclusion_receipt(*receipt, data, key.public_key()) == ccf_root(proof));
  CHECK(verify_inclusion_receipt(*receipt, sha256(as_bytes("other")), key.public_key())
            .error()
            .code == ErrorCode::kBadProof);
  CHECK(verify_inclusion_receipt(*receipt, data, make_key(KeyKind::kP384).public_key())
            .error()
            .code == ErrorCode::kBadSignature);
  CHECK_FALSE(verify_consistency_receipt(*receipt, TreeSize{1}, data, key.public_key()));
}

TEST_CASE("CCF receipt: lists, long paths and other shapes are refused") {
  const PrivateKey key = make_key();
  const Hash32 data{};
  const auto code = [&](const Bytes& proof, std::int64_t kind = -1) {
    return Receipt::parse(ccf_receipt(key, proof, data, kind)).error().code;
  };
  CHECK(code(CborWriter().array(3).integer(1).integer(0).array(0).take()) ==
        ErrorCode::kUnsupported);
  CHECK(code(encode_ccf_proof(sample_proof(data)), -2) == ErrorCode::kUnsupported);
  CHECK(code(encode_ccf_proof(sample_proof(data, limits::kCcfPathMax + 1))) ==
        ErrorCode::kTooLarge);
  CHECK(Receipt::parse(
      ccf_receipt(key, encode_ccf_proof(sample_proof(data, limits::kCcfPathMax)), data)));
  CHECK(code(encode_ccf_proof(sample_proof(data, 0))) == ErrorCode::kMalformed);
  CcfProof evidence = sample_proof(data);
  evidence.evidence = std::string(1'025, 'e');
  CHECK(code(encode_ccf_proof(evidence)) == ErrorCode::kTooLarge);
  evidence.evidence.clear();
  CHECK(code(encode_ccf_proof(evidence)) == ErrorCode::kMalformed);
  CHECK(code(CborWriter().map(1).integer(2).array(0).take()) == ErrorCode::kMalformed);
  CHECK(code(CborWriter().map(1).integer(3).array(0).take()) == ErrorCode::kMalformed);
  CHECK(code(CborWriter().map(1).text("1").array(0).take()) == ErrorCode::kMalformed);
  const Bytes good = encode_ccf_proof(sample_proof(data));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(parse_ccf_proof(BytesView(good).first(size)));
  }
}

TEST_CASE("CCF receipt: the production receipt and its derived files verify") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "CCF vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto folder = *vectors / "scitt" / "ccf-golden";
  const auto expected = nlohmann::json::parse(read_file(folder / "derived-expected.json"));
  const Bytes bytes = file_bytes(folder / "derived-receipt.cose");
  const auto receipt = Receipt::parse(bytes);
  REQUIRE(receipt);
  CHECK(nlohmann::json(receipt->vds) == expected["vds"]);
  CHECK(nlohmann::json(static_cast<std::int64_t>(receipt->algorithm)) == expected["alg"]);
  CHECK(as_text(*receipt->kid) == expected["kid_ascii_hex"].get<std::string>());
  CHECK(receipt->issuer == "esrp-cts-db.confidential-ledger.azure.com");
  CHECK(receipt->subject == "scitt.ccf.signature.v1");

  const PublicKey key = PublicKey::from_pem(read_file(folder / "derived-service-key.pem")).value();
  CHECK(hex_encode(sha256(key.spki())) == expected["kid_ascii_hex"].get<std::string>());
  const Hash32 entry =
      hash_from_hex(expected["statement_sha256_data_hash"].get<std::string>()).value();
  const auto root = verify_inclusion_receipt(*receipt, entry, key);
  REQUIRE(root);
  CHECK(nlohmann::json(hex_encode(*root)) == expected["root"]);

  // Every flipped byte fails, unless it sits in a header that neither the signature nor the proof
  // covers; there is none here.
  int refused = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes changed = bytes;
    changed[i] ^= 0x01;
    const auto parsed = Receipt::parse(changed);
    if (!parsed || !verify_inclusion_receipt(*parsed, entry, key)) ++refused;
  }
  CHECK(refused == static_cast<int>(bytes.size()));

  const auto service = nlohmann::json::parse(read_file(folder / "esrp-cts-db.json"));
  int certificates = 0;
  bool found = false;
  for (const auto& parameter : service["parameters"]) {
    const Bytes der = base64_decode(parameter["serviceCertificate"].get<std::string>()).value();
    const auto certificate = Certificate::from_der(der);
    REQUIRE(certificate);
    found = found || certificate->public_key() == key;
    ++certificates;
  }
  CHECK(found);
  std::cout << "CCF vectors checked: 1 receipt, " << certificates << " service certificates\n";
}
