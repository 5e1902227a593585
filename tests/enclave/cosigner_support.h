#pragma once
// Logs to be cosigned, of any size: all leaves of one are the same, so that a root and a proof of a
// tree of 2^30 leaves cost no more than one of eight.

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "enclave/cosigner_host.h"
#include "enclave/marks_journal.h"
#include "ledger/bytes.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "ledger/tree/proof.h"
#include "tests/support/catch.h"
#include "witness/cosigner.h"

namespace witan::test {

inline const std::string kCosignerName = "witness.example/w1";
inline constexpr std::uint64_t kCosignTime = 1'700'000'000;

class UniformLog {
 public:
  // The key's name is the origin unless another is given.
  explicit UniformLog(std::string origin, std::uint8_t leaf = 1, std::string key_name = {})
      : origin_(std::move(origin)),
        key_name_(key_name.empty() ? origin_ : std::move(key_name)),
        key_(make_key(key_name_)) {
    levels_.push_back(leaf_hash(Bytes(1, leaf)));
    while (levels_.size() < 63) levels_.push_back(node_hash(levels_.back(), levels_.back()));
  }

  [[nodiscard]] const std::string& origin() const { return origin_; }
  [[nodiscard]] VerifierKey verifier() const {
    return *VerifierKey::make(key_name_, NoteAlgorithm::kEd25519, key_.public_key().raw());
  }
  [[nodiscard]] Hash32 root(std::uint64_t size) const {
    return size == 0 ? empty_root() : *tree_root(TreeSize{size}, nodes());
  }
  [[nodiscard]] CosignMark mark(std::uint64_t size) const {
    return CosignMark{TreeSize{size}, root(size)};
  }
  [[nodiscard]] std::string note(std::uint64_t size) const {
    Note out;
    out.text = Checkpoint{origin_, TreeSize{size}, root(size), {}}.text();
    out.signatures.push_back(*sign_note(out.text, key_name_, key_));
    return out.encode();
  }
  // To move a mark from one size to another.
  [[nodiscard]] CosignRequest request(std::uint64_t from, std::uint64_t to) const {
    CosignRequest out;
    out.log_keys.push_back(verifier());
    out.request.old_size = from;
    if (from <= to) out.request.proof = *consistency_proof(TreeSize{from}, TreeSize{to}, nodes());
    out.request.note = note(to);
    return out;
  }

 private:
  static PrivateKey make_key(const std::string& origin) {
    init_crypto();
    return std::move(*PrivateKey::from_secret(KeyKind::kEd25519, sha256(as_bytes(origin))));
  }
  [[nodiscard]] NodeReader nodes() const {
    return [this](NodeId id) -> Result<Hash32> { return levels_[id.level]; };
  }

  std::string origin_;
  std::string key_name_;
  PrivateKey key_;
  std::vector<Hash32> levels_;
};

// Whether the lines are the cosigner's over the text, at the time that is said.
inline void check_cosigned(const Cosigned& cosigned, const VerifierKey& cosigner) {
  const Note note{cosigned.text, cosigned.lines};
  const auto verified = verify_note(note, cosigner);
  REQUIRE(verified);
  REQUIRE(verified->timestamp == cosigned.time_s);
  const auto checkpoint = Checkpoint::parse(cosigned.text);
  REQUIRE(checkpoint);
  REQUIRE(checkpoint->origin == cosigned.origin);
  REQUIRE(cosigned.mark == CosignMark{checkpoint->size, checkpoint->root});
  REQUIRE(!cosigned.log_lines.empty());
}

inline MachineKey cosigner_machine_key(std::uint8_t first = 1) {
  init_crypto();
  auto key = MachineKey::make(Bytes(kMachineKeyBytes, first));
  REQUIRE(key);
  return std::move(*key);
}

// The cosigner's files behind a cache, as a kernel gives them (compare LossyDisk).
class LossyCosignerDisk final : public CosignerDisk {
 public:
  bool fail_write = false;
  bool fail_sync = false;
  bool ignore_sync = false;  // says that it synced, and did not
  // Replacing: fails before the rename; or after it, so that a power loss may take it back.
  enum class Replace { kWorks, kFailsBefore, kFailsAfter } replace = Replace::kWorks;
  int syncs = 0;
  int replaces = 0;
  int steps = 0;                                       // calls that change something
  std::optional<int> dies_after;                       // as many steps: later ones do nothing
  std::optional<Bytes> keys, snapshot, journal, hold;  // what processes see

  Result<std::optional<Bytes>> read_keys() override { return keys; }
  Result<std::optional<Bytes>> read_snapshot() override { return snapshot; }
  Result<std::optional<Bytes>> read_hold() override { return hold; }
  Result<void> replace_hold(BytesView bytes) override {
    if (dead()) return fail(ErrorCode::kIo, "killed");
    if (replace == Replace::kFailsBefore) return fail(ErrorCode::kIo, "no space left");
    hold = to_bytes(bytes);
    return {};
  }
  Result<std::optional<std::uint64_t>> journal_bytes() override {
    if (!journal) return std::nullopt;
    return journal->size();
  }
  Result<void> read_journal(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (offset + out.size() > journal->size()) return fail(ErrorCode::kIo, "ended early");
    std::copy_n(journal->begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }
  Result<void> create_keys(BytesView bytes) override {
    if (dead()) return fail(ErrorCode::kIo, "killed");
    keys = to_bytes(bytes);
    return {};
  }
  Result<void> replace_snapshot(BytesView bytes) override {
    if (dead()) return fail(ErrorCode::kIo, "killed");
    ++replaces;
    if (replace == Replace::kFailsBefore) return fail(ErrorCode::kIo, "no space left");
    durable_snapshot_ = replace == Replace::kFailsAfter ? durable_snapshot_ : to_bytes(bytes);
    if (ignore_sync && snapshot) durable_snapshot_ = snapshot;
    snapshot = to_bytes(bytes);
    if (replace == Replace::kFailsAfter) return fail(ErrorCode::kIo, "input/output error");
    return {};
  }
  Result<void> create_journal(std::size_t zeroes) override {
    if (dead()) return fail(ErrorCode::kIo, "killed");
    journal = Bytes(zeroes);
    durable_journal_ = *journal;
    return {};
  }
  Result<void> write_journal(std::uint64_t offset, BytesView bytes) override {
    if (dead()) return fail(ErrorCode::kIo, "killed");
    if (fail_write) bytes = bytes.first(bytes.size() / 2);
    if (journal->size() < offset + bytes.size()) journal->resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), journal->begin() + static_cast<std::ptrdiff_t>(offset));
    for (std::uint64_t at = offset; at < offset + bytes.size(); at += kSector) {
      dirty_[at / kSector] = true;
    }
    if (fail_write) return fail(ErrorCode::kIo, "no space left");
    return {};
  }
  Result<void> sync_journal() override {
    if (dead()) return fail(ErrorCode::kIo, "killed");
    ++syncs;
    if (ignore_sync) return {};
    if (!fail_sync) keep_sectors([] { return true; });
    dirty_.clear();  // a kernel that failed to write a page forgets that it must
    if (fail_sync) return fail(ErrorCode::kIo, "input/output error");
    return {};
  }

  void lose_power(std::mt19937_64& random) {
    const std::uint64_t fate = random() % 3;  // nothing, everything, or some sectors
    keep_sectors([&] { return fate == 1 || (fate == 2 && random() % 2 == 0); });
    dirty_.clear();
    if (journal) journal = durable_journal_;
    if (random() % 2 == 0) snapshot = durable_snapshot_;
    durable_snapshot_ = snapshot;
  }

 private:
  static constexpr std::size_t kSector = 512;

  bool dead() {
    ++steps;
    return dies_after && steps > *dies_after;
  }

  template <typename Keep>
  void keep_sectors(Keep keep) {
    for (const auto& [sector, dirty] : dirty_) {
      const std::size_t begin = sector * kSector;
      const std::size_t end = std::min(begin + kSector, journal->size());
      if (!dirty || !keep()) continue;
      if (durable_journal_.size() < end) durable_journal_.resize(end);
      std::copy(journal->begin() + static_cast<std::ptrdiff_t>(begin),
                journal->begin() + static_cast<std::ptrdiff_t>(end),
                durable_journal_.begin() + static_cast<std::ptrdiff_t>(begin));
    }
  }

  std::optional<Bytes> durable_snapshot_;
  Bytes durable_journal_;
  std::map<std::size_t, bool> dirty_;
};

inline Result<CosignerHost> open_cosigner(LossyCosignerDisk& disk,
                                          std::size_t journal_bytes_max = 64u << 20) {
  return CosignerHost::open(disk, cosigner_machine_key(), system_random(), journal_bytes_max);
}

}  // namespace witan::test
