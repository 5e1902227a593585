#include "ledger/format/tlog_proof.h"

#include <iostream>
#include <string>

#include "config/limits.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "ledger/tree/proof.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

const std::string kFirst = "c2sp.org/tlog-proof@v1\n";

// A two-leaf log whose checkpoint is signed.
TlogProof sample() {
  init_crypto();
  const PrivateKey key = PrivateKey::generate(KeyKind::kEd25519).value();
  const Hash32 left = leaf_hash(as_bytes("one"));
  const Hash32 right = leaf_hash(as_bytes("two"));
  Checkpoint checkpoint{"log", TreeSize{2}, node_hash(left, right), {}};
  const Note note{checkpoint.text(), {sign_note(checkpoint.text(), "log", key).value()}};
  return TlogProof{std::nullopt, LeafIndex{1}, {left}, note.encode()};
}

ErrorCode parse_error(const std::string& text) {
  const auto proof = TlogProof::parse(text);
  INFO(text.substr(0, 300));
  REQUIRE_FALSE(proof);
  CHECK(proof.error().message.find("tlog-proof") == 0);
  return proof.error().code;
}

TEST_CASE("tlog-proof: written and read again, with and without extra data") {
  TlogProof proof = sample();
  for (int round = 0; round < 2; ++round) {
    const auto again = TlogProof::parse(proof.encode());
    REQUIRE(again);
    CHECK(again->encode() == proof.encode());
    CHECK(again->extra == proof.extra);
    CHECK(again->index == proof.index);
    CHECK(again->path == proof.path);
    CHECK(again->checkpoint == proof.checkpoint);
    proof.extra = Bytes{0, 1, 0xff};
    proof.index = LeafIndex{0};
  }
  // A tree of one leaf has an empty path.
  proof.path.clear();
  CHECK(TlogProof::parse(proof.encode())->path.empty());
  proof.extra = Bytes{};
  CHECK_THAT(proof.encode(), !ContainsSubstring("extra"));
}

TEST_CASE("tlog-proof: malformed proofs are refused") {
  const TlogProof good = sample();
  const std::string end = "\n" + good.checkpoint;
  const std::string hash = base64_encode(good.path[0]) + "\n";
  REQUIRE(TlogProof::parse(kFirst + "index 1\n" + hash + end));
  for (const std::string& bad : {
           std::string(),
           std::string("\n"),
           "c2sp.org/tlog-proof@v2\nindex 1\n" + hash + end,
           kFirst.substr(0, kFirst.size() - 1) + "\r\nindex 1\n" + hash + end,
           " " + kFirst + "index 1\n" + hash + end,
           kFirst + hash + end,
           kFirst + "index\n" + hash + end,
           kFirst + "index \n" + hash + end,
           kFirst + "index 01\n" + hash + end,
           kFirst + "index -1\n" + hash + end,
           kFirst + "index 1 \n" + hash + end,
           kFirst + "index 18446744073709551616\n" + hash + end,
           kFirst + "Index 1\n" + hash + end,
           kFirst + "index 1\nindex 1\n" + hash + end,
           kFirst + "index 1\nextra AA==\n" + hash + end,
           kFirst + "extra \nindex 1\n" + hash + end,
           kFirst + "extra\nindex 1\n" + hash + end,
           kFirst + "extra AA\nindex 1\n" + hash + end,
           kFirst + "extra AB==\nindex 1\n" + hash + end,
           kFirst + "extra AA==\nextra AA==\nindex 1\n" + hash + end,
           kFirst + "index 1\n" + hash,
           kFirst + "index 1\n" + hash + "\n",
           kFirst + "index 1\n" + hash + "\n" + end,  // a second empty line
           kFirst + "index 1\n" + hash.substr(1) + end,
           kFirst + "index 1\n" + base64_encode(Bytes(31)) + "\n" + end,
           kFirst + "index 1\n" + base64_encode(Bytes(33)) + "\n" + end,
           kFirst + "index 1\n " + hash + end,
           kFirst + "index 1\n" + hash + end + "\n",
           kFirst + "index 1\n" + hash + end + "trailing",
           kFirst + "index 1\n" + hash + "\ntext\n\n\xe2\x80\x94 a QUJDREVGRw==\n",
       }) {
    CHECK(parse_error(bad) == ErrorCode::kMalformed);
  }
  const std::string whole = good.encode();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK(parse_error(whole.substr(0, size)) == ErrorCode::kMalformed);
  }
  CHECK_THAT(TlogProof::parse(kFirst + "index x\n").error().message, ContainsSubstring("line 2"));
}

TEST_CASE("tlog-proof: 63 hashes are read, 64 are too many, and so are 192 KiB") {
  TlogProof proof = sample();
  proof.path.assign(63, Hash32{});
  CHECK(TlogProof::parse(proof.encode()));
  proof.path.assign(64, Hash32{});
  CHECK(parse_error(proof.encode()) == ErrorCode::kTooLarge);
  proof = sample();
  proof.extra = Bytes(limits::kTlogProofBytesMax, 1);
  CHECK(parse_error(proof.encode()) == ErrorCode::kTooLarge);
}

TEST_CASE("tlog-proof: a published proof verifies, and with any bit of the leaf flipped does not") {
  const auto dir = test::vectors_dir();
  if (!dir) {
    std::cout << "tlog-proof vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const std::string text = test::read_file(*dir / "tlog/tlog-proof/proof_7271.tlog-proof");
  const auto proof = TlogProof::parse(text);
  REQUIRE(proof);
  CHECK(proof->encode() == text);
  CHECK(proof->index == LeafIndex{7'271});
  CHECK(proof->checkpoint ==
        test::read_file(*dir / "tlog/checkpoints/markovian-proof7271-checkpoint.txt"));
  const Note note = Note::parse(proof->checkpoint).value();
  const Checkpoint checkpoint = Checkpoint::parse(note.text).value();
  CHECK(checkpoint.size == TreeSize{7'341});

  const std::string leaf = test::read_file(*dir / "tlog/tlog-proof/leaf_7271.raw");
  const auto included = [&](const std::string& bytes) {
    return verify_inclusion(proof->index, checkpoint.size, leaf_hash(as_bytes(bytes)), proof->path,
                            checkpoint.root)
        .has_value();
  };
  CHECK(included(leaf));
  std::size_t flipped = 0;
  for (std::size_t bit = 0; bit < leaf.size() * 8; ++bit) {
    std::string changed = leaf;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    flipped += included(changed) ? 0 : 1;
  }
  CHECK(flipped == leaf.size() * 8);
  CHECK_FALSE(included(leaf.substr(1)));
  CHECK_FALSE(included(leaf + "\n"));
  std::cout << "tlog-proof vectors checked: 1 proof, " << flipped << " changed leaves refused\n";
}

}  // namespace
}  // namespace witan
