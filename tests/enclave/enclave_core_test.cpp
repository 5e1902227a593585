// The signer's rules, without a process or a disk.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "config/limits.h"
#include "enclave/core.h"
#include "enclave/host.h"
#include "enclave/in_process.h"
#include "ledger/attestation/evidence.h"
#include "ledger/crypto/secret.h"
#include "tests/enclave/enclave_support.h"
#include "tests/enclave/signed_head_check.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

std::unique_ptr<InProcessSigner> make_signer(KeepState keep = {}) {
  init_crypto();
  auto signer = InProcessSigner::make(system_random(), std::move(keep));
  REQUIRE(signer);
  return std::move(*signer);
}

ErrorCode code_of(const Result<SignedHead>& result) {
  REQUIRE(!result);
  return result.error().code;
}

}  // namespace

TEST_CASE("enclave core: a head is signed twice over the root of its own tree") {
  const auto signer = make_signer();
  const auto state = signer->init(kOrigin, kIssuer);
  REQUIRE(state);
  CHECK(state->size.value == 0);
  CHECK(!state->last);
  const auto entries = numbered_entries(0, 5);
  const auto head = signer->append(TreeSize{0}, entries, 1'700'000'000'123);
  REQUIRE(head);
  Frontier frontier;
  for (const Hash32& entry : entries) frontier.append(leaf_hash(entry));
  CHECK(head->head == TreeHead{TreeSize{5}, frontier.root(), 1'700'000'000'123});
  check_signatures(*state, *head);
}

TEST_CASE("enclave core: nothing but init is answered before init") {
  const auto signer = make_signer();
  CHECK(code_of(signer->append(TreeSize{0}, numbered_entries(0, 2), 1)) == ErrorCode::kNotFound);
  CHECK(signer->attest({}).error().code == ErrorCode::kNotFound);
}

TEST_CASE("enclave core: init again with the same names gives the state, with others is refused") {
  const auto signer = make_signer();
  const auto first = signer->init(kOrigin, kIssuer);
  REQUIRE(first);
  const auto again = signer->init(kOrigin, kIssuer);
  REQUIRE(again);
  CHECK(again->note_key == first->note_key);
  CHECK(again->cose_key == first->cose_key);
  const auto other = signer->init(kOrigin, "https://other.example");
  REQUIRE(!other);
  CHECK(other.error().code == ErrorCode::kConflict);
  CHECK_THAT(other.error().message, ContainsSubstring("https://other.example"));
  CHECK(signer->init("other.example", kIssuer).error().code == ErrorCode::kConflict);
}

TEST_CASE("enclave core: names that no verifier would take are refused") {
  const auto signer = make_signer();
  for (const char* origin : {"", "with space", "plus+sign", "new\nline", "bell\a", "\xff\xfe"}) {
    CHECK(signer->init(origin, kIssuer).error().code == ErrorCode::kMalformed);
  }
  for (const char* issuer : {"", "new\nline", "\xff\xfe"}) {
    CHECK(signer->init(kOrigin, issuer).error().code == ErrorCode::kMalformed);
  }
  CHECK(signer->init(kOrigin, std::string(limits::kIssuerCharsMax + 1, 'a')).error().code ==
        ErrorCode::kTooLarge);
}

TEST_CASE("enclave core: each rule of append refuses with its own code and changes nothing") {
  const auto signer = make_signer();
  REQUIRE(signer->init(kOrigin, kIssuer));
  CHECK(code_of(signer->append(TreeSize{0}, numbered_entries(0, 1), 5)) == ErrorCode::kRefused);
  REQUIRE(signer->append(TreeSize{0}, numbered_entries(0, 2), 5));
  const auto next = numbered_entries(2, 1);
  CHECK(code_of(signer->append(TreeSize{1}, next, 5)) == ErrorCode::kConflict);
  CHECK(code_of(signer->append(TreeSize{3}, next, 5)) == ErrorCode::kConflict);
  CHECK(code_of(signer->append(TreeSize{2}, next, 4)) == ErrorCode::kStale);
  CHECK(code_of(signer->append(TreeSize{2}, {}, 5)) == ErrorCode::kMalformed);
  CHECK(code_of(signer->append(TreeSize{2}, next, 253'402'300'800'000)) == ErrorCode::kTooLarge);
  const std::vector<Hash32> many(limits::kAppendEntriesMax + 1);
  CHECK(code_of(signer->append(TreeSize{2}, many, 5)) == ErrorCode::kTooLarge);
  CHECK(signer->attest(Bytes(65)).error().code == ErrorCode::kTooLarge);
  const auto state = signer->attest({});
  REQUIRE(state);
  CHECK(state->size.value == 2);
  CHECK(signer->append(TreeSize{2}, next, 5));
}

TEST_CASE("enclave core: only the exact repetition of the last append is answered again") {
  const auto signer = make_signer();
  REQUIRE(signer->init(kOrigin, kIssuer));
  const auto entries = numbered_entries(0, 3);
  const auto head = signer->append(TreeSize{0}, entries, 7);
  REQUIRE(head);
  const auto again = signer->append(TreeSize{0}, entries, 7);
  REQUIRE(again);
  CHECK(*again == *head);
  CHECK(code_of(signer->append(TreeSize{0}, entries, 8)) == ErrorCode::kConflict);
  CHECK(code_of(signer->append(TreeSize{0}, numbered_entries(1, 3), 7)) == ErrorCode::kConflict);
  REQUIRE(signer->append(TreeSize{3}, numbered_entries(3, 1), 7));
  CHECK(code_of(signer->append(TreeSize{0}, entries, 7)) == ErrorCode::kConflict);
}

TEST_CASE("enclave core: a tree of 2^62 leaves is the last") {
  init_crypto();
  EnclaveCore core({}, system_random());
  Step made = core.step(InitRequest{kOrigin, kIssuer});
  core.commit();
  EnclaveState state = *core.state();
  const TreeSize size{limits::kTreeSizeMax - 2};
  std::vector<Hash32> hashes(61, numbered_entry(1));
  state.frontier = *Frontier::restore(size, hashes);
  state.last = SignedHead{};
  state.last->head = TreeHead{size, state.frontier.root(), 0};
  auto full = EnclaveCore::restore({}, system_random(), encode_state(state).view());
  REQUIRE(full);
  const auto code = [&](std::size_t count, std::uint64_t prev) {
    const Step step = full->step(AppendRequest{TreeSize{prev}, numbered_entries(0, count), 0});
    const Error* error = std::get_if<Error>(&step.reply);
    full->commit();
    return error == nullptr ? std::optional<ErrorCode>() : error->code;
  };
  CHECK(code(3, size.value) == ErrorCode::kTooLarge);
  CHECK(code(2, size.value) == std::nullopt);
  CHECK(code(1, limits::kTreeSizeMax) == ErrorCode::kTooLarge);
}

TEST_CASE("enclave core: when sealing fails nothing is signed and nothing changes") {
  bool full = true;
  std::uint64_t kept = 0;
  const auto signer = make_signer([&](std::uint64_t generation, BytesView) -> Result<void> {
    if (full) return fail(ErrorCode::kIo, "no space left");
    kept = generation;
    return {};
  });
  CHECK(signer->init(kOrigin, kIssuer).error().code == ErrorCode::kIo);
  CHECK(signer->attest({}).error().code == ErrorCode::kNotFound);
  full = false;
  REQUIRE(signer->init(kOrigin, kIssuer));
  CHECK(kept == 1);
  full = true;
  const auto refused = signer->append(TreeSize{0}, numbered_entries(0, 2), 1);
  CHECK(code_of(refused) == ErrorCode::kIo);
  CHECK_THAT(refused.error().message, ContainsSubstring("no space left"));
  CHECK(signer->attest({})->size.value == 0);
  full = false;
  // Another batch may take the place of the one that was never signed.
  REQUIRE(signer->append(TreeSize{0}, numbered_entries(9, 2), 1));
  CHECK(kept == 2);
}

TEST_CASE("enclave core: after a crash between seal and reply the same bytes come again") {
  Bytes sealed;
  const auto keep = [&](std::uint64_t, BytesView state) -> Result<void> {
    sealed = to_bytes(state);
    return {};
  };
  const auto signer = make_signer(keep);
  REQUIRE(signer->init(kOrigin, kIssuer));
  const auto entries = numbered_entries(0, 4);
  const auto head = signer->append(TreeSize{0}, entries, 3);
  REQUIRE(head);
  const auto reborn = InProcessSigner::make(system_random(), keep, BytesView(sealed));
  REQUIRE(reborn);
  CHECK((*reborn)->attest({})->last == *head);
  const auto again = (*reborn)->append(TreeSize{0}, entries, 3);
  REQUIRE(again);
  CHECK(*again == *head);
}

TEST_CASE("enclave core: evidence binds nonce, keys and last head and verifies under the vkey") {
  const auto signer = make_signer();
  REQUIRE(signer->init(kOrigin, kIssuer));
  const auto head = signer->append(TreeSize{0}, numbered_entries(0, 4), 3);
  const Bytes nonce{1, 2, 3};
  const auto state = signer->attest(nonce);
  REQUIRE(state);
  const auto vkey = VerifierKey::make(kOrigin, NoteAlgorithm::kEd25519, state->note_key);
  REQUIRE(vkey);
  const auto evidence = verify_evidence(state->evidence, nonce, *vkey);
  REQUIRE(evidence);
  CHECK(evidence->grade == Grade::kSim);
  CHECK(evidence->last == EvidenceHead{head->head.size, head->head.root});
  CHECK(verify_evidence(state->evidence, Bytes{1, 2, 4}, *vkey).error().code == ErrorCode::kStale);
}

}  // namespace witan::test
