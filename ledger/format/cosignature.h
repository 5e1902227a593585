#pragma once
// The messages that cosigners sign: witnesses and mirrors, and logs with ML-DSA keys.
// Source: C2SP tlog-cosignature.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

// Seconds since 1970; the specification allows none above 2^63 - 1.
inline constexpr std::uint64_t kCosignatureTimeMax =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

// "cosignature/v1\ntime <time_s>\n" and the note's text: what an Ed25519 cosigner signs.
[[nodiscard]] std::string cosignature_v1_message(std::string_view note_text, std::uint64_t time_s);

// What an ML-DSA-44 cosigner signs: the leaves [start, end) of the log `origin` have this root. A
// checkpoint is start 0, end = size. time_s 0 makes no statement about when; it must be 0 when
// start is not.
struct SubtreeStatement {
  std::string cosigner;
  std::uint64_t time_s = 0;
  std::string origin;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  Hash32 hash{};
};

// The cosigned_message structure. kMalformed when a name is empty or longer than 255 bytes, start
// is above end, the time is above kCosignatureTimeMax, or both start and time are not 0.
[[nodiscard]] Result<Bytes> subtree_message(const SubtreeStatement& statement);

// A signature's timestamp and the bytes after it. kMalformed when shorter than 9 bytes or the
// timestamp is above kCosignatureTimeMax.
struct TimestampedSignature {
  std::uint64_t time_s = 0;
  BytesView signature;  // into the bytes given
};
[[nodiscard]] Result<TimestampedSignature> split_timestamped_signature(BytesView bytes);
// The way back.
[[nodiscard]] Bytes join_timestamped_signature(std::uint64_t time_s, BytesView signature);

}  // namespace witan
