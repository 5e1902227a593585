#pragma once
// The entries that an audit has seen, so that none stands twice: 16 bytes of each in the order of
// the log, and a hash table of positions, about 24 bytes an entry in all. Two different entries
// that share 16 bytes would be taken for one; making such a pair takes 2^64 hashes and only raises
// a false alarm.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan::audit {

class SeenEntries {
 public:
  SeenEntries();

  // Appends the next entry of the log. Gives the index of an equal one before it, if any (it is
  // then not appended). More than 2^32 - 2 entries cannot be kept: kTooLarge.
  [[nodiscard]] Result<std::optional<std::uint64_t>> add(const Hash32& entry);
  [[nodiscard]] std::uint64_t size() const { return order_.size(); }

  // Reads the first `count` entries of a file that append_to() wrote. kNotFound, kMalformed
  // (shorter), kIo.
  static Result<SeenEntries> load(const std::string& file, std::uint64_t count);
  // Makes the file hold the first `count` entries, of which it has `kept` already, and syncs it.
  // kIo.
  [[nodiscard]] Result<void> append_to(const std::string& file, std::uint64_t kept,
                                       std::uint64_t count) const;

 private:
  using Prefix = std::array<std::uint8_t, 16>;

  [[nodiscard]] Result<std::optional<std::uint64_t>> add(const Prefix& prefix);
  [[nodiscard]] std::size_t slot_of(const Prefix& prefix) const;
  void grow();

  std::uint64_t
      salt_;  // whoever submits chooses entries and could otherwise fill one corner of the table
  std::vector<Prefix> order_;
  std::vector<std::uint32_t> slots_;  // position in order_ plus 1; a power of two, at most 2/3 full
};

}  // namespace witan::audit
