// A cosigner whose marks may be old: it signs nothing for an origin until its own signatures, or
// its operator, have said where the origin stands.

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "enclave/client.h"
#include "enclave/hold.h"
#include "enclave/in_process.h"
#include "tests/enclave/cosigner_support.h"
#include "tests/enclave/enclave_support.h"
#include "tests/support/temp_dir.h"

namespace witan::test {
namespace {

std::string note_of(const Cosigned& cosigned) {
  Note note{cosigned.text, cosigned.log_lines};
  note.signatures.insert(note.signatures.end(), cosigned.lines.begin(), cosigned.lines.end());
  return note.encode();
}

// A cosigner that signed more than the copy of its folder knows, which goes on.
struct RolledBack {
  LossyCosignerDisk disk;
  UniformLog log{"log.example/held"};
  UniformLog fork{"log.example/held", 2};
  std::optional<CosignerHost> host;
  Cosigned lost;  // what was signed after the copy, at size 9

  explicit RolledBack(std::uint64_t lost_time = kCosignTime) {
    auto opened = open_cosigner(disk);
    REQUIRE(opened);
    REQUIRE(opened->init(kCosignerName));
    REQUIRE(one(*opened, log.request(0, 5), kCosignTime));
    const LossyCosignerDisk copy = disk;
    const auto signed_later = one(*opened, log.request(5, 9), lost_time);
    REQUIRE(signed_later);
    lost = *signed_later;
    disk = copy;
    reopen();
    REQUIRE(host->hold());
  }
  void reopen() {
    host.reset();
    auto opened = open_cosigner(disk);
    if (!opened) FAIL(opened.error().message);
    host.emplace(std::move(*opened));
  }
  static CosignResult one(CosignerHost& on, const CosignRequest& request, std::uint64_t time_s) {
    auto results = on.cosign(std::span(&request, 1), time_s, 1);
    if (!results) FAIL(results.error().message);
    return results->front();
  }
  CosignResult cosign(const CosignRequest& request, std::uint64_t time_s = kCosignTime) {
    return one(*host, request, time_s);
  }
  CosignResult adopt(const std::string& note) {
    const CosignRequest head{{log.verifier()}, {0, {}, note}};
    auto results = host->adopt(std::span(&head, 1));
    if (!results) FAIL(results.error().message);
    return results->front();
  }
  [[nodiscard]] std::string lost_note() const { return note_of(lost); }
};

CosignRefusal refusal_of(const CosignResult& result) {
  REQUIRE(!result);
  return result.error().refusal;
}

}  // namespace

TEST_CASE("hold: a held origin is refused, known or not, also after a restart") {
  RolledBack world;
  for (int round = 0; round < 2; ++round) {
    CHECK(refusal_of(world.cosign(world.log.request(5, 9))) == CosignRefusal::kHeld);
    CHECK(refusal_of(world.cosign(world.fork.request(0, 9))) == CosignRefusal::kHeld);
    CHECK(refusal_of(world.cosign(UniformLog("log.example/new").request(0, 3))) ==
          CosignRefusal::kHeld);
    CHECK(world.host->state()->released == 0U);
    CHECK((*world.host->mark(world.log.origin()))->size == TreeSize{5});
    world.reopen();
  }
  CHECK(http_status(CosignRefusal::kHeld) == 503);
}

TEST_CASE("hold: an own signature takes the mark up, and nothing below or beside it is signed") {
  RolledBack world(kCosignTime + 1'000);
  const CosignResult adopted = world.adopt(world.lost_note());
  REQUIRE(adopted);
  CHECK(*adopted == world.lost);
  for (int round = 0; round < 2; ++round) {
    CHECK((*world.host->mark(world.log.origin()))->size == TreeSize{9});
    CHECK(world.host->state()->released == 1U);
    // A store that has the adopted head must not be told of an older one.
    CHECK(world.host->state()->last.empty());
    // The other history that the old marks would have allowed.
    CHECK(refusal_of(world.cosign(world.fork.request(5, 9))) != CosignRefusal::kHeld);
    CHECK(refusal_of(world.cosign(world.log.request(5, 7))) == CosignRefusal::kConflict);
    CHECK(refusal_of(world.cosign(UniformLog("log.example/new").request(0, 3))) ==
          CosignRefusal::kHeld);
    world.reopen();
  }
  const CosignResult next = world.cosign(world.log.request(9, 12));
  REQUIRE(next);
  CHECK(next->time_s == kCosignTime + 1'000);
  // What it cosigned before the head does not come up again behind it.
  for (int round = 0; round < 2; ++round) {
    CHECK(world.host->state()->last == std::vector{*next});
    world.reopen();
  }
}

TEST_CASE("hold: heads that a cosigner does not know hold it, though nobody said that it is old") {
  const UniformLog other("log.example/other");
  for (const bool lifted : {false, true}) {
    const std::uint64_t later_s = lifted ? 0 : 1'000;
    RolledBack world(kCosignTime + later_s);
    // As if nobody had held it, or as if all of it had been released.
    world.disk.hold.reset();
    world.reopen();
    if (lifted) {
      REQUIRE(world.host->hold());
      REQUIRE(world.host->release({}));
    }
    REQUIRE(world.cosign(other.request(0, 3)));
    REQUIRE(world.adopt(world.lost_note()));
    for (int round = 0; round < 2; ++round) {
      CHECK(world.host->state()->released == 1U);
      CHECK(refusal_of(world.cosign(other.request(3, 4))) == CosignRefusal::kHeld);
      world.reopen();
    }
    const CosignResult next = world.cosign(world.log.request(9, 12));
    REQUIRE(next);
    CHECK(next->time_s == kCosignTime + later_s);
    CHECK(world.host->state()->last.size() == 2);
  }
}

TEST_CASE("hold: an own line that is later than all it knows shows an old copy, too") {
  RolledBack world;
  world.disk.hold.reset();
  world.reopen();
  const LossyCosignerDisk copy = world.disk;
  const CosignResult later = world.cosign(world.log.request(5, 5), kCosignTime + 9);
  REQUIRE(later);
  const std::string head = note_of(*later);
  REQUIRE(world.adopt(head));
  CHECK_FALSE(world.host->state()->released);
  world.disk = copy;
  world.reopen();
  REQUIRE(world.adopt(head));
  CHECK(world.host->state()->released == 1U);
  CHECK(world.cosign(world.log.request(5, 6))->time_s == kCosignTime + 9);
}

TEST_CASE("hold: heads without a line of its own, below the mark or beside it move nothing") {
  RolledBack world;
  CHECK(refusal_of(world.adopt(world.log.note(9))) == CosignRefusal::kBadSignature);
  CHECK(refusal_of(world.adopt("nothing")) == CosignRefusal::kMalformed);
  std::string forged = world.lost_note();
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  CHECK(refusal_of(world.adopt(forged)) == CosignRefusal::kBadSignature);
  CHECK((*world.host->mark(world.log.origin()))->size == TreeSize{5});
  CHECK(world.host->state()->released == 0U);
  REQUIRE(world.adopt(world.lost_note()));
  REQUIRE(world.cosign(world.log.request(9, 12)));
  const CosignResult below = world.adopt(world.lost_note());
  CHECK(refusal_of(below) == CosignRefusal::kConflict);
  CHECK(below.error().size == 12);
  CHECK((*world.host->mark(world.log.origin()))->size == TreeSize{12});
}

TEST_CASE("hold: two trees of one size under its own key are no head to go on from") {
  LossyCosignerDisk disk;
  auto first = open_cosigner(disk);
  REQUIRE(first);
  REQUIRE(first->init(kCosignerName));
  const LossyCosignerDisk copy = disk;
  const UniformLog log("log.example/held"), fork("log.example/held", 2);
  const CosignResult one = RolledBack::one(*first, log.request(0, 9), kCosignTime);
  REQUIRE(one);
  LossyCosignerDisk put_back = copy;
  auto second = open_cosigner(put_back);
  REQUIRE(second);
  REQUIRE(RolledBack::one(*second, fork.request(0, 9), kCosignTime));
  Note note{one->text, one->log_lines};
  note.signatures.insert(note.signatures.end(), one->lines.begin(), one->lines.end());
  const CosignRequest head{{log.verifier()}, {0, {}, note.encode()}};
  const auto results = second->adopt(std::span(&head, 1));
  REQUIRE(results);
  CHECK(refusal_of(results->front()) == CosignRefusal::kUnprocessable);
  CHECK_THAT(results->front().error().message, ContainsSubstring("must not be used any more"));
}

TEST_CASE("hold: another cosigner's line is not its own, whatever the name") {
  RolledBack world, other;
  CHECK(refusal_of(world.adopt(other.lost_note())) == CosignRefusal::kBadSignature);
}

TEST_CASE("hold: the operator's word releases single origins, or all") {
  RolledBack world;
  const std::vector<std::string> origins = {world.log.origin()};
  REQUIRE(world.host->release(origins));
  world.reopen();
  CHECK(refusal_of(world.cosign(UniformLog("log.example/new").request(0, 3))) ==
        CosignRefusal::kHeld);
  REQUIRE(world.cosign(world.log.request(5, 6)));
  REQUIRE(world.host->release({}));
  world.reopen();
  CHECK(world.cosign(UniformLog("log.example/new").request(0, 3)));
  CHECK_FALSE(world.host->state()->released);
  // A second hold begins anew.
  REQUIRE(world.host->hold());
  CHECK(refusal_of(world.cosign(world.log.request(6, 7))) == CosignRefusal::kHeld);
}

TEST_CASE("hold: requests of held and free origins in one batch are answered in their order") {
  RolledBack world;
  REQUIRE(world.adopt(world.lost_note()));
  const UniformLog held("log.example/new");
  const std::vector<CosignRequest> batch = {held.request(0, 1), world.log.request(9, 10),
                                            held.request(0, 2), world.log.request(10, 11)};
  const auto results = world.host->cosign(batch, kCosignTime, 1);
  REQUIRE(results);
  CHECK(refusal_of((*results)[0]) == CosignRefusal::kHeld);
  CHECK((*results)[1].value().mark.size == TreeSize{10});
  CHECK(refusal_of((*results)[2]) == CosignRefusal::kHeld);
  CHECK((*results)[3].value().mark.size == TreeSize{11});
}

TEST_CASE("hold: killed before any step of its disk, it is held or knows what it adopted") {
  for (int steps = 0; steps < 4; ++steps) {
    RolledBack world;
    world.disk.dies_after = world.disk.steps + steps;
    const CosignRequest head{{world.log.verifier()}, {0, {}, world.lost_note()}};
    const bool answered = world.host->adopt(std::span(&head, 1)).has_value();
    world.disk.dies_after.reset();
    world.reopen();
    const auto result = world.cosign(world.fork.request(5, 9));
    CHECK(!result);
    const bool adopted = (*world.host->mark(world.log.origin()))->size == TreeSize{9};
    CHECK(adopted == (steps >= 1));
    if (answered) CHECK(world.host->state()->released == 1U);
    CHECK(answered == (steps >= 2));
  }
}

TEST_CASE("hold: only the file that it writes is read") {
  Hold hold;
  hold.saw_time(7);
  hold.release(sha256(as_bytes("a")));
  hold.release(sha256(as_bytes("b")));
  const std::string text = hold.encode();
  CHECK(Hold::parse(text)->encode() == text);
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    const auto found = Hold::parse(std::string_view(text).substr(0, cut));
    CHECK((!found || found->released() < 2));
  }
  for (const std::string bad : {"", "witan-hold/v1\n", "witan-hold/v2\ntime 0\n",
                                "witan-hold/v1\ntime 01\n", "witan-hold/v1\ntime 0\nlifted\nx\n"}) {
    CHECK(!Hold::parse(bad));
  }
  hold.lift();
  CHECK(Hold::parse(hold.encode())->lifted());
  CHECK_FALSE(Hold::parse(hold.encode())->holds(sha256(as_bytes("c"))));
}

TEST_CASE("a retired folder starts no signer, and says why") {
  TempDir dir;
  const auto folder = dir.path() / "enclave";
  {
    auto signer = EnclaveProcess::start(enclave_program(), folder);
    REQUIRE(signer);
    REQUIRE((*signer)->init_cosigner(kCosignerName));
  }
  std::ofstream(folder / "retired") << "moved away\n";
  const auto refused = EnclaveProcess::start(enclave_program(), folder);
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::kRefused);
  CHECK_THAT(refused.error().message, ContainsSubstring("moved away"));
  CHECK(!InProcessCosigner::open(system_random(), folder));
}

}  // namespace witan::test
