#include <algorithm>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ledger/crypto/sha256.h"
#include "ledger/tree/proof.h"
#include "tests/support/catch.h"
#include "tests/witness/cosign_world.h"

namespace witan {
namespace {

using test::CosignKey;
using test::Hashes;
using test::make_cosign_key;
using test::sign_as_log;

constexpr std::size_t kHistoryLeaves = 40;

// One history of a log: the roots of all its sizes, and proofs between them.
class History {
 public:
  explicit History(Hashes leaves) : leaves_(std::move(leaves)) {
    for (std::size_t size = 0; size <= leaves_.size(); ++size) {
      roots_.push_back(tree_root(TreeSize{size}, reader()).value());
    }
  }

  [[nodiscard]] const Hash32& root(std::size_t size) const { return roots_.at(size); }
  [[nodiscard]] Hashes proof(std::size_t from, std::size_t to) const {
    return consistency_proof(TreeSize{from}, TreeSize{to}, reader()).value();
  }
  [[nodiscard]] bool has(const CosignMark& head) const {
    return head.size.value < roots_.size() && roots_[head.size.value] == head.root;
  }

 private:
  [[nodiscard]] NodeReader reader() const {
    return [this](NodeId id) -> Result<Hash32> { return node(id.level, id.index); };
  }
  [[nodiscard]] Hash32 node(unsigned level, std::uint64_t index) const {
    if (level == 0) return leaves_.at(index);
    return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1));
  }

  Hashes leaves_;
  Hashes roots_;
};

// A log that holds its key and tells whatever it wants: several histories that part somewhere.
class LyingLog {
 public:
  LyingLog(const CosignKey& key, std::uint64_t seed) : key_(key), random_(seed) {
    Hashes leaves;
    for (std::size_t i = 0; i < kHistoryLeaves; ++i) leaves.push_back(random_hash());
    histories_.emplace_back(leaves);
    for (std::size_t fork = 0; fork < 3; ++fork) {
      Hashes forked = leaves;
      for (std::size_t i = below(kHistoryLeaves); i < forked.size(); ++i) forked[i] = random_hash();
      histories_.emplace_back(std::move(forked));
    }
  }

  [[nodiscard]] const std::vector<History>& histories() const { return histories_; }
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }

  // Any of its histories, or a step from one to another, with a proof that is right, changed, of
  // another history or of other sizes.
  AddCheckpointRequest hostile_request(const CosignMark& mark) {
    const History& told = any_history();
    const std::size_t size = below(kHistoryLeaves + 1);
    AddCheckpointRequest out;
    out.old_size = below(4) == 0 ? below(kHistoryLeaves + 1) : mark.size.value;
    const std::size_t from = below(4) == 0 ? below(size + 1) : out.old_size;
    if (from <= size) out.proof = any_history().proof(from, size);
    if (below(2) == 0 && from <= size) out.proof = told.proof(from, size);
    if (below(5) == 0) spoil(out.proof);
    Hash32 root = told.root(size);
    if (below(12) == 0) root = random_hash();
    if (below(12) == 0) root = mark.root;
    if (below(12) == 0) root = any_history().root(below(kHistoryLeaves + 1));
    out.note = signed_note(size, root);
    if (below(10) == 0) out.note[out.note.size() - 2 - below(60)] ^= 1;
    return out;
  }

  AddCheckpointRequest honest_request(const History& history, const CosignMark& mark) {
    const std::size_t from = mark.size.value;
    const std::size_t size = from + below(kHistoryLeaves + 1 - from);
    return {from, history.proof(from, size), signed_note(size, history.root(size))};
  }

 private:
  const History& any_history() { return histories_[below(histories_.size())]; }
  Hash32 random_hash() {
    Hash32 out{};
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random_());
    return out;
  }
  void spoil(Hashes& proof) {
    const std::size_t how = below(4);
    if (how == 0) proof.push_back(random_hash());
    if (how == 1 && !proof.empty())
      proof.erase(proof.begin() + static_cast<std::ptrdiff_t>(below(proof.size())));
    if (how == 2 && !proof.empty()) proof[below(proof.size())][below(32)] ^= 1;
    if (how == 3) std::reverse(proof.begin(), proof.end());
  }
  [[nodiscard]] std::string signed_note(std::size_t size, const Hash32& root) const {
    const std::string text = Checkpoint{key_.vkey.name, TreeSize{size}, root, {}}.text();
    return Note{text, {sign_as_log(key_, text)}}.encode();
  }

  const CosignKey& key_;
  std::mt19937_64 random_;
  std::vector<History> histories_;
};

bool are_one_history(const LyingLog& log, const std::vector<CosignMark>& heads) {
  return std::any_of(log.histories().begin(), log.histories().end(), [&](const History& history) {
    return std::all_of(heads.begin(), heads.end(),
                       [&](const CosignMark& head) { return history.has(head); });
  });
}

// A first head with an invented root is nobody's history; then no other size can follow.
bool are_one_size(const std::vector<CosignMark>& heads) {
  return std::all_of(heads.begin(), heads.end(), [&](const CosignMark& head) {
    return head.size.value == 0 || head == heads.back();
  });
}

TEST_CASE("cosigning: whatever a log says, what was cosigned is one history that only grows") {
  const CosignKey key = make_cosign_key("log.example/1");
  std::size_t cosigned = 0;
  std::size_t asked = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    LyingLog log(key, seed);
    CosignMark mark{TreeSize{0}, empty_root()};
    std::vector<CosignMark> heads;
    for (std::size_t step = 0; step < 80; ++step) {
      INFO("seed " << seed << ", step " << step);
      // Sometimes the log is honest about the history that it stands on: that must be cosigned.
      const auto& all = log.histories();
      const auto stands_on = std::find_if(
          all.begin(), all.end(), [&mark](const History& history) { return history.has(mark); });
      const bool honest = stands_on != all.end() && log.below(16) == 0;
      const auto request =
          honest ? log.honest_request(*stands_on, mark) : log.hostile_request(mark);
      const auto judged = check_cosignable(request, std::span(&key.vkey, 1), mark, "w.example");
      ++asked;
      if (honest) REQUIRE(judged);
      if (!judged) {
        if (judged.error().refusal == CosignRefusal::kConflict) {
          REQUIRE(judged.error().size == mark.size.value);
        }
        continue;
      }
      ++cosigned;
      const CosignMark next{judged->checkpoint.size, judged->checkpoint.root};
      REQUIRE(next.size >= mark.size);
      mark = next;
      heads.push_back(mark);
      REQUIRE((are_one_history(log, heads) || are_one_size(heads)));
    }
  }
  CHECK(cosigned > 300);
  std::cout << "hostile cosigning requests: " << asked << ", cosigned: " << cosigned << "\n";
}

}  // namespace
}  // namespace witan
