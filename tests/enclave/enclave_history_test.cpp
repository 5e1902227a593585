// Whatever is asked of the signer in whatever order, its heads tell one history.

#include <cstdint>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <variant>
#include <vector>

#include "enclave/core.h"
#include "enclave/messages.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "ledger/tree/proof.h"
#include "tests/enclave/enclave_support.h"
#include "tests/enclave/signed_head_check.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

// Everything that may happen to a core, against a list of the entries that it must have.
class HostileRun {
 public:
  explicit HostileRun(std::uint64_t seed) : random_(seed), core_({}, system_random()) {}

  void run(int steps) {
    perform(InitRequest{kOrigin, kIssuer});
    for (int i = 0; i < steps; ++i) perform(next_request());
    check_heads();
  }
  [[nodiscard]] std::size_t heads() const { return released_.size(); }
  [[nodiscard]] std::size_t crashes() const { return crashes_; }

 private:
  std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }

  EnclaveRequest next_request() {
    switch (pick(16)) {
      case 0:
        return InitRequest{pick(2) == 0 ? kOrigin : "other.example", kIssuer};
      case 1:
        return AttestRequest{Bytes(pick(70))};
      case 2:
      case 3:
        return last_append_;
      case 4: {  // almost the last one
        AppendRequest request = last_append_;
        if (pick(2) == 0) request.time_ms += pick(3);
        if (pick(2) == 0 && !request.entries.empty()) request.entries.back()[0] ^= 1;
        if (pick(4) == 0) request.prev.value += pick(3) - 1;
        return request;
      }
      default:
        break;
    }
    AppendRequest request;
    request.prev = TreeSize{leaves_.size()};
    request.time_ms = time_ms_ + pick(4);
    if (pick(8) != 0) request.prev.value += pick(7) - 3;
    if (pick(6) == 0) request.prev.value = random_();
    if (pick(3) == 0) request.time_ms -= pick(3);
    if (pick(20) == 0) request.time_ms = random_();
    request.entries = numbered_entries(random_(), pick(6));
    return request;
  }

  void perform(const EnclaveRequest& wanted) {
    // Through the wire now and then: what the decoder refuses never reaches the core.
    EnclaveRequest request = wanted;
    if (pick(8) == 0) {
      const auto decoded = decode_request(encode_request(wanted));
      if (!decoded) return;
      REQUIRE(*decoded == wanted);
      request = *decoded;
    }
    Step step = core_.step(request);
    if (!step.seal) {
      release(step.reply);
      return;
    }
    const std::uint64_t fate = pick(20);
    if (fate == 0) {  // sealing failed
      core_.discard();
    } else if (fate == 1) {  // killed before sealing
      reboot();
    } else {
      sealed_ = to_bytes(step.seal->state.view());
      accept(request);
      if (fate == 2) {  // killed after sealing: the reply is lost
        reboot();
      } else {
        core_.commit();
        release(step.reply);
      }
    }
  }

  void accept(const EnclaveRequest& request) {
    const auto* append_request = std::get_if<AppendRequest>(&request);
    if (append_request == nullptr) return;
    REQUIRE(append_request->prev.value == leaves_.size());
    REQUIRE(append_request->time_ms >= time_ms_);
    for (const Hash32& entry : append_request->entries) leaves_.push_back(leaf_hash(entry));
    time_ms_ = append_request->time_ms;
    last_append_ = *append_request;
  }

  void reboot() {
    ++crashes_;
    if (sealed_.empty()) {
      core_ = EnclaveCore({}, system_random());
      perform(InitRequest{kOrigin, kIssuer});
      return;
    }
    auto restored = EnclaveCore::restore({}, system_random(), sealed_);
    REQUIRE(restored);
    core_ = std::move(*restored);
  }

  void release(const EnclaveReply& reply) {
    std::optional<SignedHead> head;
    if (const auto* signed_head = std::get_if<SignedHead>(&reply)) head = *signed_head;
    if (const auto* state = std::get_if<SignerState>(&reply)) head = state->last;
    if (!head) return;
    // Whatever leaves is the present head, and a size has one head for ever.
    REQUIRE(head->head.size.value == leaves_.size());
    const auto [place, fresh] = released_.emplace(head->head.size.value, *head);
    REQUIRE(place->second == *head);
    if (fresh && released_.size() % 16 == 0) {
      const SignerState keys = std::get<SignerState>(core_.step(AttestRequest{}).reply);
      check_signatures(keys, *head);
    }
  }

  Hash32 node(NodeId id) const {
    if (id.level == 0) return leaves_[id.index];
    return node_hash(node({id.level - 1, 2 * id.index}), node({id.level - 1, 2 * id.index + 1}));
  }

  void check_heads() const {
    const NodeReader nodes = [this](NodeId id) -> Result<Hash32> { return node(id); };
    const SignedHead* older = nullptr;
    std::size_t count = 0;
    for (const auto& [size, head] : released_) {
      REQUIRE(size >= 2);
      if (older != nullptr) REQUIRE(older->head.time_ms <= head.head.time_ms);
      if (older != nullptr && ++count % 8 == 0) {
        const auto proof = consistency_proof(older->head.size, head.head.size, nodes);
        REQUIRE(proof);
        REQUIRE(verify_consistency(older->head.size, head.head.size, *proof, older->head.root,
                                   head.head.root));
        REQUIRE(tree_root(head.head.size, nodes) == head.head.root);
      }
      older = &head;
    }
  }

  std::mt19937_64 random_;
  EnclaveCore core_;
  std::vector<Hash32> leaves_;  // of everything that was sealed
  std::uint64_t time_ms_ = 0;
  AppendRequest last_append_;
  Bytes sealed_;
  std::map<std::uint64_t, SignedHead> released_;
  std::size_t crashes_ = 0;
};

}  // namespace

TEST_CASE("enclave core: no sequence of calls, failures and crashes yields two histories") {
  init_crypto();
  constexpr int kRuns = 40;
  constexpr int kSteps = 5'000;
  std::size_t heads = 0, crashes = 0;
  for (int seed = 1; seed <= kRuns; ++seed) {
    INFO("seed " << seed);
    HostileRun run(static_cast<std::uint64_t>(seed));
    run.run(kSteps);
    heads += run.heads();
    crashes += run.crashes();
  }
  CHECK(heads > 1'000);
  CHECK(crashes > 100);
  std::cout << "enclave steps checked: " << kRuns * kSteps << " (" << heads << " heads, " << crashes
            << " crashes)\n";
}

}  // namespace witan::test
