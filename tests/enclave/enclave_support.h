#pragma once
// What the enclave's tests share: a folder that goes away, a disk that loses what was not synced,
// and the program under test.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "enclave/sealed_state.h"
#include "ledger/bytes.h"
#include "ledger/crypto/sha256.h"
#include "ledger/ports/random.h"

namespace witan::test {

// Random bytes from a seed.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "witan-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Two slots behind a cache, as a kernel gives them: a failed sync marks pages clean that the disk
// does not have, and a power loss leaves each unsynced sector old or new.
class LossyDisk final : public SlotDisk {
 public:
  bool fail_write = false;
  bool fail_sync = false;
  bool ignore_sync = false;  // says that it synced, and did not
  int syncs = 0;

  Result<std::optional<std::array<Bytes, 2>>> read() override {
    if (!created_) return std::nullopt;
    return cache_;
  }
  Result<void> create(unsigned slot, BytesView bytes) override {
    if (fail_write || fail_sync) return fail(ErrorCode::kIo, "no space left");
    cache_ = {Bytes(kSlotBytes), Bytes(kSlotBytes)};
    put(slot, bytes);
    disk_ = cache_;
    created_ = true;
    dirty_ = {false, false};
    ++syncs;
    return {};
  }
  Result<void> write(unsigned slot, BytesView bytes) override {
    dirty_[slot] = true;
    if (fail_write) {
      put(slot, bytes.first(bytes.size() / 2));
      return fail(ErrorCode::kIo, "no space left");
    }
    put(slot, bytes);
    return {};
  }
  Result<void> sync() override {
    ++syncs;
    if (ignore_sync) return {};
    for (std::size_t slot = 0; slot < 2; ++slot) {
      if (dirty_[slot] && !fail_sync) disk_[slot] = cache_[slot];
      dirty_[slot] = false;
    }
    if (fail_sync) return fail(ErrorCode::kIo, "input/output error");
    return {};
  }

  void lose_power(std::mt19937_64& random) {
    constexpr std::size_t kSector = 512;
    for (std::size_t slot = 0; created_ && slot < 2; ++slot) {
      const std::uint64_t fate = random() % 3;  // nothing, everything, or some sectors
      for (std::size_t at = 0; dirty_[slot] && at < kSlotBytes; at += kSector) {
        if (fate == 0 || (fate == 2 && random() % 2 == 0)) continue;
        std::copy_n(cache_[slot].begin() + static_cast<std::ptrdiff_t>(at), kSector,
                    disk_[slot].begin() + static_cast<std::ptrdiff_t>(at));
      }
      dirty_[slot] = false;
    }
    cache_ = disk_;
  }
  [[nodiscard]] const std::array<Bytes, 2>& on_disk() const { return disk_; }
  void change(unsigned slot, std::size_t at) { cache_[slot][at] ^= 1; }
  void put_back(unsigned slot, const Bytes& bytes) { cache_[slot] = bytes; }

 private:
  void put(unsigned slot, BytesView bytes) {
    std::copy(bytes.begin(), bytes.end(), cache_[slot].begin());
  }
  bool created_ = false;
  std::array<Bytes, 2> cache_;
  std::array<Bytes, 2> disk_;
  std::array<bool, 2> dirty_{};
};

inline Hash32 numbered_entry(std::uint64_t number) {
  const std::string text = "entry " + std::to_string(number);
  return sha256(as_bytes(text));
}

inline std::vector<Hash32> numbered_entries(std::uint64_t first, std::size_t count) {
  std::vector<Hash32> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(numbered_entry(first + i));
  return out;
}

inline std::filesystem::path enclave_program() {
  return std::filesystem::path(WITAN_BINARY_DIR) / "bin" / "witan-enclave";
}

}  // namespace witan::test
