#include "ledger/format/cosignature.h"

#include <array>

namespace witan {
namespace {

constexpr std::size_t kTimestampBytes = 8;
// With its terminating zero, 12 bytes.
constexpr std::array<std::uint8_t, 12> kSubtreeLabel = {'s', 'u', 'b', 't', 'r',  'e',
                                                        'e', '/', 'v', '1', '\n', '\0'};

void append_u64(Bytes& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

Result<void> append_name(Bytes& out, std::string_view name, std::string_view what) {
  if (name.empty() || name.size() > 255) {
    return fail(ErrorCode::kMalformed, "cosigned message: " + std::string(what) + " of " +
                                           std::to_string(name.size()) +
                                           " bytes, expected 1 to 255");
  }
  out.push_back(static_cast<std::uint8_t>(name.size()));
  append(out, as_bytes(name));
  return {};
}

}  // namespace

std::string cosignature_v1_message(std::string_view note_text, std::uint64_t time_s) {
  std::string message = "cosignature/v1\ntime " + std::to_string(time_s) + "\n";
  message += note_text;
  return message;
}

Result<Bytes> subtree_message(const SubtreeStatement& statement) {
  if (statement.start > statement.end) {
    return fail(ErrorCode::kMalformed, "cosigned message: start " +
                                           std::to_string(statement.start) + " is above end " +
                                           std::to_string(statement.end));
  }
  if (statement.start != 0 && statement.time_s != 0) {
    return fail(ErrorCode::kMalformed,
                "cosigned message: expected time 0 where start is not 0, found " +
                    std::to_string(statement.time_s));
  }
  if (statement.time_s > kCosignatureTimeMax) {
    return fail(ErrorCode::kMalformed, "cosigned message: time above 2^63 - 1");
  }
  Bytes out(kSubtreeLabel.begin(), kSubtreeLabel.end());
  WITAN_TRY(append_name(out, statement.cosigner, "cosigner name"));
  append_u64(out, statement.time_s);
  WITAN_TRY(append_name(out, statement.origin, "log origin"));
  append_u64(out, statement.start);
  append_u64(out, statement.end);
  append(out, statement.hash);
  return out;
}

Result<TimestampedSignature> split_timestamped_signature(BytesView bytes) {
  if (bytes.size() <= kTimestampBytes) {
    return fail(ErrorCode::kMalformed, "timestamped signature: expected more than 8 bytes, found " +
                                           std::to_string(bytes.size()));
  }
  TimestampedSignature out;
  for (const std::uint8_t byte : bytes.first(kTimestampBytes)) {
    out.time_s = (out.time_s << 8) | byte;
  }
  if (out.time_s > kCosignatureTimeMax) {
    return fail(ErrorCode::kMalformed, "timestamped signature: time above 2^63 - 1");
  }
  out.signature = bytes.subspan(kTimestampBytes);
  return out;
}

Bytes join_timestamped_signature(std::uint64_t time_s, BytesView signature) {
  Bytes out;
  out.reserve(kTimestampBytes + signature.size());
  append_u64(out, time_s);
  append(out, signature);
  return out;
}

}  // namespace witan
