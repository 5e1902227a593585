// A cosigner with two keys: Ed25519 and ML-DSA-44.

#include <iostream>
#include <string>
#include <variant>
#include <vector>

#include "config/limits.h"
#include "enclave/cosigner_host.h"
#include "enclave/cosigner_messages.h"
#include "enclave/marks_journal.h"
#include "ledger/crypto/ml_dsa.h"
#include "tests/enclave/cosigner_support.h"
#include "tests/witness/subtree_world.h"

namespace witan::test {
namespace {

CosignRequest world_request(const CosignWorld& world, std::size_t from, std::size_t to) {
  return {{world.key.vkey}, world.request(from, to)};
}

Cosigned cosigned_by(CosignerHost& host, const CosignRequest& request) {
  auto results = host.cosign(std::span(&request, 1), kCosignTime, 1);
  if (!results) FAIL(results.error().message);
  REQUIRE(results->size() == 1);
  REQUIRE((*results)[0]);
  return *(*results)[0];
}

std::vector<NoteSignature> subtree_lines(CosignerHost& host, const SignSubtreeRequest& request) {
  const auto result = host.cosign_subtree(request);
  if (!result) FAIL(result.error().message);
  if (!*result) FAIL(result->error().message);
  return **result;
}

bool skip_two_keys() {
  if (ml_dsa_available()) return false;
  std::cout << "cosigners with two keys skipped: this OpenSSL has no ML-DSA\n";
  return true;
}

}  // namespace

TEST_CASE("cosigner with ML-DSA: a build without it makes none and goes on with none") {
  if (ml_dsa_available()) return;
  init_crypto();
  LossyCosignerDisk disk;
  auto host = open_cosigner(disk);
  REQUIRE(host);
  const auto made = host->init(kCosignerName, true);
  REQUIRE(!made);
  CHECK(made.error().code == ErrorCode::kUnsupported);
  CHECK_THAT(made.error().message, ContainsSubstring("OpenSSL 3.5"));
  CHECK_FALSE(disk.keys);  // nothing was made
  REQUIRE(host->init(kCosignerName));

  // A folder from where it was available: both keys or none.
  LossyCosignerDisk other;
  REQUIRE(
      MarksJournal::create(other, cosigner_machine_key(), system_random(), kCosignerName, true));
  const auto opened = open_cosigner(other);
  REQUIRE(!opened);
  CHECK(opened.error().code == ErrorCode::kUnsupported);
  CHECK_THAT(opened.error().message, ContainsSubstring("signs with both or not at all"));
}

TEST_CASE("cosigner with ML-DSA: without such a key subtrees are refused by name") {
  init_crypto();
  CosignerHost host(system_random());
  const CosignWorld world;
  const SignSubtreeRequest request =
      subtree_request(world, {0, 4}, 5, {sign_as_log(world.key, world.text(5))});
  CHECK(host.cosign_subtree(request).error().code == ErrorCode::kNotFound);
  REQUIRE(host.init(kCosignerName));
  const auto refused = host.cosign_subtree(request);
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::kUnsupported);
  CHECK_THAT(refused.error().message, ContainsSubstring("no ML-DSA-44 key"));
  CHECK(host.init(kCosignerName, true).error().code != ErrorCode::kNotFound);
}

TEST_CASE("cosigner with ML-DSA: both keys sign, at one time, before and after a restart") {
  if (skip_two_keys()) return;
  init_crypto();
  LossyCosignerDisk disk;
  auto host = open_cosigner(disk);
  REQUIRE(host);
  const auto made = host->init(kCosignerName, true);
  REQUIRE(made);
  REQUIRE(made->keys.size() == 2);
  CHECK(made->keys[0].algorithm == NoteAlgorithm::kCosignatureEd25519);
  CHECK(made->keys[1].algorithm == NoteAlgorithm::kMlDsa44);
  CHECK(host->init(kCosignerName, true)->keys == made->keys);
  CHECK(host->init(kCosignerName, false).error().code == ErrorCode::kConflict);
  CHECK(host->init("w.other", true).error().code == ErrorCode::kConflict);

  const CosignWorld world;
  std::size_t size = 0;
  std::optional<Cosigned> last;
  for (const std::size_t next : {5u, 9u, 9u, 70u}) {
    if (next == 70) host = open_cosigner(disk);  // as after a restart
    REQUIRE(host);
    last = cosigned_by(*host, world_request(world, size, next));
    REQUIRE(last->lines.size() == 2);
    check_cosigned(*last, made->keys[0]);
    check_cosigned(*last, made->keys[1]);
    size = next;
  }
  host = open_cosigner(disk);
  CHECK(host->state()->keys == made->keys);
  // Asked again, it gives the same bytes, though ML-DSA signatures differ each time.
  CHECK(cosigned_by(*host, world_request(world, 9, 70)) == *last);

  const Subtree subtree{64, 70};
  const SignSubtreeRequest request = subtree_request(world, subtree, 70, last->lines);
  CHECK(signs_subtree(subtree_lines(*host, request), world, subtree, made->keys[1]));
  SignSubtreeRequest wrong = request;
  wrong.hash[0] ^= 1;
  CHECK(host->cosign_subtree(wrong)->error().refusal == CosignRefusal::kUnprocessable);
  wrong = subtree_request(world, subtree, 70, {last->lines[0]});
  CHECK(host->cosign_subtree(wrong)->error().refusal == CosignRefusal::kBadSignature);
  CosignerHost stranger(system_random());
  REQUIRE(stranger.init(kCosignerName, true));
  CHECK(stranger.cosign_subtree(request)->error().refusal == CosignRefusal::kBadSignature);
}

TEST_CASE("cosigner with ML-DSA: an origin that it cannot sign spoils no other's request") {
  if (skip_two_keys()) return;
  init_crypto();
  CosignerHost host(system_random());
  REQUIRE(host.init(kCosignerName, true));
  const UniformLog longest(std::string(255, 'o'));
  const UniformLog too_long(std::string(256, 'o'), 1, "log.example");
  const std::vector<CosignRequest> batch = {too_long.request(0, 3), longest.request(0, 3)};
  const auto results = host.cosign(batch, kCosignTime, 1);
  if (!results) FAIL(results.error().message);
  REQUIRE(!(*results)[0]);
  CHECK((*results)[0].error().refusal == CosignRefusal::kMalformed);
  CHECK_THAT((*results)[0].error().message, ContainsSubstring("at most 255"));
  REQUIRE((*results)[1]);
  CHECK((*results)[1]->lines.size() == 2);
  CHECK(host.init(kCosignerName, true)->marks == 1);
}

TEST_CASE("cosigner with ML-DSA: the largest batch fits into the messages") {
  if (skip_two_keys()) return;
  init_crypto();
  CosignerHost host(system_random());
  REQUIRE(host.init(std::string(255, 'w'), true));
  CosignBatchRequest batch{kCosignTime, 1, {}};
  const UniformLog log(std::string(255, 'o'));
  for (std::size_t i = 0; i < limits::kCosignBatchMax; ++i) {
    batch.requests.push_back(log.request(i, i + 1));
  }
  const Bytes reply = host.handle_message(encode_cosigner_request(batch));
  CHECK(reply.size() < limits::kEnclaveMessageBytesMax);
  const auto decoded = decode_cosigner_reply(reply);
  REQUIRE(decoded);
  for (const CosignResult& result : std::get<CosignResults>(*decoded)) REQUIRE(result);
  const Bytes state = host.handle_message(encode_cosigner_request(CosignerStateRequest{}));
  CHECK(state.size() < limits::kEnclaveMessageBytesMax);
}

TEST_CASE("cosigner with ML-DSA: its messages come out as they went in, and bounded") {
  SignSubtreeRequest request;
  request.subtree = {8, 13};
  request.hash.fill(7);
  request.proof.assign(3, request.hash);
  request.note = "note";
  for (const CosignerRequest& sent :
       {CosignerRequest{request}, CosignerRequest{CosignerInitRequest{kCosignerName, true}},
        CosignerRequest{CosignerInitRequest{kCosignerName, false}}}) {
    const Bytes message = encode_cosigner_request(sent);
    CHECK(is_cosigner_request(message));
    const auto decoded = decode_cosigner_request(message);
    REQUIRE(decoded);
    CHECK(*decoded == sent);
    for (std::size_t size = 0; size < message.size(); ++size) {
      CHECK_FALSE(decode_cosigner_request(BytesView(message).first(size)));
    }
  }
  SignSubtreeRequest large = request;
  large.proof.resize(limits::kProofHashesMax + 1);
  CHECK(decode_cosigner_request(encode_cosigner_request(large)).error().code ==
        ErrorCode::kTooLarge);
  large = request;
  large.note.assign(limits::kNoteBytesMax + 1, 'x');
  CHECK(decode_cosigner_request(encode_cosigner_request(large)).error().code ==
        ErrorCode::kTooLarge);

  const NoteSignature line{"w", {1, 2, 3, 4}, Bytes(9, 5)};
  const CosignError refusal{CosignRefusal::kUnprocessable, "no", 0};
  for (const SubtreeResult& result : {SubtreeResult(std::vector<NoteSignature>{line}),
                                      SubtreeResult(tl::unexpected<CosignError>(refusal))}) {
    const Bytes message = encode_cosigner_reply(CosignerReply{result});
    const auto decoded = decode_cosigner_reply(message);
    REQUIRE(decoded);
    CHECK(std::get<SubtreeResult>(*decoded) == result);
    CHECK(encode_cosigner_reply(*decoded) == message);
  }
  const auto types = [](std::vector<std::uint64_t> of) {
    CborWriter writer;
    writer.array(4).unsigned_integer(1).text("cosigner-init").text("w").array(of.size());
    for (const std::uint64_t type : of) writer.unsigned_integer(type);
    return decode_cosigner_request(writer.data()).has_value();
  };
  CHECK(types({4}));
  CHECK(types({4, 6}));
  for (const std::vector<std::uint64_t>& bad :
       {std::vector<std::uint64_t>{}, {6}, {6, 4}, {4, 4}, {4, 6, 6}, {1}}) {
    CHECK_FALSE(types(bad));
  }
}

}  // namespace witan::test
