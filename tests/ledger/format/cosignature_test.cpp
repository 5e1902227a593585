#include "ledger/format/cosignature.h"

#include <iostream>
#include <string>

#include "ledger/crypto/ml_dsa.h"
#include "ledger/crypto/secret.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/cosign_subtree.h"
#include "ledger/format/note.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

const std::string kText =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

PrivateKey ed25519_key() {
  init_crypto();
  return PrivateKey::generate(KeyKind::kEd25519).value();
}

VerifierKey cosigner(const PrivateKey& key, const std::string& name) {
  return VerifierKey::make(name, NoteAlgorithm::kCosignatureEd25519, key.public_key().raw())
      .value();
}

TEST_CASE("cosignature: the signed message is that of the specification") {
  CHECK(cosignature_v1_message(kText, 1'679'315'147) ==
        "cosignature/v1\ntime 1679315147\n" + kText);
}

TEST_CASE("cosignature: what was cosigned verifies, with its time") {
  const PrivateKey key = ed25519_key();
  for (const std::uint64_t time_s : {std::uint64_t{0}, std::uint64_t{1}, kCosignatureTimeMax}) {
    Note note{kText, {cosign_note(kText, "w", key, time_s).value()}};
    CHECK(note.signatures[0].signature.size() == 72);
    const auto again = Note::parse(note.encode());
    REQUIRE(again);
    const auto verified = verify_note(*again, cosigner(key, "w"));
    REQUIRE(verified);
    CHECK(verified->timestamp == time_s);
  }
}

TEST_CASE("cosignature: of several valid ones the latest time counts") {
  const PrivateKey key = ed25519_key();
  Note note{kText, {}};
  for (const std::uint64_t time_s : {5u, 9u, 7u}) {
    note.signatures.push_back(cosign_note(kText, "w", key, time_s).value());
  }
  CHECK(verify_note(note, cosigner(key, "w"))->timestamp == 9u);
}

TEST_CASE("cosignature: another time, text, key or type is refused") {
  const PrivateKey key = ed25519_key();
  const PrivateKey other = ed25519_key();
  const VerifierKey vkey = cosigner(key, "w");
  const Note note{kText, {cosign_note(kText, "w", key, 1'000).value()}};
  const auto status = [&vkey](const Note& n) {
    return check_signature(n, n.signatures[0], vkey).status;
  };
  REQUIRE(status(note) == SignatureStatus::kValid);
  for (std::size_t i = 0; i < 72; ++i) {
    Note changed = note;
    changed.signatures[0].signature[i] ^= 1;
    CHECK(status(changed) == SignatureStatus::kInvalid);
  }
  for (std::size_t size = 1; size < 72; ++size) {
    Note changed = note;
    changed.signatures[0].signature.resize(size);
    CHECK(status(changed) == SignatureStatus::kInvalid);
  }
  Note changed = note;
  changed.text += "extension\n";
  CHECK(status(changed) == SignatureStatus::kInvalid);
  changed = note;
  changed.signatures[0] = cosign_note(kText, "w", other, 1'000).value();
  changed.signatures[0].id = vkey.id;
  CHECK(status(changed) == SignatureStatus::kInvalid);
  // A plain signature under a cosigner's name has another id; with a forged id it is wrong.
  changed.signatures[0] = sign_note(kText, "w", key).value();
  CHECK(status(changed) == SignatureStatus::kUnknownKey);
  changed.signatures[0].id = vkey.id;
  CHECK(status(changed) == SignatureStatus::kInvalid);
}

TEST_CASE("cosignature: times above 2^63 - 1 are refused when signing and when reading") {
  const PrivateKey key = ed25519_key();
  CHECK(cosign_note(kText, "w", key, kCosignatureTimeMax + 1).error().code ==
        ErrorCode::kMalformed);
  CHECK_FALSE(
      split_timestamped_signature(join_timestamped_signature(kCosignatureTimeMax + 1, Bytes(64))));
  // Signed by the key itself, with such a time: still refused.
  const std::string message = cosignature_v1_message(kText, kCosignatureTimeMax + 1);
  const Bytes signature = key.sign(Algorithm::kEdDsa, as_bytes(message)).value();
  const VerifierKey vkey = cosigner(key, "w");
  const Note note{kText,
                  {{"w", vkey.id, join_timestamped_signature(kCosignatureTimeMax + 1, signature)}}};
  CHECK(check_signature(note, note.signatures[0], vkey).status == SignatureStatus::kInvalid);
}

TEST_CASE("cosignature: only checkpoints are cosigned") {
  const PrivateKey key = ed25519_key();
  CHECK(cosign_note("text\n", "w", key, 1).error().code == ErrorCode::kMalformed);
  CHECK(cosign_note(kText + "\n", "w", key, 1).error().code == ErrorCode::kMalformed);
  CHECK(cosign_note(kText + "ext\n", "w", key, 1));
  CHECK(cosign_note(kText, "w w", key, 1).error().code == ErrorCode::kMalformed);
  const PrivateKey p256 = PrivateKey::generate(KeyKind::kP256).value();
  CHECK(cosign_note(kText, "w", p256, 1).error().code == ErrorCode::kUnsupported);
}

TEST_CASE("cosignature: timestamps are big-endian before the signature") {
  const Bytes joined = join_timestamped_signature(0x0102030405060708, Bytes{0xaa, 0xbb});
  CHECK(hex_encode(joined) == "0102030405060708aabb");
  const auto split = split_timestamped_signature(joined);
  REQUIRE(split);
  CHECK(split->time_s == 0x0102030405060708);
  CHECK(hex_encode(split->signature) == "aabb");
  for (std::size_t size = 0; size <= 8; ++size) {
    CHECK_FALSE(split_timestamped_signature(Bytes(size)));
  }
}

TEST_CASE("cosignature: the ML-DSA message is laid out as specified") {
  SubtreeStatement statement{"wit", 0x0102, "log", 0, 5, Hash32{}};
  statement.hash.fill(0xee);
  const auto message = subtree_message(statement);
  REQUIRE(message);
  CHECK(hex_encode(*message) == hex_encode(as_bytes("subtree/v1\n")) + "00" + "03" +
                                    hex_encode(as_bytes("wit")) + "0000000000000102" + "03" +
                                    hex_encode(as_bytes("log")) + "0000000000000000" +
                                    "0000000000000005" + hex_encode(statement.hash));
  const auto refused = [&statement](auto change) {
    SubtreeStatement changed = statement;
    change(changed);
    return !subtree_message(changed);
  };
  CHECK(refused([](auto& s) { s.cosigner = ""; }));
  CHECK(refused([](auto& s) { s.cosigner = std::string(256, 'x'); }));
  CHECK_FALSE(refused([](auto& s) { s.cosigner = std::string(255, 'x'); }));
  CHECK(refused([](auto& s) { s.origin = ""; }));
  CHECK(refused([](auto& s) { s.origin = std::string(256, 'x'); }));
  CHECK(refused([](auto& s) { s.start = 6; }));
  CHECK(refused([](auto& s) { s.start = 4; }));  // with a time
  CHECK_FALSE(refused([](auto& s) { s.start = 4, s.time_s = 0; }));
  CHECK(refused([](auto& s) { s.time_s = kCosignatureTimeMax + 1; }));
}

TEST_CASE("cosignature: malformed ML-DSA lines are wrong in every build") {
  const VerifierKey key =
      VerifierKey::make("w", NoteAlgorithm::kMlDsa44, Bytes(kMlDsa44KeyBytes, 1)).value();
  const auto status = [&key](const std::string& text, Bytes signature) {
    const Note note{text, {{"w", key.id, std::move(signature)}}};
    return check_signature(note, note.signatures[0], key).status;
  };
  CHECK(status(kText, Bytes(8)) == SignatureStatus::kInvalid);
  CHECK(status(kText, Bytes(72)) == SignatureStatus::kInvalid);
  CHECK(status(kText, Bytes(8 + kMlDsa44SignatureBytes - 1)) == SignatureStatus::kInvalid);
  CHECK(status(kText, Bytes(8 + kMlDsa44SignatureBytes + 1)) == SignatureStatus::kInvalid);
  CHECK(status(kText, Bytes(8 + kMlDsa44SignatureBytes, 0xff)) == SignatureStatus::kInvalid);
  CHECK(status("no checkpoint\n", Bytes(8 + kMlDsa44SignatureBytes)) == SignatureStatus::kInvalid);
  CHECK(status(std::string(256, 'o') + kText.substr(kText.find('\n')),
               Bytes(8 + kMlDsa44SignatureBytes)) == SignatureStatus::kInvalid);
  const auto wrong = status(kText, Bytes(8 + kMlDsa44SignatureBytes));
  CHECK(wrong == (ml_dsa_available() ? SignatureStatus::kInvalid : SignatureStatus::kUnverifiable));
  if (!ml_dsa_available()) {
    CHECK(ml_dsa_44_verify(Bytes(kMlDsa44KeyBytes), {}, {}).error().code ==
          ErrorCode::kUnsupported);
  }
}

TEST_CASE("cosignature: an ML-DSA line holds for one range, root, origin and time") {
  if (!ml_dsa_available()) {
    std::cout << "ML-DSA lines skipped: this OpenSSL has none\n";
    return;
  }
  const auto key = MlDsa44Key::from_seed(Bytes(kMlDsa44SeedBytes, 7)).value();
  const auto vkey = VerifierKey::make("w", NoteAlgorithm::kMlDsa44, key.public_key()).value();
  const Checkpoint checkpoint = Checkpoint::parse(kText).value();
  const SubtreeStatement whole{"w", 1'679'315'147,         checkpoint.origin,
                               0,   checkpoint.size.value, checkpoint.root};
  const NoteSignature line = cosign_subtree(whole, key).value();
  CHECK(line.id == vkey.id);
  const Note note{kText, {line}};
  CHECK(verify_note(note, vkey)->timestamp == 1'679'315'147u);
  CHECK(verify_note(Note{kText + "extension\n", {line}}, vkey));

  const SubtreeStatement part{"w", 0, checkpoint.origin, 8, 13, checkpoint.root};
  const NoteSignature part_line = cosign_subtree(part, key).value();
  const auto status = [&](const SubtreeStatement& statement, const NoteSignature& of) {
    return check_subtree_signature(statement, of, vkey).status;
  };
  CHECK(status(part, part_line) == SignatureStatus::kValid);
  CHECK(check_subtree_signature(part, part_line, vkey).timestamp == 0u);
  CHECK(status(whole, part_line) == SignatureStatus::kInvalid);
  SubtreeStatement changed = part;
  changed.end = 14;
  CHECK(status(changed, part_line) == SignatureStatus::kInvalid);
  changed = part;
  changed.origin = "example.com/another";
  CHECK(status(changed, part_line) == SignatureStatus::kInvalid);
  changed = part;
  changed.hash[0] ^= 1;
  CHECK(status(changed, part_line) == SignatureStatus::kInvalid);
  NoteSignature timed = part_line;
  timed.signature[7] = 1;  // the time; a start above 0 allows none
  CHECK(status(part, timed) == SignatureStatus::kInvalid);
  NoteSignature foreign = part_line;
  foreign.name = "x";
  CHECK(status(part, foreign) == SignatureStatus::kUnknownKey);
  SubtreeStatement bad = part;
  bad.time_s = 1;
  CHECK(cosign_subtree(bad, key).error().code == ErrorCode::kMalformed);
  bad.time_s = 0;
  bad.cosigner = "two words";
  CHECK(cosign_subtree(bad, key).error().code == ErrorCode::kMalformed);
}

TEST_CASE("cosignature: a log key of ML-DSA-44, as another witness tests it") {
  const auto dir = test::vectors_dir();
  if (!dir) {
    std::cout << "ML-DSA log vector skipped: WITAN_VECTORS is not set\n";
    return;
  }
  std::string vkey = test::read_file(*dir / "tlog/witness/mldsa-log/vkey.txt");
  while (!vkey.empty() && vkey.back() == '\n') vkey.pop_back();
  const auto key = VerifierKey::parse(vkey);
  REQUIRE(key);
  CHECK(key->algorithm == NoteAlgorithm::kMlDsa44);
  CHECK(key->text() == vkey);
  const std::string request =
      test::read_file(*dir / "tlog/witness/mldsa-log/add-checkpoint-request.txt");
  const auto note = Note::parse(request.substr(request.find("\n\n") + 2));
  REQUIRE(note);
  REQUIRE(note->signatures.size() == 1);
  const SignatureCheck check = check_signature(*note, note->signatures[0], *key);
  CHECK(check.timestamp == 0u);
  CHECK(check.status ==
        (ml_dsa_available() ? SignatureStatus::kValid : SignatureStatus::kUnverifiable));
  Note changed = *note;
  changed.signatures[0].signature.back() ^= 1;
  CHECK(check_signature(changed, changed.signatures[0], *key).status != SignatureStatus::kValid);
  std::cout << "ML-DSA log vectors checked: 1\n";
}

}  // namespace
}  // namespace witan
