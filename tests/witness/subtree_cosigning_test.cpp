// The rules of sign-subtree, one by one.
#include "witness/subtree_cosigning.h"

#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "ledger/crypto/ml_dsa.h"
#include "tests/support/catch.h"
#include "tests/witness/subtree_world.h"

namespace witan::test {
namespace {

constexpr std::uint64_t kSubtreeTime = 1'700'000'000;

// Both keys of a witness. Without ML-DSA in this build the second key is one that nobody has.
struct TwoKeyWitness {
  CosignWorld world;
  CosignKey ed25519 = make_cosign_key(world.witness_name, NoteAlgorithm::kCosignatureEd25519);
  std::optional<MlDsa44Key> ml_dsa;
  std::vector<VerifierKey> own;

  TwoKeyWitness() {
    Bytes public_key(kMlDsa44KeyBytes, 1);
    if (auto key = MlDsa44Key::from_seed(Bytes(kMlDsa44SeedBytes, 3)); key) {
      ml_dsa.emplace(std::move(*key));
      public_key = ml_dsa->public_key();
    }
    own = {ed25519.vkey,
           VerifierKey::make(world.witness_name, NoteAlgorithm::kMlDsa44, public_key).value()};
  }

  [[nodiscard]] NoteSignature ed25519_line(std::size_t size) const {
    return cosign_note(world.text(size), world.witness_name, ed25519.secret, kSubtreeTime).value();
  }
  // Of right shape only, where this build has no ML-DSA.
  [[nodiscard]] NoteSignature ml_dsa_line(std::size_t size,
                                          std::uint64_t time_s = kSubtreeTime) const {
    if (!ml_dsa) return {world.witness_name, own[1].id, Bytes(8 + kMlDsa44SignatureBytes)};
    return cosign_subtree(
               {world.witness_name, time_s, world.origin, 0, size, world.tree.mth(0, size)},
               *ml_dsa)
        .value();
  }
  [[nodiscard]] SignSubtreeRequest request(Subtree subtree, std::size_t size) const {
    return subtree_request(world, subtree, size, {ml_dsa_line(size)});
  }
  [[nodiscard]] tl::expected<CosignableSubtree, CosignError> judge(
      const SignSubtreeRequest& asked, std::optional<std::size_t> stands_at = 70) const {
    if (!stands_at) return check_subtree_cosignable(asked, own, nullptr);
    const CosignMark mark = world.mark(*stands_at);
    return check_subtree_cosignable(asked, own, &mark);
  }
};

unsigned status_of(const tl::expected<CosignableSubtree, CosignError>& judgement) {
  return judgement ? 200 : http_status(judgement.error().refusal);
}

TEST_CASE("subtree: what is malformed is 400, before anything else") {
  const TwoKeyWitness witness;
  const auto status = [&](Subtree subtree, std::size_t size) {
    SignSubtreeRequest asked = witness.request({8, 13}, 14);
    asked.subtree = subtree;
    asked.note = Note{witness.world.text(size), {witness.ed25519_line(size)}}.encode();
    return status_of(witness.judge(asked, std::nullopt));
  };
  CHECK(status({8, 13}, 14) == 403);
  CHECK(status({8, 14}, 14) == 403);
  CHECK(status({8, 15}, 14) == 400);  // ends above the checkpoint
  CHECK(status({16, 20}, 14) == 400);
  CHECK(status({8, 8}, 14) == 400);
  CHECK(status({13, 8}, 14) == 400);
  CHECK(status({4, 9}, 14) == 400);  // 4 is no multiple of 8
  CHECK(status({2, 5}, 14) == 400);
  CHECK(status({0, ~0ULL}, 14) == 400);
  CHECK(status({0, 1}, 0) == 400);
  SignSubtreeRequest asked = witness.request({8, 13}, 14);
  for (const std::string& note :
       {std::string(), std::string("x"), witness.world.text(14),
        "not a checkpoint\n\n" + asked.note.substr(asked.note.find("\n\n") + 2)}) {
    asked.note = note;
    CHECK(status_of(witness.judge(asked, std::nullopt)) == 400);
  }
}

TEST_CASE("subtree: bodies with ranges or numbers that are not canonical do not parse") {
  const TwoKeyWitness witness;
  const std::string good = witness.request({8, 13}, 14).encode();
  REQUIRE(SignSubtreeRequest::parse(good));
  CHECK(SignSubtreeRequest::parse(good)->encode() == good);
  const std::string rest = good.substr(good.find('\n'));
  for (const char* line :
       {"subtree 8", "subtree 08 13", "subtree 8 013", "subtree  8 13", "subtree 8 13 ",
        "subtree +8 13", "subtree -8 13", "subtree 8 12x", "subtree 4 9", "subtree 8 8",
        "subtree 13 8", "Subtree 8 13", "subtree 0 18446744073709551616", "old 8", ""}) {
    INFO(line);
    CHECK_FALSE(SignSubtreeRequest::parse(line + rest));
  }
  // No note, no empty line, a hash that is none, too many proof lines.
  CHECK_FALSE(SignSubtreeRequest::parse(good.substr(0, good.find("\n\n") + 2)));
  CHECK_FALSE(SignSubtreeRequest::parse(good.substr(0, good.find("\n\n") + 1)));
  CHECK_FALSE(SignSubtreeRequest::parse("subtree 8 13\nabc" + rest));
  SignSubtreeRequest many = witness.request({8, 13}, 14);
  many.proof.resize(64);
  CHECK_FALSE(SignSubtreeRequest::parse(many.encode()));
}

TEST_CASE("subtree: without the witness's own ML-DSA-44 line it is 403") {
  const TwoKeyWitness witness;
  const CosignWorld& world = witness.world;
  const auto with = [&](std::vector<NoteSignature> lines) {
    return witness.judge(subtree_request(world, {8, 13}, 14, std::move(lines)));
  };
  CHECK(status_of(with({sign_as_log(world.key, world.text(14))})) == 403);  // the log's only
  const auto ed25519_only = with({witness.ed25519_line(14)});
  CHECK(status_of(ed25519_only) == 403);
  CHECK_THAT(ed25519_only.error().message, ContainsSubstring("Ed25519 cosignature only"));
  const CosignKey other = make_cosign_key("w.other", NoteAlgorithm::kCosignatureEd25519);
  CHECK(status_of(with({cosign_note(world.text(14), "w.other", other.secret, 1).value()})) == 403);
  NoteSignature forged = witness.ml_dsa_line(14);
  forged.signature.back() ^= 1;
  CHECK(status_of(with({forged})) == 403);
  CHECK(status_of(with({witness.ml_dsa_line(13)})) == 403);
  if (!witness.ml_dsa) {
    CHECK(status_of(with({witness.ml_dsa_line(14)})) == 403);
    std::cout << "subtrees that are signed skipped: this OpenSSL has no ML-DSA\n";
    return;
  }
  CHECK(status_of(with({witness.ml_dsa_line(14)})) == 200);
  CHECK(status_of(with({sign_as_log(world.key, world.text(14)), witness.ed25519_line(14),
                        witness.ml_dsa_line(14)})) == 200);
  // Any own line that is forged makes a malformed note.
  CHECK(status_of(with({witness.ml_dsa_line(14), forged})) == 403);
  NoteSignature forged_ed25519 = witness.ed25519_line(13);
  CHECK(status_of(with({witness.ml_dsa_line(14), forged_ed25519})) == 403);
  // Those of others are not looked at, and equal lines are verified once.
  NoteSignature foreign = forged;
  foreign.id[0] ^= 1;
  CHECK(status_of(with({foreign, witness.ml_dsa_line(14)})) == 200);
  const NoteSignature again = witness.ml_dsa_line(14);
  CHECK(status_of(with(std::vector<NoteSignature>(20, again))) == 200);
  std::vector<NoteSignature> many;
  for (std::size_t i = 0; i <= kOwnLinesPerKeyMax; ++i) {
    many.push_back(witness.ml_dsa_line(14, kSubtreeTime + i));
  }
  CHECK(status_of(with(many)) == 403);
  many.pop_back();
  CHECK(status_of(with(many)) == 200);
  // A line without a time is over a subtree from 0, of which the same was checked.
  CHECK(status_of(with({witness.ml_dsa_line(14, 0)})) == 200);
}

TEST_CASE("subtree: cosigned, and no mark or one that is behind, is 503") {
  const TwoKeyWitness witness;
  if (!witness.ml_dsa) return;
  const SignSubtreeRequest asked = witness.request({8, 13}, 14);
  CHECK(status_of(witness.judge(asked, std::nullopt)) == 503);
  CHECK(status_of(witness.judge(asked, 14)) == 200);
  CHECK(status_of(witness.judge(asked, 13)) == 503);
  const CosignMark other{TreeSize{14}, witness.world.tree.mth(0, 13)};
  const auto contradicted = check_subtree_cosignable(asked, witness.own, &other);
  CHECK(status_of(contradicted) == 503);
  CHECK_THAT(contradicted.error().message, ContainsSubstring("old copy"));
}

TEST_CASE("subtree: every subtree of a tree is proven, and another hash or proof is 422") {
  const TwoKeyWitness witness;
  if (!witness.ml_dsa) return;
  std::size_t judged = 0;
  for (const std::size_t size : {1u, 2u, 7u, 14u, 33u}) {
    const SignSubtreeRequest reference = witness.request({0, 1}, size);
    for (std::uint64_t start = 0; start < size; ++start) {
      for (std::uint64_t end = start + 1; end <= size; ++end) {
        if (!Subtree{start, end}.valid()) continue;
        SignSubtreeRequest asked =
            subtree_request(witness.world, {start, end}, size, {witness.ml_dsa_line(1)});
        asked.note = reference.note;
        REQUIRE(status_of(witness.judge(asked)) == 200);
        SignSubtreeRequest changed = asked;
        changed.hash[31] ^= 1;
        REQUIRE(status_of(witness.judge(changed)) == 422);
        changed = asked;
        changed.proof.push_back(asked.hash);
        REQUIRE(status_of(witness.judge(changed)) == 422);
        if (!asked.proof.empty()) {
          changed = asked;
          changed.proof.back()[0] ^= 1;
          REQUIRE(status_of(witness.judge(changed)) == 422);
          changed = asked;
          changed.proof.pop_back();
          REQUIRE(status_of(witness.judge(changed)) == 422);
        }
        ++judged;
      }
    }
  }
  std::cout << "subtrees judged: " << judged << "\n";
}

}  // namespace
}  // namespace witan::test
