#include "ledger/format/receipt.h"

#include <functional>
#include <iostream>
#include <optional>
#include <vector>

#include "ledger/crypto/sha256.h"
#include "ledger/tree/proof.h"
#include "tests/ledger/format/statement_samples.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::test;

namespace {

Hash32 entry_of(std::uint64_t index) {
  return sha256(as_bytes("entry " + std::to_string(index)));
}

// RFC 9162 section 2.1.1 by its definition; nodes inside full subtrees only.
Hash32 range_root(std::uint64_t start, std::uint64_t size) {
  if (size == 1) return leaf_hash(entry_of(start));
  std::uint64_t left = 1;
  while (left * 2 < size) left *= 2;
  return node_hash(range_root(start, left), range_root(start + left, size - left));
}

Result<Hash32> read_node(NodeId id) {
  return range_root(id.index << id.level, std::uint64_t{1} << id.level);
}

struct ReceiptLog {
  PrivateKey key = make_key(KeyKind::kP256);

  [[nodiscard]] Bytes head(std::uint64_t size) const {
    return cose_head_protected({.kid = cose_key_thumbprint(key.public_key()),
                                .issuer = "https://log.example.com",
                                .origin = "log.example.com/1",
                                .time_s = 1'760'000'000,
                                .size = TreeSize{size}});
  }
  [[nodiscard]] Bytes sign(std::uint64_t size) const {
    return key.sign(Algorithm::kEs256, cose_to_be_signed(head(size), range_root(0, size))).value();
  }
  [[nodiscard]] Bytes inclusion(std::uint64_t index, std::uint64_t size,
                                std::optional<std::string_view> checkpoint = {}) const {
    InclusionProof proof{TreeSize{size}, LeafIndex{index},
                         inclusion_proof(LeafIndex{index}, TreeSize{size}, read_node).value()};
    return encode_inclusion_receipt(head(size), sign(size), proof, checkpoint);
  }
  [[nodiscard]] Bytes consistency(std::uint64_t from, std::uint64_t to) const {
    ConsistencyProof proof{TreeSize{from}, TreeSize{to},
                           consistency_proof(TreeSize{from}, TreeSize{to}, read_node).value()};
    return encode_consistency_receipt(head(to), sign(to), proof);
  }
};

// A receipt with this unprotected header under a plain vds 1 header.
Bytes with_unprotected(const Bytes& unprotected, const Bytes& header) {
  return cose_sign1_encode(header, unprotected, std::nullopt, Bytes(64));
}
Bytes plain_header(std::int64_t vds = 1) {
  return CborWriter().map(2).integer(1).integer(-7).integer(395).integer(vds).take();
}
Bytes proofs(const std::vector<Bytes>& list, std::int64_t kind = -1) {
  CborWriter out;
  out.map(1).integer(396).map(1).integer(kind).array(list.size());
  for (const Bytes& proof : list) out.bytes(proof);
  return out.take();
}
Bytes proof_of(std::size_t hashes, std::uint64_t size = 8) {
  CborWriter out;
  out.array(3).unsigned_integer(size).integer(0).array(hashes);
  for (std::size_t i = 0; i < hashes; ++i) out.bytes(Hash32{});
  return out.take();
}
ErrorCode refusal(const Bytes& bytes) {
  const auto receipt = Receipt::parse(bytes);
  REQUIRE_FALSE(receipt);
  return receipt.error().code;
}

}  // namespace

TEST_CASE("receipt: every position of small trees verifies, and no other entry does") {
  const ReceiptLog log;
  for (std::uint64_t size = 1; size <= 9; ++size) {
    for (std::uint64_t index = 0; index < size; ++index) {
      const auto receipt = Receipt::parse(log.inclusion(index, size, "note"));
      REQUIRE(receipt);
      CHECK(receipt->head_size == size);
      CHECK(receipt->issuer == "https://log.example.com");
      CHECK(receipt->subject == "log.example.com/1");
      CHECK(receipt->issued_at_s == 1'760'000'000);
      CHECK(receipt->checkpoint == "note");
      CHECK(equal(*receipt->kid, cose_key_thumbprint(log.key.public_key())));
      CHECK(verify_inclusion_receipt(*receipt, entry_of(index), log.key.public_key()) ==
            range_root(0, size));
      // Another leaf leads to another root, which nobody signed.
      CHECK(verify_inclusion_receipt(*receipt, entry_of(index + 1), log.key.public_key())
                .error()
                .code == ErrorCode::kBadSignature);
    }
  }
}

TEST_CASE("receipt: consistency gives the newer root from the older one, for all sizes to 17") {
  const ReceiptLog log;
  for (std::uint64_t to = 1; to <= 17; ++to) {
    for (std::uint64_t from = 1; from <= to; ++from) {
      const auto receipt = Receipt::parse(log.consistency(from, to));
      REQUIRE(receipt);
      const auto& key = log.key.public_key();
      const Hash32 root = range_root(0, from);
      CHECK(verify_consistency_receipt(*receipt, TreeSize{from}, root, key) == range_root(0, to));
      CHECK_FALSE(verify_consistency_receipt(*receipt, TreeSize{from + 1}, root, key));
      CHECK_FALSE(verify_consistency_receipt(*receipt, TreeSize{from}, entry_of(0), key));
      CHECK_FALSE(verify_inclusion_receipt(*receipt, entry_of(0), key));
    }
  }
}

TEST_CASE("receipt: every flipped byte fails") {
  const ReceiptLog log;
  const Bytes bytes = log.inclusion(3, 8);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const std::uint8_t bit : {0x01, 0x20, 0x80}) {
      Bytes changed = bytes;
      changed[i] ^= bit;
      const auto receipt = Receipt::parse(changed);
      CHECK_FALSE(
          (receipt && verify_inclusion_receipt(*receipt, entry_of(3), log.key.public_key())));
    }
  }
}

TEST_CASE("receipt: truncated at every length and with bytes after it") {
  Bytes bytes = ReceiptLog{}.inclusion(2, 5);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(Receipt::parse(BytesView(bytes).first(size)));
  }
  bytes.push_back(0);
  CHECK_FALSE(Receipt::parse(bytes));
}

TEST_CASE("receipt: a head of another size, an index beyond it, and attached payloads") {
  const ReceiptLog log;
  const auto& key = log.key.public_key();
  // The head says 8, the proof 7.
  InclusionProof other{TreeSize{7}, LeafIndex{3},
                       inclusion_proof(LeafIndex{3}, TreeSize{7}, read_node).value()};
  auto receipt =
      Receipt::parse(encode_inclusion_receipt(log.head(8), log.sign(8), other, std::nullopt));
  REQUIRE(receipt);
  CHECK(verify_inclusion_receipt(*receipt, entry_of(3), key).error().code == ErrorCode::kBadProof);

  for (const std::uint64_t index : {8U, 9U, 1'000'000U}) {
    InclusionProof beyond{TreeSize{8}, LeafIndex{index}, {}};
    receipt =
        Receipt::parse(encode_inclusion_receipt(log.head(8), log.sign(8), beyond, std::nullopt));
    REQUIRE(receipt);
    CHECK(verify_inclusion_receipt(*receipt, entry_of(3), key).error().code ==
          ErrorCode::kBadProof);
  }

  const Receipt good = Receipt::parse(log.inclusion(3, 8)).value();
  const auto attach = [&](const Hash32& root) {
    return Receipt::parse(cose_sign1_encode(good.cose.protected_bytes, good.cose.unprotected_bytes,
                                            BytesView(root), good.cose.signature))
        .value();
  };
  CHECK(verify_inclusion_receipt(attach(range_root(0, 8)), entry_of(3), key));
  CHECK(verify_inclusion_receipt(attach(range_root(0, 7)), entry_of(3), key).error().code ==
        ErrorCode::kBadProof);
}

TEST_CASE("receipt: the only leaf of a tree has an empty path") {
  const ReceiptLog log;
  const Bytes bytes = log.inclusion(0, 1);
  const auto receipt = Receipt::parse(bytes);
  REQUIRE(receipt);
  CHECK(receipt->inclusion.at(0).path.empty());
  CHECK(verify_inclusion_receipt(*receipt, entry_of(0), log.key.public_key()));
}

TEST_CASE("receipt: other shapes are refused") {
  CHECK(refusal(with_unprotected(proofs({proof_of(3)}), plain_header(3))) ==
        ErrorCode::kUnsupported);
  CHECK(refusal(with_unprotected(proofs({proof_of(3)}), plain_header(2))) ==
        ErrorCode::kUnsupported);
  CHECK(refusal(with_unprotected(to_bytes(kNoHeaders), plain_header())) == ErrorCode::kMalformed);
  CHECK(refusal(with_unprotected(proofs({}), plain_header())) == ErrorCode::kMalformed);
  CHECK(refusal(with_unprotected(proofs({proof_of(65)}), plain_header())) == ErrorCode::kTooLarge);
  CHECK(refusal(with_unprotected(proofs({proof_of(1, (std::uint64_t{1} << 62) + 1)}),
                                 plain_header())) == ErrorCode::kTooLarge);
  CHECK(refusal(with_unprotected(proofs(std::vector<Bytes>(65, proof_of(3))), plain_header())) ==
        ErrorCode::kTooLarge);
  // A proof of a kind that nobody knows is skipped, but it is no proof.
  CHECK(refusal(with_unprotected(proofs({proof_of(3)}, -3), plain_header())) ==
        ErrorCode::kMalformed);
  CHECK(refusal(with_unprotected(
            CborWriter().map(1).integer(396).map(1).integer(-1).array(1).raw(proof_of(3)).take(),
            plain_header())) == ErrorCode::kMalformed);
  CHECK(refusal(with_unprotected(proofs({CborWriter().map(0).take()}), plain_header())) ==
        ErrorCode::kMalformed);
  CHECK(refusal(with_unprotected(proofs({proof_of(3)}),
                                 CborWriter().map(1).integer(1).integer(-7).take())) ==
        ErrorCode::kMalformed);
  CHECK(refusal(with_unprotected(proofs({proof_of(3)}),
                                 CborWriter().map(1).integer(395).integer(1).take())) ==
        ErrorCode::kMalformed);
  CHECK(refusal(with_unprotected(proofs({proof_of(3)}), CborWriter()
                                                            .map(3)
                                                            .integer(1)
                                                            .integer(-7)
                                                            .integer(395)
                                                            .integer(1)
                                                            .integer(2)
                                                            .array(1)
                                                            .integer(395)
                                                            .take())) == ErrorCode::kUnsupported);
  CHECK(refusal(Bytes(limits::kReceiptBytesMax + 1)) == ErrorCode::kTooLarge);
  Bytes untagged = with_unprotected(proofs({proof_of(3)}), plain_header());
  CHECK(Receipt::parse(untagged));
  untagged.erase(untagged.begin());
  CHECK(refusal(untagged) == ErrorCode::kMalformed);
}

TEST_CASE("receipt: a kid is read as bytes or as text") {
  const Bytes header = CborWriter()
                           .map(3)
                           .integer(1)
                           .integer(-7)
                           .integer(4)
                           .text("name")
                           .integer(395)
                           .integer(1)
                           .take();
  const auto receipt = Receipt::parse(with_unprotected(proofs({proof_of(3)}), header));
  REQUIRE(receipt);
  CHECK(as_text(*receipt->kid) == "name");
}

TEST_CASE("receipt: the examples of RFC 9942's draft parse") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "receipt vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto folder = *vectors / "scitt" / "rfc9942-draft";
  const auto inclusion = Receipt::parse(file_bytes(folder / "inclusion-receipt.cbor"));
  REQUIRE(inclusion);
  CHECK(inclusion->vds == 1);
  REQUIRE(inclusion->inclusion.size() == 1);
  CHECK(inclusion->inclusion[0].size.value == 5);
  CHECK(inclusion->inclusion[0].index.value == 3);
  CHECK(inclusion->inclusion[0].path.size() == 3);
  CHECK(inclusion->algorithm == Algorithm::kEs256);
  CHECK(as_text(*inclusion->kid) == "test-key-1");
  const auto consistency = Receipt::parse(file_bytes(folder / "consistency-receipt.cbor"));
  REQUIRE(consistency);
  REQUIRE(consistency->consistency.size() == 1);
  CHECK(consistency->consistency[0].from.value == 3);
  CHECK(consistency->consistency[0].to.value == 5);
  CHECK(consistency->consistency[0].path.size() == 4);
  CHECK_FALSE(inclusion->cose.payload);
  std::cout << "receipt vectors checked: 2\n";
}
