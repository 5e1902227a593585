#include "witness/cosigning.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "ledger/crypto/ml_dsa.h"
#include "ledger/crypto/sha256.h"
#include "tests/support/catch.h"
#include "tests/witness/cosign_world.h"

namespace witan {
namespace {

using test::CosignWorld;
using test::Hashes;
using test::make_cosign_key;
using test::sign_as_log;
using test::status_of;

constexpr std::size_t kMlDsaLineBytes = 8 + kMlDsa44SignatureBytes;

// A request from nothing to this text, signed as wanted.
AddCheckpointRequest first_request(const std::string& text, std::vector<NoteSignature> lines) {
  return {0, {}, Note{text, std::move(lines)}.encode()};
}

NoteSignature forged(NoteSignature line) {
  line.signature.back() ^= 1;
  return line;
}

TEST_CASE("cosigning: a log's life, as a client sees it") {
  const CosignWorld world;
  CosignMark mark = world.mark(0);
  const auto ask = [&](const AddCheckpointRequest& request) {
    const auto judged = world.judge(request, mark);
    if (judged) mark = {judged->checkpoint.size, judged->checkpoint.root};
    return status_of(judged);
  };
  CHECK(ask(world.request(0, 1)) == 200);
  CHECK(mark == world.mark(1));

  AddCheckpointRequest bad = world.request(1, 3);
  char& last = bad.note[bad.note.size() - 8];
  last = last == 'A' ? 'B' : 'A';
  CHECK(ask(bad) == 403);
  CHECK(ask({1, {}, world.request(1, 3).note}) == 422);
  CHECK(ask({1, {Hash32{}, Hash32{}}, world.request(1, 3).note}) == 422);
  CHECK(mark == world.mark(1));
  CHECK(ask(world.request(1, 3)) == 200);

  const auto stale = world.judge(world.request(1, 5), mark);
  CHECK(status_of(stale) == 409);
  CHECK(stale.error().size == 3);
  CHECK(ask(world.request(3, 5)) == 200);
  const auto zero = world.judge(world.request(0, 5), mark);
  CHECK(status_of(zero) == 409);
  CHECK(zero.error().size == 5);
  CHECK(ask(world.request(5, 5)) == 200);
  CHECK(ask(world.request(5, 70)) == 200);
  CHECK(mark == world.mark(70));
}

TEST_CASE("cosigning: what is answered says all that is signed and stored") {
  const CosignWorld world;
  const auto judged = world.judge(world.request(3, 8), world.mark(3));
  REQUIRE(judged);
  CHECK(judged->checkpoint == Checkpoint::parse(world.text(8)).value());
  CHECK(judged->text == world.text(8));
  CHECK(judged->text == judged->checkpoint.text());
  CHECK(judged->log_lines == std::vector<NoteSignature>{sign_as_log(world.key, world.text(8))});
}

TEST_CASE("cosigning: size zero has one root and no proof") {
  const CosignWorld world;
  const CosignMark none{TreeSize{0}, empty_root()};
  const std::string wrong_root = Checkpoint{world.origin, TreeSize{0}, Hash32{}, {}}.text();
  CHECK(status_of(world.judge(world.request(0, 0), none)) == 200);
  CHECK(status_of(world.judge(world.request(0, 0), CosignMark{})) == 200);
  const auto wrong = world.judge({0, {}, world.note(wrong_root)}, none);
  CHECK(status_of(wrong) == 422);
  CHECK_THAT(wrong.error().message, ContainsSubstring("SHA-256 of nothing"));
  CHECK(status_of(world.judge({0, {Hash32{}}, world.request(0, 0).note}, none)) == 422);
  CHECK(status_of(world.judge({0, {empty_root()}, world.request(0, 4).note}, none)) == 422);
  CHECK(status_of(world.judge(world.request(0, 0), world.mark(4))) == 409);
  CHECK(status_of(world.judge({4, {}, world.request(0, 0).note}, world.mark(4))) == 400);
  CHECK(status_of(world.judge({4, {}, world.request(0, 0).note}, none)) == 400);
  CHECK(status_of(world.judge({0, {}, world.note(wrong_root)}, world.mark(4))) == 409);
  CHECK(status_of(world.judge(world.request(0, 4), none)) == 200);
}

TEST_CASE("cosigning: old sizes above the checkpoint's are 400, others than the mark's 409") {
  const CosignWorld world;
  const auto note = world.request(1, 5).note;
  CHECK(status_of(world.judge({6, {}, note}, world.mark(6))) == 400);
  CHECK(status_of(world.judge({6, {}, note}, world.mark(5))) == 400);
  CHECK(status_of(world.judge({~std::uint64_t{0}, {}, note}, world.mark(5))) == 400);
  for (std::size_t mark = 0; mark < 9; ++mark) {
    for (std::size_t old = 0; old <= 5; ++old) {
      const auto judged = world.judge(world.request(old, 5), world.mark(mark));
      INFO("old " << old << ", mark " << mark);
      REQUIRE(status_of(judged) == (old == mark ? 200u : 409u));
      if (!judged) CHECK(judged.error().size == mark);
    }
  }
}

TEST_CASE("cosigning: an equal size with another root, or with a proof, is 422") {
  const CosignWorld world;
  const std::string other =
      Checkpoint{world.origin, TreeSize{5}, leaf_hash(as_bytes("other")), {}}.text();
  const auto judged = world.judge({5, {}, world.note(other)}, world.mark(5));
  CHECK(status_of(judged) == 422);
  CHECK_THAT(judged.error().message, ContainsSubstring("was cosigned"));
  CHECK(status_of(world.judge({5, {Hash32{}}, world.request(5, 5).note}, world.mark(5))) == 422);
}

TEST_CASE("cosigning: any change to a proof is 422") {
  const CosignWorld world;
  for (const auto& [old, size] : {std::pair<std::size_t, std::size_t>{1, 2}, {3, 7}, {6, 70}}) {
    const AddCheckpointRequest good = world.request(old, size);
    REQUIRE(status_of(world.judge(good, world.mark(old))) == 200);
    for (std::size_t i = 0; i < good.proof.size(); ++i) {
      AddCheckpointRequest bad = good;
      bad.proof[i][i % 32] ^= 0x10;
      CHECK(status_of(world.judge(bad, world.mark(old))) == 422);
      bad.proof.erase(bad.proof.begin() + static_cast<std::ptrdiff_t>(i));
      CHECK(status_of(world.judge(bad, world.mark(old))) == 422);
    }
    AddCheckpointRequest longer = good;
    longer.proof.emplace_back();
    CHECK(status_of(world.judge(longer, world.mark(old))) == 422);
  }
}

TEST_CASE("cosigning: an unknown log, and a log of the witness's own name, are 404") {
  CosignWorld world;
  CHECK(status_of(world.judge(world.request(0, 3), world.mark(0), {})) == 404);
  // Whatever else is wrong with it: nothing is verified or compared before.
  CHECK(status_of(world.judge(world.request(2, 3), world.mark(0), {})) == 404);
  world.witness_name = world.origin;
  CHECK(status_of(world.judge(world.request(0, 3), world.mark(0))) == 404);
}

TEST_CASE("cosigning: nothing is told about the mark without a valid signature") {
  const CosignWorld world;
  const std::string text = world.text(5);
  const auto stranger = make_cosign_key(world.origin);
  const auto unsigned_one = first_request(text, {sign_as_log(stranger, text)});
  const auto judged = world.judge(unsigned_one, world.mark(4));
  CHECK(status_of(judged) == 403);
  CHECK(judged.error().size == 0);
  CHECK(status_of(world.judge(first_request(text, {forged(sign_as_log(world.key, text))}),
                              world.mark(4))) == 403);
}

TEST_CASE("cosigning: lines of unknown keys are ignored, forged ones of trusted keys never") {
  const CosignWorld world;
  const std::string text = world.text(5);
  const NoteSignature good = sign_as_log(world.key, text);
  const auto stranger = make_cosign_key("stranger.example");
  const auto namesake = make_cosign_key(world.origin);
  const auto status = [&](std::vector<NoteSignature> lines) {
    return status_of(world.judge(first_request(text, std::move(lines)), world.mark(0)));
  };
  CHECK(status({sign_as_log(stranger, text), good, sign_as_log(namesake, text)}) == 200);
  CHECK(status({forged(sign_as_log(stranger, text)), good}) == 200);
  CHECK(status({{"other.example", good.id, good.signature}, good}) == 200);
  CHECK(status({{good.name, {1, 2, 3, 4}, good.signature}, good}) == 200);
  CHECK(status({{"other.example", good.id, good.signature}}) == 403);
  CHECK(status({{good.name, {1, 2, 3, 4}, good.signature}}) == 403);
  CHECK(status({good, forged(good)}) == 403);
  CHECK(status({forged(good), good}) == 403);
  CHECK(status({good, {good.name, good.id, Bytes(1, 7)}}) == 403);
  CHECK(status({good, {good.name, good.id, Bytes(5'000, 7)}}) == 403);
}

TEST_CASE("cosigning: a key that signs a note again and again is refused before it costs much") {
  const CosignWorld world;
  const std::string text = world.text(5);
  const NoteSignature good = sign_as_log(world.key, text);
  const auto status = [&](std::vector<NoteSignature> lines) {
    return status_of(world.judge(first_request(text, std::move(lines)), world.mark(0)));
  };
  std::vector<NoteSignature> lines = {good};
  for (std::uint8_t i = 1; i < limits::kLogLinesPerKeyMax; ++i) {
    lines.push_back({good.name, good.id, Bytes(64, i)});
  }
  // As many as are allowed are verified, each of them.
  CHECK(status(lines) == 403);
  lines.push_back({good.name, good.id, Bytes(64, 99)});
  const auto many = world.judge(first_request(text, lines), world.mark(0));
  CHECK(status_of(many) == 400);
  CHECK_THAT(many.error().message, ContainsSubstring("more than 4 different signatures"));
  // The same line again is no other signature, and strangers' lines are nobody's.
  CHECK(status(std::vector<NoteSignature>(100, good)) == 200);
  std::vector<NoteSignature> strange = {good};
  for (std::uint8_t i = 1; i < 100; ++i) {
    strange.push_back({"other.example", good.id, Bytes(64, i)});
  }
  CHECK(status(strange) == 200);
}

TEST_CASE("cosigning: lines in the witness's own name, true or forged, change nothing") {
  const CosignWorld world;
  const std::string text = world.text(5);
  const NoteSignature good = sign_as_log(world.key, text);
  const auto witness = make_cosign_key(world.witness_name, NoteAlgorithm::kCosignatureEd25519);
  const NoteSignature own = cosign_note(text, world.witness_name, witness.secret, 17).value();
  for (const NoteSignature& line : {own, forged(own)}) {
    const auto judged = world.judge(first_request(text, {line, good}), world.mark(0));
    REQUIRE(judged);
    CHECK(judged->log_lines == std::vector<NoteSignature>{good});
  }
  CHECK(status_of(world.judge(first_request(text, {own}), world.mark(0))) == 403);
}

TEST_CASE("cosigning: several keys and lines of a log, each kept once") {
  const CosignWorld world;
  const auto second = make_cosign_key("second.example");
  const auto ecdsa = make_cosign_key("third.example", NoteAlgorithm::kEcdsa);
  const std::vector<VerifierKey> keys = {world.key.vkey, second.vkey, ecdsa.vkey};
  const std::string text = world.text(5);
  const std::vector<NoteSignature> lines = {sign_as_log(ecdsa, text), sign_as_log(world.key, text),
                                            sign_as_log(second, text)};
  for (const NoteSignature& line : lines) {
    CHECK(status_of(world.judge(first_request(text, {line}), world.mark(0), keys)) == 200);
  }
  std::vector<NoteSignature> twice = lines;
  twice.insert(twice.end(), lines.begin(), lines.end());
  const auto judged = world.judge(first_request(text, twice), world.mark(0), keys);
  REQUIRE(judged);
  CHECK(judged->log_lines == lines);
  // One forged spoils all, whichever it is.
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::vector<NoteSignature> spoiled = lines;
    spoiled[i] = forged(spoiled[i]);
    CHECK(status_of(world.judge(first_request(text, spoiled), world.mark(0), keys)) == 403);
  }
}

TEST_CASE("cosigning: a key of another name than the origin, as Go's checksum database has it") {
  CosignWorld world;
  world.origin = "go.sum database tree";
  world.key = make_cosign_key("sum.example");
  CHECK(status_of(world.judge(world.request(0, 5), world.mark(0))) == 200);
}

TEST_CASE("cosigning: keys with which no log signs are ignored, valid or forged") {
  const CosignWorld world;
  const std::string text = world.text(5);
  const NoteSignature good = sign_as_log(world.key, text);
  const auto cosigner = make_cosign_key(world.origin, NoteAlgorithm::kCosignatureEd25519);
  const NoteSignature cosigned = cosign_note(text, world.origin, cosigner.secret, 17).value();
  const auto ct = VerifierKey::make(world.origin, NoteAlgorithm::kRfc6962, Bytes(32, 5)).value();
  const std::vector<VerifierKey> others = {cosigner.vkey, ct};
  CHECK(status_of(world.judge(first_request(text, {cosigned}), world.mark(0), others)) == 403);
  const NoteSignature ct_line{world.origin, ct.id, Bytes(80, 1)};
  const auto both = first_request(text, {cosigned, forged(cosigned), ct_line, good});
  CHECK(status_of(world.judge(both, world.mark(0), others)) == 403);
  CHECK(status_of(world.judge(both, world.mark(0), {cosigner.vkey, ct, world.key.vkey})) == 200);
}

TEST_CASE("cosigning: what cannot be checked here is no signature, and is said so") {
  const CosignWorld world;
  const std::string text = world.text(5);
  const auto key =
      VerifierKey::make("pq.example", NoteAlgorithm::kMlDsa44, Bytes(kMlDsa44KeyBytes, 1)).value();
  const NoteSignature line{key.name, key.id, Bytes(kMlDsaLineBytes, 0)};
  const auto judged = world.judge(first_request(text, {line}), world.mark(0), {key});
  CHECK(status_of(judged) == 403);
  CHECK_THAT(judged.error().message,
             ContainsSubstring(ml_dsa_available() ? "is wrong" : "cannot check"));
  // Beside one that can be checked it is a forgery where it can be seen to be one.
  const auto beside = first_request(text, {line, sign_as_log(world.key, text)});
  const auto verdict = world.judge(beside, world.mark(0), {key, world.key.vkey});
  CHECK(status_of(verdict) == (ml_dsa_available() ? 403u : 200u));
  if (verdict) CHECK(verdict->log_lines.size() == 1);
}

TEST_CASE("cosigning: extension lines are signed with the rest") {
  const CosignWorld world;
  const std::string text = world.text(5) + "extension 1\nand 2\n";
  const auto judged = world.judge({0, {}, world.note(text)}, world.mark(0));
  REQUIRE(judged);
  CHECK(judged->text == text);
  CHECK(judged->checkpoint.extensions == std::vector<std::string>{"extension 1", "and 2"});
  // One that was added to what the log signed.
  const auto added = first_request(text, {sign_as_log(world.key, world.text(5))});
  CHECK(status_of(world.judge(added, world.mark(0))) == 403);
}

TEST_CASE("cosigning: sizes up to 2^62") {
  const CosignWorld world;
  const auto status = [&](const std::string& size) {
    std::string text = world.text(5);
    text.replace(text.find("\n5\n") + 1, 1, size);
    return status_of(world.judge({0, {}, world.note(text)}, world.mark(0)));
  };
  CHECK(status("4611686018427387904") == 200);
  CHECK(status("4611686018427387905") == 400);
  CHECK(status("9223372036854775807") == 400);
  CHECK(status("9223372036854775808") == 400);
  CHECK(status("18446744073709551616") == 400);
  CHECK(status(std::string(1'000, '9')) == 400);
}

TEST_CASE("cosigning: what is not a signed checkpoint is 400") {
  const CosignWorld world;
  const std::string text = world.text(5);
  const std::string note = world.note(text);
  const auto status = [&](const std::string& bytes) {
    return status_of(world.judge({0, {}, bytes}, world.mark(0)));
  };
  REQUIRE(status(note) == 200);
  CHECK(status("") == 400);
  CHECK(status("\n") == 400);
  CHECK(status("\n\n\n") == 400);
  CHECK(status(text) == 400);
  CHECK(status(text + "\n") == 400);
  CHECK(status(note + "\n") == 400);
  CHECK(status(note + "x") == 400);
  CHECK(status("\n" + note) == 400);
  CHECK(status(world.note("a plain note\n")) == 400);
  CHECK(status(world.note(world.origin + "\n5\n")) == 400);
  CHECK(status(std::string(limits::kNoteBytesMax + 1, 'x')) == 400);
  for (const std::string size : {"05", "+5", "-5", " 5", "5 ", "0x5", "", "5\r", "\xd9\xa5"}) {
    std::string changed = text;
    changed.replace(changed.find("\n5\n") + 1, 1, size);
    CHECK(status(Note{changed, {sign_as_log(world.key, text)}}.encode()) == 400);
  }
  // Cut anywhere, or with a hostile byte anywhere, it is refused and nothing else happens.
  for (std::size_t i = 0; i < note.size(); ++i) {
    INFO(i);
    REQUIRE(status(note.substr(0, i)) != 200);
    for (const char c : {'\0', '\r', '\n', '\x7f', '\xff', ' ', '='}) {
      std::string changed = note;
      changed[i] = c;
      if (changed != note) REQUIRE(status(changed) != 200);
    }
  }
}

TEST_CASE("cosigning: each refusal has its status and its name") {
  const std::vector<std::pair<CosignRefusal, unsigned>> all = {
      {CosignRefusal::kMalformed, 400},     {CosignRefusal::kUnknownLog, 404},
      {CosignRefusal::kBadSignature, 403},  {CosignRefusal::kConflict, 409},
      {CosignRefusal::kUnprocessable, 422}, {CosignRefusal::kOverQuota, 429},
      {CosignRefusal::kUnavailable, 503}};
  std::string names;
  for (const auto& [refusal, status] : all) {
    CHECK(http_status(refusal) == status);
    names += std::string(to_string(refusal)) + " ";
  }
  CHECK(names ==
        "malformed unknown-log bad-signature conflict unprocessable over-quota unavailable ");
}

}  // namespace
}  // namespace witan
